"""``python -m spa_runtime``: build the static folder, or serve it."""

import argparse
import sys
from pathlib import Path

from durably_core.errors import DurablyError
from spa_runtime import bundle, serve


def main() -> int:
    arguments = _parser().parse_args()
    try:
        if arguments.command == "build":
            _build(arguments)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m spa_runtime", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="make the folder that a static host serves")
    build.add_argument("jobs", type=Path, help="the Python file that defines the jobs")
    build.add_argument("-o", "--output", type=Path, default=Path("dist"))
    build.add_argument("--page", type=Path, default=Path("build/page"), help="folder of the built page")
    build.add_argument("--pyodide", type=Path, default=Path("web/node_modules/pyodide"))
    build.add_argument("--wheels", type=Path, default=Path("build/wheels"))
    served = commands.add_parser("serve", help="serve a built folder on this machine")
    served.add_argument("folder", type=Path)
    served.add_argument("--port", type=int, default=8000)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
