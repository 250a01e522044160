"""The migrations make exactly the tables that the code knows, on both databases."""

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from store.database import Database
from store.migrating import StoreIsNewer, current_revision, migrate, newest_revision
from store.tables import metadata


async def test_the_migrated_tables_are_those_that_the_code_knows(database: Database):
    def differences(connection: Connection) -> list[object]:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []


async def test_partial_and_unique_indexes_are_migrated_too(database: Database):
    """Alembic's comparison does not look at an index's condition."""
    async with database.writing() as connection:
        for version in "ab":
            await connection.execute(
                text(
                    "INSERT INTO policies (version, name, text, activated_at, is_current)"
                    f" VALUES ('{version}', '', '', '2026-01-01 00:00:00', false)"
                )
            )


async def test_two_processes_may_migrate_at_once(empty_database_url: str):
    await asyncio.gather(*(migrate(empty_database_url) for _ in range(4)))
    assert await current_revision(empty_database_url) == newest_revision()


async def test_migrating_again_changes_nothing(database: Database):
    await migrate(database.url)
    assert await current_revision(database.url) == newest_revision()


async def test_a_store_without_tables_has_no_revision(empty_database_url: str):
    assert await current_revision(empty_database_url) is None


async def test_a_store_of_a_later_version_is_refused(database: Database):
    async with database.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreIsNewer, match="9999"):
        await migrate(database.url)
