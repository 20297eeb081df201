"""SQLite: ``store`` is the contract, ``transitions`` what each write does, ``database`` the file."""

from durably_core.store.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
