"""Brings a store's tables to the state that this version of Baton needs."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from store.database import Database

_SCRIPTS = Path(__file__).parent / "migrations"
_ONE_AT_A_TIME = 0x6261746F6E  # PostgreSQL's advisory lock of Baton's migrations


class StoreIsNewer(Exception):
    """The store was migrated by a later version of Baton: run that version, or restore a backup of before."""


async def migrate(url: str) -> None:
    """Create or upgrade the tables, in one transaction. Two processes may call it at once: the second finds it done."""
    database = Database(url, pool_size=1)
    try:
        async with database.writing() as connection:
            if not database.is_sqlite:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ONE_AT_A_TIME})
            await connection.run_sync(_upgrade)
    finally:
        await database.close()


async def current_revision(url: str) -> str | None:
    """The migration that the store stands at, None where it has no tables yet."""
    database = Database(url, pool_size=1)
    try:
        async with database.reading() as connection:
            return await connection.run_sync(_revision_of)
    finally:
        await database.close()


def newest_revision() -> str:
    """The migration that this version of Baton needs."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    revision = _revision_of(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreIsNewer(f"the store stands at {revision}, which this version of Baton does not know")
    command.upgrade(config, "head")


def _revision_of(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config
