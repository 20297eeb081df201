"""A planted fault: a run that goes on does not know what it has finished."""

import importlib
from collections.abc import Sequence
from typing import Any

from durably_core.models import Run
from durably_core.store.base import Claimed
from durably_core.store.transitions import Transitions

work = importlib.import_module("jobs").work


def claimed(_transitions: Transitions, runs: Sequence[Run]) -> list[Claimed]:
    return [Claimed(run=run, checkpoints={}) for run in runs]


patched: Any = Transitions
patched._claimed = claimed
