"""For who interrupts Python in the middle of code that never waits, as the browser does, which has no threads.

A signal handler that is called between two bytecodes asks here what it may raise::

    def on_signal(_number, frame):
        execution = executing(frame)
        if execution is not None and (reason := execution.reason_to_stop(loop.time())) is not None:
            raise reason
"""

from types import FrameType

from durably_core.execution import Execution, current_execution
from durably_core.user_code import is_user_code


def executing(frame: FrameType | None) -> Execution | None:
    """The execution whose own code is at ``frame``, where Python is right now: the body of its job, the
    function of a step or of ``step.transaction``, or what those have called.

    None while the engine works, also on behalf of a run, and between the tasks of the event loop.
    """
    execution = current_execution.get()
    return execution if execution is not None and is_user_code(frame) else None
