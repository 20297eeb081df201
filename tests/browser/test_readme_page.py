"""A page made in a new folder, by the README's instructions and nothing else."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser import Chromium
from tests.browser.vite import ENVIRONMENT, ROOT, Project

README = (ROOT / "README.md").read_text("utf-8")
SECTION = README.partition("## In a web app")[2].partition("\n## ")[0]
BLOCK = re.compile(r"^```\w+\n(.*?)^```", re.DOTALL | re.MULTILINE)
NAME = re.compile(r"(?:#|//|<!--) ([\w./-]+)")


@pytest.fixture
def app(tmp_path: Path) -> Project:
    """The folder, after the commands were run and the files were written as they are printed."""
    commands, *files = BLOCK.findall(SECTION)
    (tmp_path / "durably").symlink_to(ROOT)
    # Nothing of this project's own environment but what was downloaded before.
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if ".venv" not in part)
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "VIRTUAL_ENV"}
    environment |= {"PATH": path, "npm_config_prefer_offline": "true"}
    subprocess.run(["bash", "-e", "-c", commands], cwd=tmp_path, env=environment, check=True, timeout=300)
    app = Project(tmp_path / "my-app", environment)
    for text in files:
        name = NAME.match(text)
        assert name is not None, text
        target = app.folder / name[1]
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, "utf-8")
    return app


def test_page_of_the_readme_works_at_the_first_try(app: Project, chromium: Chromium) -> None:
    with app.served() as url:
        page = chromium.open(url)
        page.get_by_role("button", name="Bake").click()
        bar = page.get_by_role("progressbar")
        expect(bar).to_have_attribute("max", "20")
        page.wait_for_function("document.querySelector('progress')?.value >= 3")
        before = baked(page)
        page.reload()
        expect(bar).to_be_visible()
        # Gone on with, not begun anew: every step is on disk, if not the last report of progress.
        assert baked(page) >= before - 1 > 0
        expect(page.get_by_text("20 loaves are baked.")).to_be_visible()
    assert "bake: { input: Order; output: Delivery }" in app.read("src/jobs.gen.ts")


def baked(page: Page) -> int:
    return int(page.evaluate("document.querySelector('progress').value"))
