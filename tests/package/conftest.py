"""What `make package` built, as an application has it."""

import json
import tarfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
NODE_MODULES = ROOT / "web" / "node_modules"
VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


@dataclass(frozen=True, slots=True)
class Consumer:
    """A folder in which Node finds the package, and React and Vite beside it."""

    folder: Path

    @property
    def package(self) -> Path:
        return self.folder / "node_modules" / "durably"

    @property
    def manifest(self) -> dict[str, Any]:
        manifest: dict[str, Any] = json.loads((self.package / "package.json").read_text("utf-8"))
        return manifest

    def read(self, name: str) -> str:
        return (self.package / "dist" / name).read_text("utf-8")

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path


@pytest.fixture(scope="session")
def tarball() -> Path:
    return built(f"durably-{VERSION}.tgz")


@pytest.fixture(scope="session")
def wheel() -> Path:
    return built(f"durably-{VERSION}-py3-none-any.whl")


def built(name: str) -> Path:
    path = ROOT / "build" / name
    assert path.is_file(), "run `make package` first"
    return path


@pytest.fixture(scope="session")
def consumer(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Consumer:
    consumer = Consumer(tmp_path_factory.mktemp("consumer"))
    consumer.write("package.json", '{ "type": "module" }')
    with tarfile.open(tarball) as archive:
        archive.extractall(consumer.folder, filter="data")
    modules = consumer.folder / "node_modules"
    modules.mkdir()
    for installed in NODE_MODULES.iterdir():
        (modules / installed.name).symlink_to(installed)
    (consumer.folder / "package").rename(consumer.package)
    return consumer
