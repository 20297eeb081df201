"""PostgreSQL: ``store`` keeps the contract, ``session`` is a connection, ``signals`` tell other processes."""

from durably_core.store.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
