"""Development: uvicorn, anew with each change in server, and Vite, which passes /api on to it. Until Ctrl+C."""

import os
import signal
import socket
import subprocess
import sys
from types import FrameType

UVICORN = (sys.executable, "-m", "uvicorn", "app:app", "--app-dir", "server")
# Streams of events are open for as long as there is a page: without the timeout no reload would ever begin.
RELOAD = ("--reload", "--reload-dir", "server", "--timeout-graceful-shutdown", "1")
VITE = ("node", "node_modules/vite/bin/vite.js")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, stop)
    port = free_port()
    # New code takes over the runs at once.
    drain = {"DRAIN_MS": "0"}
    api = subprocess.Popen([*UVICORN, *RELOAD, "--port", str(port)], env=os.environ | drain)
    page = subprocess.Popen([*VITE, *arguments], env=os.environ | {"API_URL": f"http://127.0.0.1:{port}"})
    try:
        return page.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        for process in (page, api):
            process.terminate()
            process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
