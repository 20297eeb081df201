"""Room beside the database that is given up when storage is full."""

import contextlib
import errno
import os
from pathlib import Path

from durably_core.errors import StorageError

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class Reserve:
    """A file of zeros next to the database. Its room is what the last writes of runs still fit into.

    Not flushed: its bytes are of no interest, only that the storage has set them apart. What a power cut
    takes of it is set apart anew when the database is opened.
    """

    def __init__(self, path: str, size: int) -> None:
        self._path = Path(path)
        self.size = size
        self._needed = size
        self.is_whole = size == 0

    def restore(self) -> bool:
        """Set the room apart. False: there is none; what there was stays free. Raises ``StorageError``."""
        try:
            if not self.is_whole and self._measure() != self.size:
                self._fill(self._needed)
                os.truncate(self._path, self.size)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._empty()
            if error.errno not in NO_ROOM:
                raise _unwritable(error) from error
            return False
        self._needed = self.size
        self.is_whole = True
        return True

    def spend(self) -> None:
        """Give the room up. It comes back only when there is twice as much: what was refused once would be
        refused again. Raises ``StorageError``."""
        if not self.size:
            return
        self.is_whole = False
        self._needed = 2 * self.size
        try:
            if self._measure():
                self._empty()
        except OSError as error:
            raise _unwritable(error) from error

    def _measure(self) -> int:
        return self._path.stat().st_size if self.size and self._path.exists() else 0

    def _fill(self, left: int) -> None:
        # In place: to empty it first would give its room up.
        with self._path.open("r+b" if self._path.exists() else "wb", buffering=0) as file:
            while left:
                left -= file.write(bytes(min(left, 1 << 20)))

    def _empty(self) -> None:
        with self._path.open("wb"):
            pass


def _unwritable(error: OSError) -> StorageError:
    return StorageError(f"The storage could not be written: {error}.")
