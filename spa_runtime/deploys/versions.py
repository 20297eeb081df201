"""The jobs of one version: of a site that was built, or of a job file."""

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from durably_core.errors import NotFoundError, ValidationError
from durably_core.job import by_name, collect_jobs
from spa_runtime.bundle.folder import MANIFEST, RUNTIME
from spa_runtime.deploys.steps import steps_of
from spa_runtime.describe import describe

SAYS_NOTHING = frozenset({"title", "description", "examples", "default"})
"""Of a schema: no value becomes valid or invalid by it. What is stored has its defaults in it."""
USUAL_FILES = ("jobs.py", "app.py", "main.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """``jobs`` by name: ``{"input": schema, "steps": [...]}``, see ``steps_of``."""

    jobs: Mapping[str, Any]


def read_version(path: Path) -> Version:
    """The jobs of a built site, of its runtime folder, of a job file, or of a folder with one.

    Raises ``NotFoundError`` where there are none, and ``ValidationError`` for jobs that can't be imported.
    """
    for manifest in (path / RUNTIME / MANIFEST, path / MANIFEST):
        if manifest.is_file():
            return Version(jobs=_of_build(manifest))
    file = (
        path if path.is_file() else next((path / name for name in USUAL_FILES if (path / name).is_file()), None)
    )
    if file is None:
        raise NotFoundError(f"There are no jobs in {path}: name a folder that was built, or a job file.")
    return Version(jobs=_described(file, None))


def _of_build(manifest: Path) -> Mapping[str, Any]:
    told = json.loads(manifest.read_bytes())
    *others, app = (manifest.parent / archive for archive in told["archives"])
    with tempfile.TemporaryDirectory() as folder:
        jobs, packages = Path(folder, "jobs"), Path(folder, "packages")
        for archive in others:
            _unpack(archive, packages)
        _unpack(app, jobs)
        return _described(jobs / f"{told['jobsModule']}.py", packages)


def _unpack(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)


def _described(file: Path, packages: Path | None) -> Mapping[str, Any]:
    """In a process of its own: two versions of one module can't be imported side by side."""
    command = [sys.executable, "-m", "spa_runtime.deploys.versions", str(file)]
    done = subprocess.run(  # noqa: S603
        [*command, str(packages)] if packages else command, capture_output=True, check=False
    )
    if done.returncode != 0:
        lines = done.stderr.decode().strip().splitlines() or ["nothing was said"]
        raise ValidationError(f"The jobs of {file.name} can't be looked at: {lines[-1]}")
    jobs: Mapping[str, Any] = json.loads(done.stdout)
    return jobs


def describe_version(file: Path, packages: Path | None) -> dict[str, Any]:
    """What a version says of its jobs. Imports them: see ``describe``."""
    described = describe(file, packages)
    definitions = described["$defs"]
    jobs = by_name(collect_jobs(sys.modules[file.stem]))
    return {
        each["name"]: {
            "input": _plain(each["input"], definitions),
            "steps": steps_of(jobs[each["name"]].run),
        }
        for each in described["jobs"]
    }


def _plain(schema: Any, definitions: Mapping[str, Any], within: tuple[str, ...] = ()) -> Any:
    """With definitions in the place of their names, and without what says nothing of values."""
    if isinstance(schema, list):
        return [_plain(each, definitions, within) for each in schema]
    if not isinstance(schema, dict):
        return schema
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    if name in definitions and name not in within:
        return _plain(definitions[name], definitions, (*within, name))
    return {
        key: {field: _plain(each, definitions, within) for field, each in value.items()}
        if key == "properties"
        else _plain(value, definitions, within)
        for key, value in schema.items()
        if key not in SAYS_NOTHING
    }


if __name__ == "__main__":
    jobs_file, *packages_folder = map(Path, sys.argv[1:])
    described = describe_version(jobs_file.resolve(), packages_folder[0] if packages_folder else None)
    print(json.dumps(described))  # noqa: T201
