"""The code in the docs is the examples', as it is tested, and what the docs link to is there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.embed_examples import FILE_BLOCK, PAGES, code_of, embedded
from tests.examples.example import EXAMPLES, ROOT, commands_of

LINK = re.compile(r"\]\(([^)#\s]+)?(#[\w-]+)?\)")
README_OF_EXAMPLES = sorted(EXAMPLES.glob("*/README.md"))


def text(page: Path) -> str:
    return page.read_text("utf-8")


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)", text(page), re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def names(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


@pytest.mark.parametrize("path", PAGES, ids=names(PAGES))
def test_page_shows_the_code_as_it_is(path: Path) -> None:
    assert embedded(text(path)) == text(path), "run `make format`"


def test_old_code_is_noticed() -> None:
    page = text(ROOT / "docs/multi-tenant.md")
    assert embedded(page.replace("user.tenant", "user.name")) == page


def test_part_of_a_file_is_found_by_its_name() -> None:
    assert code_of("examples/two_workers/jobs.py", "LOG") == 'LOG = Path(__file__).parent / "packed.log"\n'
    assert code_of("examples/two_workers/run.py", "SOON").splitlines()[1].startswith('"""How long')
    assert code_of("examples/two_workers/jobs.py", "pack").startswith('@job("pack")\n')
    assert code_of("examples/two_workers/jobs.py", None) == text(EXAMPLES / "two_workers/jobs.py")


PAGES_WITH_LINKS = [*PAGES, *README_OF_EXAMPLES, ROOT / "README.md", ROOT / "ARCHITECTURE.md"]


@pytest.mark.parametrize("path", PAGES_WITH_LINKS, ids=names(PAGES_WITH_LINKS))
def test_link_leads_somewhere(path: Path) -> None:
    for link, anchor in LINK.findall(re.sub(r"```.*?```", "", text(path), flags=re.DOTALL)):
        if ":" in link:
            continue
        target = (path.parent / link) if link else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), f"{link}{anchor}"


JOBS = """
from durably_core import StepContext, create_durably, job
from pydantic import BaseModel


class Nothing(BaseModel):
    pass


@job("import-csv")
async def import_csv(step: StepContext, input: Nothing) -> None:
    pass


durably = create_durably(database="app.db", jobs={"import_csv": import_csv})
"""


def codes_of_the_page_alone() -> list[str]:
    """What docs/server.md shows of no file."""
    page = FILE_BLOCK.sub("", text(ROOT / "docs/server.md"))
    return re.findall(r"```python\n(.*?)```", page, re.DOTALL)


# Django is not among what the project needs.
CODES = [code for code in codes_of_the_page_alone() if "django" not in code]


@pytest.mark.parametrize("code", CODES, ids=range(len(CODES)))
def test_code_that_is_in_the_page_alone_works(code: str, tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(JOBS)
    (tmp_path / "app.py").write_text(code)
    environment = os.environ | {"PROCESS_TOKEN": "a-secret-of-some-length", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "app.py"], cwd=tmp_path, env=environment, check=True)


@pytest.mark.parametrize("path", README_OF_EXAMPLES, ids=names(README_OF_EXAMPLES))
def test_example_says_how_to_run_it(path: Path) -> None:
    assert commands_of(path.parent.name)
