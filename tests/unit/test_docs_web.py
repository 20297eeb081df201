"""What the TypeScript package exports is documented, and the examples shown are those that are tested."""

import re
from pathlib import Path

import pytest

from scripts.embed_examples import EXAMPLES, embedded, shown

ROOT = Path(__file__).parent.parent.parent
REACT = (ROOT / "docs" / "react.md").read_text("utf-8")
CLIENT = (ROOT / "docs" / "client.md").read_text("utf-8")
SOURCES = ROOT / "web" / "src"
HOOKS = re.findall(r"\b(use\w+)\b", (SOURCES / "react" / "index.ts").read_text("utf-8"))


def members(path: str, interface: str) -> list[str]:
    """The names of an interface's members."""
    source = (SOURCES / path).read_text("utf-8")
    found = re.search(rf"interface {interface}\b[^{{]*{{\n(.*?)\n}}", source, re.DOTALL)
    assert found, interface
    return re.findall(r"^  (?:readonly )?(\w+)[?:(<]", found[1], re.MULTILINE)


@pytest.mark.parametrize("hook", sorted(set(HOOKS)))
def test_hook_has_a_section_and_an_example(hook: str) -> None:
    assert re.search(rf"^## .*\b{hook}\b", REACT, re.MULTILINE)
    assert any(hook in path.read_text("utf-8") for path in EXAMPLES.glob("*.tsx"))


@pytest.mark.parametrize(
    ("path", "interface"),
    [
        ("react/use-job.ts", "UseJobOptions"),
        ("react/use-job.ts", "UseJobResult"),
        ("react/use-job-run.ts", "UseJobRunOptions"),
        ("react/run-result.ts", "RunFacts"),
        ("react/use-job-logs.ts", "UseJobLogsOptions"),
        ("react/use-job-logs.ts", "UseJobLogsResult"),
        ("react/use-runs.ts", "UseRunsOptions"),
        ("react/use-runs.ts", "UseRunsResult"),
        ("react/use-infinite-runs.ts", "UseInfiniteRunsOptions"),
        ("react/use-infinite-runs.ts", "UseInfiniteRunsResult"),
        ("react/use-run-actions.ts", "RunActions"),
        ("react/durably-provider.tsx", "DurablyProviderProps"),
    ],
)
def test_option_and_result_is_documented_and_used(path: str, interface: str) -> None:
    names = [name for name in members(path, interface) if name != "children"]
    examples = "".join(example.read_text("utf-8") for example in EXAMPLES.glob("*.tsx"))
    assert names
    assert [name for name in names if not re.search(rf"`{name}\b", REACT)] == []
    assert [name for name in names if not re.search(rf"\b{name}\b", examples)] == []


@pytest.mark.parametrize(
    ("path", "interface"),
    [
        ("client.ts", "Durably"),
        ("client.ts", "JobHandle"),
        ("client.ts", "SubscribeOptions"),
        ("client.ts", "SpaOptions"),
        ("waiting.ts", "WaitOptions"),
        ("waiting.ts", "RunCallbacks"),
        ("transports/http.ts", "HttpOptions"),
        ("protocol.ts", "EngineStatus"),
        ("protocol.ts", "Versions"),
        ("protocol.ts", "TriggerOptions"),
        ("protocol.ts", "RunFilter"),
    ],
)
def test_member_of_the_client_is_documented(path: str, interface: str) -> None:
    names = members(path, interface)
    assert names
    assert [name for name in names if not re.search(rf"[`.{{ ]{name}\b", CLIENT)] == []


def test_page_shows_each_example_as_it_is() -> None:
    assert shown(REACT) == {path.stem for path in EXAMPLES.glob("*.tsx")}
    assert embedded(REACT) == REACT, "run `make format`"


def test_old_example_is_noticed() -> None:
    assert embedded(REACT.replace("useJob('count-to')", "useJob('other')")) == REACT
