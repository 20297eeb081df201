"""The FastAPI and React example by the commands of its README, in development and built, in a real browser."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser import Chromium
from tests.browser.vite import (
    ENVIRONMENT,
    ROOT,
    UVICORNS_ADDRESS,
    VITES_ADDRESS,
    Project,
    copy_example,
    running,
)
from tests.examples.example import commands_of

EXAMPLE = ROOT / "examples" / "fastapi_react"
COMMANDS = commands_of("fastapi_react")
DEVELOPMENT, PRODUCTION = COMMANDS[0], COMMANDS[1]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_example(tmp_path / "app", EXAMPLE)


@pytest.fixture
def developed(project: Project) -> Iterator[str]:
    with running(f"{DEVELOPMENT} -- --port 0", project.folder, VITES_ADDRESS) as url:
        yield url


@pytest.fixture
def built(project: Project) -> Iterator[str]:
    with running(f"{PRODUCTION} -- --port 0", project.folder, UVICORNS_ADDRESS) as url:
        yield url


def send(page: Page, subject: str) -> None:
    page.get_by_label("Subject").fill(subject)
    page.get_by_role("button", name="Send").click()


def expect_sent(page: Page, subject: str) -> None:
    """Live progress before the end, and the run in the list."""
    runs = page.get_by_label("Recent runs").get_by_role("listitem")
    expect(runs.first).to_contain_text(f"leased{subject}: letter ")
    page.wait_for_function("document.querySelector('progress')?.value >= 3")
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    expect(page.get_by_text(f"“{subject}” went to 20 readers.")).to_be_visible()
    expect(runs.first).to_contain_text(f"completed{subject}")


def test_newsletter_is_followed_in_development(developed: str, chromium: Chromium) -> None:
    page = chromium.open(developed)
    send(page, "Spring")
    expect_sent(page, "Spring")


def test_newsletter_is_followed_in_what_was_built_and_in_another_tab(built: str, chromium: Chromium) -> None:
    page, other = chromium.open(built), chromium.open(built)
    expect(other.get_by_role("heading", name="Recent runs")).to_be_visible()
    send(page, "Summer")
    expect_sent(other, "Summer")
    page.reload()
    expect(page.get_by_label("Recent runs").get_by_role("listitem")).to_have_count(1)
    send(page, "")
    expect(page.get_by_role("alert")).to_contain_text("subject")


def test_python_that_changes_goes_on_with_the_run(developed: str, project: Project, chromium: Chromium) -> None:
    page = chromium.open(developed)
    send(page, "Autumn")
    page.wait_for_function("document.querySelector('progress')?.value >= 3")
    jobs = project.folder / "server" / "jobs.py"
    jobs.write_text(
        jobs.read_text("utf-8").replace('f"letter {reader} of', 'f"new letter {reader} of'), "utf-8"
    )
    expect(page.locator("form")).to_contain_text("new letter")
    expect(page.get_by_text("“Autumn” went to 20 readers.")).to_be_visible()


def test_types_are_those_of_the_jobs() -> None:
    subprocess.run(["npm", "run", "types", "--", "--check"], cwd=EXAMPLE, env=ENVIRONMENT, check=True)
