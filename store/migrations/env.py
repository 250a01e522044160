"""Alembic's entry: runs the migrations on the connection that `store.migrating` hands over."""

from alembic import context
from sqlalchemy import Connection

from store.tables import metadata


def _run() -> None:
    connection: Connection | None = context.config.attributes.get("connection")
    if connection is None:
        raise RuntimeError("migrations are run by store.migrating.migrate(url), which opens the connection")
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        render_as_batch=connection.dialect.name == "sqlite",  # SQLite alters a table by copying it
        transactional_ddl=True,  # on SQLite too: migrate() has begun the transaction itself
    )
    context.run_migrations()


_run()
