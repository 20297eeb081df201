"""Commands as processes: what they tell, and when they end."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

from durably_core import Run
from tests.conftest import ended
from tests.unit import process_workload
from tests.unit.process_workload import Outside, engine_of

ROOT = Path(__file__).parent.parent.parent
BOUND_S = 20
"""After this long a test that waits for another process has failed."""

NAMES = ["note", "gate", "endless"]
JOBS = f"""
from pathlib import Path

from tests.unit.process_workload import Outside, jobs

globals().update(jobs(Outside(Path(__file__).parent), {NAMES}))
"""


class Process:
    """A command that runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid
        self.lines: list[str] = []

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    async def told(self, words: str) -> str:
        """The next line of stderr that holds these words."""
        assert self._process.stderr is not None
        async with asyncio.timeout(BOUND_S):
            while line := (await self._process.stderr.readline()).decode():
                self.lines.append(line)
                if words in line:
                    return line
        raise AssertionError(f"{words!r} was never told: {self.lines}")

    async def end(self) -> tuple[int, str]:
        """Exit code and stdout; the rest of stderr is in ``lines``."""
        async with asyncio.timeout(BOUND_S):
            out, err = await self._process.communicate()
        self.lines += err.decode().splitlines(keepends=True)
        assert self._process.returncode is not None
        return self._process.returncode, out.decode()

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.communicate()


class Shell:
    """A folder with jobs, commands that run in it, and an engine here that executes nothing."""

    def __init__(self, folder: Path) -> None:
        (folder / "jobs.py").write_text(JOBS)
        self._folder = folder
        self._processes: list[Process] = []
        self.outside = Outside(folder)
        self.engine = engine_of(folder / "durably.db", self.outside, NAMES)

    async def start(self, *arguments: str) -> Process:
        process = Process(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", "from durably_core.cli import main; main()", *arguments),
                cwd=self._folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        )
        self._processes.append(process)
        return process

    async def worker(self, *options: str) -> Process:
        process = await self.start("worker", "jobs.py", "--polling-interval-ms", "20", *options)
        await process.told("working on durably.db")
        return process

    async def trigger(self, job: str) -> str:
        return (await self.engine.jobs[job].trigger({})).id

    async def told(self, line: str, times: int = 1) -> None:
        await self.until(lambda: [each for _, each in self.outside.told()].count(line) >= times)

    async def until(self, fact: Callable[[], bool]) -> None:
        async with asyncio.timeout(BOUND_S):
            await process_workload.until(fact)

    async def end_of(self, run_id: str) -> Run:
        async with asyncio.timeout(BOUND_S):
            while not (run := await ended(self.engine, run_id)).is_terminal:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return run

    async def close(self) -> None:
        for process in self._processes:
            await process.kill()
        await self.engine.close()
