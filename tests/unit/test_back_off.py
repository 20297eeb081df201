"""How long a worker leaves a failing store alone."""

import asyncio

import pytest

from durably_core import SQLiteStore, create_durably, worker
from tests.conftest import Heard, StoreProbe, turns, within


class Pauses:
    """The loop's clock stands still, but for the pauses of the worker, which it skips and notes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
        self.seconds: list[float] = []
        self._now = 0.0
        self._count = count
        self.enough = asyncio.Event()
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self._now)
        monkeypatch.setattr(worker, "_wait", self._wait)

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        if len(self.seconds) == self._count:
            self.enough.set()
            await event.wait()
            return
        self.seconds.append(seconds)
        self._now += seconds + 1e-6


async def test_pauses_grow_with_jitter_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = StoreProbe(SQLiteStore(":memory:"))
    probe.fail("claim")
    engine = create_durably(database=probe.as_store, polling_interval_ms=1000)
    heard = Heard(engine)
    pauses = Pauses(monkeypatch, 30)
    engine.start()
    await turns(2000)
    monkeypatch.undo()
    assert pauses.enough.is_set()
    await within(engine.stop())
    shares = [seconds / min(2**number, 30) for number, seconds in enumerate(pauses.seconds, 1)]
    assert all(0.5 <= share <= 1 for share in shares)
    assert len(set(shares)) == 30
    assert probe.calls.count("claim") == len(heard.of("worker:error")) == 31
