"""``python -m spa_runtime``: build the static folder, serve it, or describe jobs for programs."""

import argparse
import os
import sys
from pathlib import Path

from pydantic_core import to_json

from durably_core.errors import DurablyError
from spa_runtime import bundle, serve
from spa_runtime.describe import describe, describe_failure


def main() -> int:
    arguments = _parser().parse_args()
    try:
        if arguments.command == "build":
            _build(arguments)
        elif arguments.command == "describe":
            return _describe(arguments.jobs)
        else:
            serve.serve(arguments.folder, port=arguments.port)
    except DurablyError as error:
        print(f"durably: {error.message}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _build(arguments: argparse.Namespace) -> None:
    sources = bundle.Sources(
        jobs=arguments.jobs, page=arguments.page, pyodide=arguments.pyodide, wheels=arguments.wheels
    )
    planned = bundle.plan(sources)
    bundle.write(planned, arguments.output)
    size = sum(path.stat().st_size for path in arguments.output.rglob("*") if path.is_file())
    print(f"{arguments.output}: {len(planned.files)} files, {size / 1e6:.1f} MB, build {planned.build}")  # noqa: T201


def _describe(jobs: Path) -> int:
    # Whatever the jobs print when they are imported goes to stderr: stdout is for the description.
    with os.fdopen(os.dup(1), "wb") as stdout:
        os.dup2(2, 1)
        try:
            answer, code = describe(jobs), 0
        except DurablyError as error:
            answer, code = describe_failure(error, jobs), 1
        stdout.write(to_json(answer, inf_nan_mode="strings"))
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m spa_runtime", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="make the folder that a static host serves")
    build.add_argument("jobs", type=Path, help="the Python file that defines the jobs")
    build.add_argument("-o", "--output", type=Path, default=Path("dist"))
    build.add_argument("--page", type=Path, default=Path("web/dist"), help="folder of the built page")
    build.add_argument("--pyodide", type=Path, default=Path("web/node_modules/pyodide"))
    build.add_argument("--wheels", type=Path, default=Path("build/wheels"))
    described = commands.add_parser("describe", help="print the jobs and the schemas of their models as JSON")
    described.add_argument("jobs", type=Path, help="the Python file that defines the jobs")
    served = commands.add_parser("serve", help="serve a built folder on this machine")
    served.add_argument("folder", type=Path)
    served.add_argument("--port", type=int, default=8000)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
