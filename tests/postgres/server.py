"""A PostgreSQL server of the tests' own, with nothing in it."""

import atexit
import functools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

REMEMBERED = Path(__file__).parent.parent.parent / "build" / ".postgres"
PATIENCE_S = 60
FAST = {"fsync": "off", "full_page_writes": "off"}
"""For tests in which the server does not die."""


def programs() -> Path:
    assert REMEMBERED.exists(), "There is no PostgreSQL to test with: run `make .postgres`."
    return Path(REMEMBERED.read_text().strip())


class Server:
    """One that can be stopped and started again."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self._folder = folder
        self._settings = settings
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._user = None if os.geteuid() else not_root(folder)
        self._run("initdb", "--auth=trust", "--username=durably", "--encoding=UTF8", "--no-sync", "--locale=C")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(programs() / program), "-D", str(self._folder / "data"), *arguments]
        subprocess.run(command, check=True, capture_output=True, user=self._user, cwd="/")

    @property
    def url(self) -> str:
        return f"postgresql://durably@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "300",
        } | self._settings
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                [programs() / "postgres", "-D", self._folder / "data", *arguments],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd="/",
            )
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "log.txt").read_text()
            assert time.monotonic() < deadline, "PostgreSQL does not answer."
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url):
                return True
        except psycopg.OperationalError:
            return False

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: connections are cut, and all is on disk; SIGQUIT: as in a crash."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(PATIENCE_S)


def not_root(folder: Path) -> str:
    """PostgreSQL refuses to be root: who it is instead, and has that folder."""
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, found.pw_uid, found.pw_gid)
        return name
    raise AssertionError("There is no user that PostgreSQL could run as: add one that is named postgres.")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@functools.cache
def shared() -> Server:
    """One for all tests of this process that don't stop it."""
    life = ExitStack()
    atexit.register(life.close)
    return life.enter_context(served(FAST))


def emptied() -> Server:
    """The same, without any tables of Durably or of tests."""
    server = shared()
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return server


@contextmanager
def served(settings: dict[str, str]) -> Iterator[Server]:
    # Not below the tests' folder, which is closed to others.
    folder = Path(tempfile.mkdtemp(prefix="durably-postgres-"))
    try:
        server = Server(folder, settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
