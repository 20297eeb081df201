"""How much each engine is asked to do. Both get the same, as JSON."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Amounts:
    warm_up_runs: int = 100
    triggers: int = 500
    batch: int = 1000
    runs: tuple[tuple[int, int], ...] = ((0, 500), (3, 300), (5, 200), (50, 30))
    """Steps of each run, and how many such runs."""
    slots: int = 10
    parallel_runs: int = 300
    """Of three steps each."""
    steps_in_one_run: int = 1000
    latencies: int = 50
    pending: tuple[int, ...] = (1000, 10_000, 50_000)
    looks: int = 20
    """Claims and lists among so many pending runs."""

    def as_json(self) -> dict[str, object]:
        return asdict(self)


FEW = Amounts(
    warm_up_runs=5,
    triggers=10,
    batch=20,
    runs=((0, 5), (3, 5)),
    parallel_runs=10,
    steps_in_one_run=20,
    latencies=3,
    pending=(20, 50),
    looks=3,
)
"""Enough to see that the bench works."""
