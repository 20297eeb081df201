"""The TypeScript file of a job file: made by the npm package's converter, written, or compared."""

import difflib
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pydantic_core import to_json

from durably_core.errors import ConflictError, DurablyError, NotFoundError
from spa_runtime.describe import describe
from spa_runtime.packages import PackageOptions, known_wheels, modules_of

CONVERTER = Path("node_modules/durably/dist/types-cli.js")
HEADER = "// Written by `durably types "
MAX_DIFF_LINES = 20


def write_types(jobs: Path, output: Path) -> bool:
    """Bring ``output`` up to date. False: it is already, and was not touched. Raises ``DurablyError``."""
    types, written = _make_types(jobs, output), _read(output)
    if written == types:
        return False
    if written is not None and not written.startswith(HEADER):
        raise ConflictError(f"{output} was not written by durably: choose another file.")
    _replace(output, types)
    return True


def check_types(jobs: Path, output: Path) -> None:
    """Raises ``ConflictError`` with a short diff unless ``output`` is what ``write_types`` would write."""
    types, written = _make_types(jobs, output), _read(output)
    if written == types:
        return
    advice = f"run `{shlex.join(['durably', 'types', str(jobs), '-o', str(output)])}`"
    if written is None:
        raise ConflictError(f"{output} is missing: {advice}.")
    raise ConflictError(f"{output} no longer fits {jobs}: {advice}.\n\n{_short_diff(written, types)}")


def _make_types(jobs: Path, output: Path) -> str:
    wheels = known_wheels(jobs, PackageOptions()) if jobs.is_file() else None
    modules = None if wheels is None else modules_of(wheels)
    description = to_json(describe(jobs, modules), inf_nan_mode="strings")
    node = shutil.which("node")
    if node is None:
        raise NotFoundError(
            "Node is missing, which makes TypeScript of the models: install it from nodejs.org."
        )
    command = [node, str(_find_converter(output))]
    done = subprocess.run(command, input=description, capture_output=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise DurablyError(f"The types could not be made, a fault to report: {done.stderr.decode().strip()}")
    return done.stdout.decode()


def _find_converter(output: Path) -> Path:
    """The converter of the web project that ``output`` is in, or else of the one we stand in."""
    starts = (output.absolute().parent, Path.cwd())
    for folder in (folder for start in starts for folder in (start, *start.parents)):
        if (folder / CONVERTER).is_file():
            return folder / CONVERTER
    raise NotFoundError(
        f"The npm package durably is missing around {output}: run `npm install durably` in the web project."
    )


def _read(path: Path) -> str | None:
    """The file's text; None if there is no such file."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConflictError(f"{path} can't be read: {reason}. Choose another file.") from error


def _replace(path: Path, text: str) -> None:
    """Write the file as a whole: a program that watches it never sees half of one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            fresh = Path(folder, path.name)
            fresh.write_bytes(text.encode())
            fresh.replace(path)
    except OSError as error:
        raise ConflictError(f"{path} can't be written: {error.strerror}. Choose another file.") from error


def _short_diff(written: str, types: str) -> str:
    lines = _changed_lines(written, types)
    shown = list(islice(lines, MAX_DIFF_LINES))
    more = sum(1 for _ in lines)
    return "\n".join([*shown, f"… and {more} more lines"] if more else shown)


def _changed_lines(written: str, types: str) -> Iterator[str]:
    # The first two lines would name the files.
    diff = difflib.unified_diff(written.splitlines(), types.splitlines(), n=1, lineterm="")
    return islice(diff, 2, None)
