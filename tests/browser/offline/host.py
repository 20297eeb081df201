"""A static host that knows no headers, with a site below a path: deploys and faults happen to it."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from spa_runtime.bundle import Plan
from spa_runtime.bundle.folder import read
from spa_runtime.headers import isolation_headers

TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript",
    "mjs": "text/javascript",
    "json": "application/json",
    "wasm": "application/wasm",
    "webmanifest": "application/manifest+json",
}
PATH = "/app/"

Files = Mapping[str, bytes]


def files_of(plan: Plan) -> dict[str, bytes]:
    return {name: read(content) for name, content in plan.files.items()}


@dataclass
class Answer:
    """What a request gets. Faults change it."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


Fault = Callable[[Answer], Answer | None]
"""What becomes of an answer; None: the connection is cut."""


def missing(_answer: Answer) -> Answer:
    return Answer(404, b"<h1>Not there</h1>")


def truncated(answer: Answer) -> Answer:
    return Answer(200, answer.body[: len(answer.body) // 2], answer.headers)


def cut(_answer: Answer) -> None:
    """The connection ends without an answer."""


class Held:
    """A file for which there is no answer at the moment."""

    def __init__(self, once: bool) -> None:
        self._once = once
        self.reached = threading.Event()
        self.released = threading.Event()

    def wait(self) -> None:
        if self._once and self.reached.is_set():
            return
        self.reached.set()
        self.released.wait()


class Host:
    """Serves ``files``, whatever they are at the moment, below ``/app/``."""

    def __init__(self) -> None:
        self.files: Files = {}
        self.faults: dict[str, Fault] = {}
        """By the name of a file; ``*``: all of them."""
        self.headers: Mapping[str, str] = {}
        """Sent with every file."""
        self.max_age_s = 600
        """As long as GitHub Pages lets browsers keep anything."""
        self.requests: list[tuple[str, int]] = []
        """Each that was answered: the file, and its bytes."""
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self._held: dict[str, Held] = {}

    @property
    def origin(self) -> str:
        return f"http://localhost:{self._port}"

    @property
    def url(self) -> str:
        return self.origin + PATH

    # ---------------------------------------------------------------- deploys

    def deploy(self, files: Files) -> None:
        """All at once."""
        self.files = dict(files)

    def upload(self, files: Files, order: Sequence[str]) -> Iterator[str]:
        """One file after the other, the names of ``order`` in that order; what is no longer there goes last."""
        for name in order:
            self.files = {**self.files, name: files[name]}
            yield name
        self.deploy(files)

    # ---------------------------------------------------------------- faults

    def start(self) -> None:
        handler = type("Bound", (Handler,), {"host": self})
        self._server = Server(("127.0.0.1", self._port), handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,)).start()

    def stop(self) -> None:
        """Nobody is there: connections are refused."""
        if self._server is not None:
            self.release()
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @contextmanager
    def offline(self) -> Iterator[None]:
        self.stop()
        yield
        self.start()

    def hold(self, name: str, *, once: bool = False) -> threading.Event:
        """No answer for this file until ``release``, or for the first who asks. Set when someone has asked."""
        self._held[name] = Held(once)
        return self._held[name].reached

    def release(self) -> None:
        for held in self._held.values():
            held.released.set()
        self._held = {}

    # ---------------------------------------------------------------- what was asked for

    def forget(self) -> None:
        self.requests = []

    @property
    def asked_for(self) -> Counter[str]:
        return Counter(name for name, _ in self.requests)

    def answer(self, path: str) -> Answer | None:
        name = self._name(path)
        held = self._held.get(name)
        if held is not None:
            held.wait()
        answer: Answer | None = self._answer(name)
        for fault in (self.faults.get(name), self.faults.get("*")):
            if fault is not None and answer is not None:
                answer = fault(answer)
        self.requests.append((name, len(answer.body) if answer is not None else 0))
        return answer

    def _name(self, path: str) -> str:
        path = unquote(urlsplit(path).path)
        if not path.startswith(PATH):
            return path
        name = path.removeprefix(PATH)
        return f"{name}index.html" if name == "" or name.endswith("/") else name

    def _answer(self, name: str) -> Answer:
        body = self.files.get(name)
        if body is None:
            return Answer(404, b"<!doctype html><title>404</title><h1>There is nothing here</h1>")
        kind = TYPES.get(name.rpartition(".")[2], "application/octet-stream")
        return Answer(
            200,
            body,
            {"Content-Type": kind, "Cache-Control": f"max-age={self.max_age_s}", **self.headers},
        )


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Browsers leave when they like."""


class Handler(BaseHTTPRequestHandler):
    host: Host

    def do_GET(self) -> None:
        answer = self.host.answer(self.path)
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in {"Content-Type": "text/html", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(answer.body)

    do_HEAD = do_GET  # noqa: N815 - the name that its base looks for

    def log_message(self, format: str, *args: object) -> None:
        """What was asked for is in ``Host.requests``."""


@contextmanager
def deployed(files: Files) -> Iterator[Host]:
    """A host with that site, which sends what isolates pages: none of them is reloaded for that."""
    host = Host()
    host.headers = isolation_headers()
    host.deploy(files)
    host.start()
    try:
        yield host
    finally:
        host.stop()
