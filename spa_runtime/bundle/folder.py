"""A planned folder, and how it takes the place of an older one."""

import base64
import gzip
import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from durably_core.errors import ConflictError, NotFoundError

Content: TypeAlias = bytes | Path
"""A file to write, or one to copy."""
RUNTIME = "durably"
"""Folder of a site in which its page looks for the runtime."""
MANIFEST = "manifest.json"
"""Of the runtime, in its folder."""
COMPRESSED = ".gz"
"""Ends the name of a file's compressed form."""
MOST_WRITERS = 10
"""So many builds may write one folder at the same moment: two servers that watch one project do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every file of the folder by its path, with slashes."""

    files: Mapping[str, Content]
    build: str
    """Names this build: a hash over everything in it."""
    manifest: str
    """Path of the manifest, by which the folder is known as ours."""


def compressed(plan: Plan) -> Plan:
    """The same folder with a gzip file beside each that this makes smaller by a tenth at least."""
    files = dict(plan.files)
    for name, content in plan.files.items():
        plain = read(content)
        packed = gzip.compress(plain, 9, mtime=0)
        if len(packed) < 0.9 * len(plain):
            files[f"{name}{COMPRESSED}"] = packed
    return replace(plan, files=files)


def write(plan: Plan, target: Path) -> None:
    """Write the folder to ``target``, which is replaced as a whole.

    Raises ``ConflictError`` for a folder that was not written by this function.
    """
    if not _is_replaceable(target, plan.manifest):
        raise ConflictError(f"{target} is something else than a bundle: choose another folder.")
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    fresh.chmod(0o755)
    try:
        for name, content in plan.files.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copyfile(content, path)
            else:
                path.write_bytes(content)
        # A build that fails before this line leaves the old bundle as it was.
        _replace(target, fresh)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _replace(target: Path, fresh: Path) -> None:
    old = fresh.with_name(f"{fresh.name}.old")
    for attempts_left in reversed(range(MOST_WRITERS)):
        # In one piece: whoever looks meanwhile sees a whole folder or none.
        with suppress(FileNotFoundError):
            target.rename(old)
        shutil.rmtree(old, ignore_errors=True)
        try:
            fresh.rename(target)
        except OSError:
            # Another build has written the folder meanwhile: the last one stays.
            if not attempts_left:
                raise
        else:
            return


def _is_replaceable(target: Path, manifest: str) -> bool:
    try:
        # Other programs write files of this name, too.
        return b'"manifestVersion"' in (target / manifest).read_bytes()
    except OSError:
        return not target.exists() or (target.is_dir() and not any(target.iterdir()))


# ---------------------------------------------------------------- what plans are made with


def expect_files(needed: Mapping[str, Path]) -> None:
    """Raise ``NotFoundError`` for the first that is missing, by what it is."""
    for name, path in needed.items():
        if not path.is_file():
            raise NotFoundError(f"The {name} is missing: there is no file {path}.")


def files_below(folder: Path) -> list[Path]:
    """All files, but for hidden ones and what Python leaves behind."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(is_private(part) for part in path.relative_to(folder).parts)
    )


def is_private(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__"


def read(content: Content) -> bytes:
    return content.read_bytes() if isinstance(content, Path) else content


def facts_of(content: bytes) -> dict[str, Any]:
    """By which a file is known: its size, and its hash as browsers check it, ``sha256-`` and base64."""
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return {"bytes": len(content), "integrity": f"sha256-{digest}"}


def short_hash(*contents: bytes) -> str:
    """For names: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for content in contents:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]
