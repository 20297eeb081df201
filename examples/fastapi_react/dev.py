"""Development: uvicorn, anew with each change in server, and Vite, which passes /api on to it. Until Ctrl+C."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from types import FrameType

UVICORN = (sys.executable, "-m", "uvicorn", "app:app", "--app-dir", "server")
# Streams of events are open for as long as there is a page: without the timeout no reload would ever begin.
RELOAD = ("--reload", "--reload-dir", "server", "--timeout-graceful-shutdown", "1")
VITE = ("node", "node_modules/vite/bin/vite.js")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Until the server is there: a page that comes before would show an error."""
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)


def stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, stop)
    port = free_port()
    api_url = {"API_URL": f"http://127.0.0.1:{port}"}
    # New code takes over the runs at once.
    drain = {"DRAIN_MS": "0"}
    processes = [subprocess.Popen([*UVICORN, *RELOAD, "--port", str(port)], env=os.environ | drain)]
    try:
        wait_for(port)
        processes.append(subprocess.Popen([*VITE, *arguments], env=os.environ | api_url))
        return processes[-1].wait()
    except KeyboardInterrupt:
        return 0
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
