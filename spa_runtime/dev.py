"""``durably dev``: the jobs in a page, built anew whenever they are saved."""

import importlib
from typing import Annotated

import typer

from durably_core.cli.running import run
from durably_core.errors import NotFoundError
from spa_runtime import assets
from spa_runtime.options import FindLinks, JobFile, Requirements, Upgrade, Wheels
from spa_runtime.packages import PackageOptions

Port = Annotated[int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="0: any that is free.")]
Open = Annotated[bool, typer.Option("--open", help="Open the page in the browser.")]


def dev(
    jobs: JobFile,
    port: Port = 8000,
    open_browser: Open = False,
    requirements: Requirements = None,
    find_links: FindLinks = None,
    upgrade: Upgrade = False,
    wheels: Wheels = None,
) -> None:
    """Serve jobs in a page, and reload it whenever they are saved, until stopped.

    An error in the Python is shown on the page and here, with its line, until it is mended.
    """
    try:
        # By name: what it needs comes with an extra, and the other commands work without.
        dev_server = importlib.import_module("spa_runtime.dev_server")
    except ModuleNotFoundError as error:
        raise NotFoundError(f"{error.msg}: run `pip install 'durably[spa]'` first.") from error
    # What is missing altogether is said at once.
    if not jobs.is_file():
        raise NotFoundError(f"There is no job file {jobs}.")
    packages = PackageOptions(
        requirements=requirements, find_links=find_links or (), upgrade=upgrade, wheels=wheels
    )
    project = dev_server.Project(jobs=jobs, page=assets.console(), pyodide=assets.pyodide(), packages=packages)
    run(dev_server.serve(project, port, opens_browser=open_browser))
