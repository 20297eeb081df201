"""An example in a folder of its own, and the commands of its README as processes."""

import asyncio
import os
import re
import shlex
import shutil
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"
BOUND_S = 60
"""After this long a test that waits for another process has failed."""

NOT_COPIED = shutil.ignore_patterns("node_modules", "dist", "__pycache__", "*.db*", "*-report.md", "packed.log")


def commands_of(example: str) -> list[str]:
    """The commands that its README tells people to type."""
    readme = (EXAMPLES / example / "README.md").read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


class Process:
    """A command that runs. What it says on stdout and stderr is kept, line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid
        self.lines: list[str] = []

    async def told(self, *words: str) -> str:
        """The first line that holds all these: one that was told already, or else the next."""

        def is_meant(line: str) -> bool:
            return all(each in line for each in words)

        for line in filter(is_meant, self.lines):
            return line
        return await self._until(is_meant)

    async def end(self) -> int:
        """The exit code, after all lines."""
        async with asyncio.timeout(BOUND_S):
            assert self._process.stdout is not None
            async for line in self._process.stdout:
                self.lines.append(line.decode().rstrip("\n"))
            return await self._process.wait()

    async def kill(self) -> None:
        """SIGKILL."""
        if self._process.returncode is None:
            self._process.kill()
        await self.end()

    async def stop(self, number: int = signal.SIGTERM) -> int:
        self._process.send_signal(number)
        return await self.end()

    async def close(self) -> None:
        """Asked first, so that it can stop its own processes."""
        if self._process.returncode is None:
            self._process.terminate()
            try:
                await self.end()
            except TimeoutError:
                await self.kill()

    async def _until(self, fact: Callable[[str], bool]) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(BOUND_S):
            while text := (await self._process.stdout.readline()).decode():
                self.lines.append(text.rstrip("\n"))
                if fact(self.lines[-1]):
                    return self.lines[-1]
        raise AssertionError("the process ended before it told that:\n" + "\n".join(self.lines))


class Example:
    """A copy of the example, to be run and changed at will."""

    def __init__(self, name: str, folder: Path) -> None:
        shutil.copytree(EXAMPLES / name, folder, ignore=NOT_COPIED)
        self.folder = folder
        self.commands = commands_of(name)
        self._processes: list[Process] = []

    async def start(self, command: str, **environment: str) -> Process:
        """``python`` is the one that runs the tests, and the project's commands are on the path."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        process = await asyncio.create_subprocess_exec(
            *shlex.split(command),
            cwd=self.folder,
            env={**os.environ, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1", **environment},
            stdout=PIPE,
            stderr=STDOUT,
        )
        self._processes.append(Process(process))
        return self._processes[-1]

    async def close(self) -> None:
        for process in self._processes:
            await process.close()
