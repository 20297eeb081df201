"""The tables, and how they are brought up to date."""

from psycopg import Connection, sql
from psycopg.rows import DictRow

from durably_core.errors import StorageError
from durably_core.store.sql import missing

MINIMUM_VERSION = 140_000
"""PostgreSQL's number for 14."""


def migrate(connection: Connection[DictRow], schema: str) -> None:
    """In one transaction: of several processes that migrate, one does it and the others find it done."""
    if connection.info.server_version < MINIMUM_VERSION:
        raise StorageError(
            f"PostgreSQL {MINIMUM_VERSION // 10_000} or newer is needed; this server has "
            f"{connection.info.server_version // 10_000}."
        )
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"durably in {schema}",))
        # Asked for first: who may not make schemas may not say IF NOT EXISTS either.
        if connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone() is None:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        connection.execute(
            "CREATE TABLE IF NOT EXISTS durably_schema_versions"
            " (version INTEGER NOT NULL PRIMARY KEY, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)"
        )
        rows = connection.execute("SELECT version, checksum FROM durably_schema_versions").fetchall()
        applied = {row["version"]: row["checksum"] for row in rows}
        for migration in missing("postgres", applied, f"The schema {schema!r}"):
            connection.execute(migration.text.encode())
            connection.execute(
                "INSERT INTO durably_schema_versions (version, checksum, applied_at)"
                " VALUES (%s, %s, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)",
                (migration.version, migration.checksum),
            )
