"""A planted fault: steps are told as finished, and their checkpoints are not saved."""

import importlib
from typing import Any

from durably_core.store.base import LeaseState
from durably_core.store.transitions import Transitions

work = importlib.import_module("jobs").work


def save(_transitions: Transitions, *_what: Any) -> LeaseState:
    return "held"


patched: Any = Transitions
patched.save = save
