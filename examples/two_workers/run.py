"""A web process and two workers on one database, until Ctrl+C or SIGTERM. Then all of them end in peace."""

import argparse
import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process

DURABLY = (sys.executable, "-c", "from durably_core.cli import main; main()")
SOON = ("--polling-interval-ms", "200")
"""How long a process may take to see what another did."""
WORKER = ("worker", "jobs.py", *SOON, "--lease-ms", "3000")


async def main(port: int) -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    processes = {
        "web": await start("serve", "jobs.py", "--no-worker", "--port", str(port), *SOON),
        "worker 1": await start(*WORKER),
        "worker 2": await start(*WORKER),
    }
    watching = [asyncio.create_task(watch(name, process)) for name, process in processes.items()]
    stopped = asyncio.create_task(stopping.wait())
    # A worker may die: the other goes on. Without the web process all is over.
    await asyncio.wait([stopped, watching[0]], return_when=asyncio.FIRST_COMPLETED)
    for process in processes.values():
        if process.returncode is None:
            process.terminate()
    codes = await asyncio.gather(*watching)
    return 0 if stopping.is_set() else codes[0]


async def start(*arguments: str) -> Process:
    # In a session of its own: Ctrl+C would reach it, too, and the second signal ends a worker at once.
    return await asyncio.create_subprocess_exec(
        *DURABLY, *arguments, stdout=PIPE, stderr=STDOUT, start_new_session=True
    )


async def watch(name: str, process: Process) -> int:
    """Pass on what it says, up to its end."""
    print(f"{name}: process {process.pid}", flush=True)
    assert process.stdout is not None
    async for line in process.stdout:
        print(f"{name}: {line.decode().rstrip()}", flush=True)
    code = await process.wait()
    print(f"{name}: ended with {code}", flush=True)
    return code


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="0: any that is free")
    sys.exit(asyncio.run(main(parser.parse_args().port)))
