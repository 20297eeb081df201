"""Code of others within a transaction of the engine's."""


class GuestError(Exception):
    """What the code of a guest raised, past those who would take it for a fault of the storage."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error
