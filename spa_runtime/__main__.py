"""``python -m spa_runtime``: build a static site or only its runtime, serve it, describe jobs for programs."""

import argparse
import importlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from durably_core.errors import ConflictError, DurablyError, NotFoundError
from spa_runtime import assets, bundle, packages
from spa_runtime.checking import Fault, check_jobs
from spa_runtime.describe import describe, describe_failure
from spa_runtime.headers import NO_POLICY, Isolation, security_policy


def main() -> int:
    arguments = _parser().parse_args()
    try:
        code: int = arguments.run(arguments)
    except DurablyError as error:
        print(f"durably: {error.message}", file=sys.stderr)  # noqa: T201
        return 1
    return code


def _build(arguments: argparse.Namespace) -> int:
    sources = bundle.Sources(page=arguments.page, **_runtime_sources(arguments))
    return _write(bundle.plan(sources), arguments.output)


def _runtime(arguments: argparse.Namespace) -> int:
    sources = bundle.RuntimeSources(**_runtime_sources(arguments))
    return _write(bundle.plan_runtime(sources), arguments.output)


def _runtime_sources(arguments: argparse.Namespace) -> dict[str, Any]:
    wheels = packages.wheels_for(arguments.jobs, _package_options(arguments), packages.tell_person)
    infos = check_jobs(arguments.jobs, wheels)
    return {
        "jobs": arguments.jobs,
        "pyodide": assets.pyodide(),
        "wheels": wheels,
        # Jobs that can be imported in a browser alone are not told of before they are imported there.
        "infos": None if isinstance(infos, Fault) else infos,
        "options": {**bundle.SPA_OPTIONS, **arguments.options},
        "library": arguments.library,
    }


def _package_options(arguments: argparse.Namespace) -> packages.PackageOptions:
    return packages.PackageOptions(
        requirements=arguments.requirements,
        find_links=arguments.find_links,
        upgrade=arguments.upgrade,
        wheels=arguments.wheels,
    )


def _finish(arguments: argparse.Namespace) -> int:
    bundle.finish(
        arguments.folder,
        arguments.runtime,
        isolation=arguments.isolation,
        policy=security_policy(arguments.csp or [NO_POLICY]),
        offline=None if arguments.offline is None else bundle.Offline(**arguments.offline),
    )
    return 0


def _write(planned: bundle.Plan, output: Path) -> int:
    bundle.write(planned, output)
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    print(f"{output}: {len(planned.files)} files, {size / 1e6:.1f} MB, build {planned.build}")  # noqa: T201
    return 0


def _wheels(arguments: argparse.Namespace) -> int:
    output: Path = arguments.output
    if output.exists() and any(output.iterdir()):
        raise ConflictError(f"{output} is not empty: choose another folder.")
    wheels = packages.wheels_for(arguments.jobs, _package_options(arguments), packages.tell_person)
    output.mkdir(parents=True, exist_ok=True)
    for wheel in packages.wheels_in(wheels):
        shutil.copy(wheel.file, output)
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    try:
        # By name: what it needs comes with an extra, and the other commands work without.
        serve = importlib.import_module("spa_runtime.serve")
    except ModuleNotFoundError as error:
        raise NotFoundError(f"{error.msg}: run `pip install 'durably[spa]'` first.") from error
    serve.serve(arguments.folder, port=arguments.port)
    return 0


def _describe(arguments: argparse.Namespace) -> int:
    jobs: Path = arguments.jobs
    # Whatever the jobs print when they are imported goes to stderr: stdout is for the description.
    with os.fdopen(os.dup(1), "wb") as stdout:
        os.dup2(2, 1)
        try:
            answer, code = describe(jobs, _modules(arguments)), 0
        except DurablyError as error:
            answer, code = describe_failure(error, jobs), 1
        stdout.write(to_json(answer, inf_nan_mode="strings"))
    return code


def _modules(arguments: argparse.Namespace) -> Path | None:
    """Packages that the jobs may import beside those that are installed."""
    modules: Path | None = arguments.modules
    if not arguments.resolve:
        return modules
    wheels = packages.wheels_for(arguments.jobs, _package_options(arguments), packages.tell_person)
    return packages.modules_of(wheels)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m spa_runtime", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="make the folder that a static host serves")
    _add_runtime_arguments(build)
    build.add_argument("--page", type=Path, default=Path("build/page"), help="folder of the built page")
    build.set_defaults(run=_build)
    runtime = commands.add_parser("runtime", help="make only its folder with Python, for a page of your own")
    _add_runtime_arguments(runtime)
    runtime.set_defaults(run=_runtime)
    finished = commands.add_parser("finish", help="complete a built page that has the runtime in it")
    finished.add_argument("folder", type=Path)
    finished.add_argument("--runtime", default=bundle.RUNTIME, help="the runtime's folder in it")
    finished.add_argument("--isolation", type=Isolation, default=Isolation.require_corp)
    finished.add_argument(
        "--csp",
        action="append",
        help="a directive in the place of the strict policy's, or strict; default: no policy",
    )
    finished.add_argument(
        "--offline",
        type=_options,
        help="fields of Offline, as a JSON object; default: no service worker",
    )
    finished.set_defaults(run=_finish)
    described = commands.add_parser("describe", help="print the jobs and the schemas of their models as JSON")
    described.add_argument("jobs", type=Path, help="the Python file that defines the jobs")
    described.add_argument("--modules", type=Path, help="folder of modules to import beside what is installed")
    described.add_argument(
        "--resolve", action="store_true", help="import what is packed, if it is not installed"
    )
    _add_package_arguments(described)
    described.set_defaults(run=_describe)
    downloaded = commands.add_parser("wheels", help="make a folder of all the wheels, for --wheels")
    downloaded.add_argument("jobs", type=Path, nargs="?", help="the job file. Without it: the engine's wheels")
    downloaded.add_argument("-o", "--output", type=Path, required=True)
    _add_package_arguments(downloaded)
    downloaded.set_defaults(run=_wheels)
    served = commands.add_parser("serve", help="serve a built folder on this machine")
    served.add_argument("folder", type=Path)
    served.add_argument("--port", type=int, default=8000)
    served.set_defaults(run=_serve)
    return parser


def _add_runtime_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("jobs", type=Path, help="the Python file that defines the jobs")
    command.add_argument("-o", "--output", type=Path, default=Path("dist"))
    _add_package_arguments(command)
    command.add_argument(
        "--options", type=_options, default={}, help="options of create_durably, as a JSON object"
    )
    command.add_argument("--library", type=bundle.Library, default=bundle.Library.split)


def _add_package_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--requirements", type=Path, help="a list of the packages that the jobs need")
    command.add_argument(
        "--find-links",
        type=Path,
        action="append",
        default=[],
        help="folder of wheels beside those of the index",
    )
    command.add_argument("--upgrade", action="store_true", help="resolve the packages again")
    command.add_argument("--wheels", type=Path, help="folder of all wheels to pack: nothing is resolved")


def _options(text: str) -> dict[str, Any]:
    options = json.loads(text)
    if not isinstance(options, dict):
        raise ValueError
    return options


if __name__ == "__main__":
    raise SystemExit(main())
