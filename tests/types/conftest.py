"""A web project with the npm package in it, and the command ``durably``."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
WEB = HERE.parent.parent / "web"
DURABLY = Path(sys.executable).with_name("durably")

BUILD = """
import { build } from 'vite'
const output = { entryFileNames: 'types-cli.js' }
const bundle = { ssr: 'src/types/cli.ts', outDir: process.argv[1], rolldownOptions: { output } }
await build({ configFile: false, logLevel: 'warn', build: bundle })
"""

Durably = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a web project has installed: the npm package, as far as types need it, and what that needs."""
    folder = tmp_path_factory.mktemp("installed") / "node_modules"
    package = folder / "durably"
    package.mkdir(parents=True)
    command = ["node", "--input-type=module", "--eval", BUILD, "--", str(package / "dist")]
    subprocess.run(command, cwd=WEB, check=True, timeout=60)
    manifest = {"name": "durably", "version": "0.0.0", "type": "module", "types": "index.d.ts"}
    (package / "package.json").write_text(json.dumps(manifest))
    (package / "index.d.ts").write_text("export interface Register {}\n")
    converter = "json-schema-to-typescript"
    (folder / converter).symlink_to(WEB / "node_modules" / converter)
    return folder


@pytest.fixture
def project(tmp_path: Path, node_modules: Path) -> Path:
    """An empty web project in which the package is installed."""
    (tmp_path / "node_modules").symlink_to(node_modules)
    return tmp_path


@pytest.fixture
def durably(tmp_path: Path) -> Durably:
    """Runs the command in the test's folder."""

    def run(*arguments: str | Path, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [DURABLY, *arguments],
            cwd=tmp_path,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run
