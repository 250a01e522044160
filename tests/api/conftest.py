"""Fixtures of the API's tests."""

from collections.abc import AsyncIterator

import pytest

from store.database import Database
from tests.api.office import Office


@pytest.fixture
async def office(sqlite_database: Database) -> AsyncIterator[Office]:
    """The API on SQLite."""
    opened = await Office.open(sqlite_database)
    yield opened
    await opened.close()


@pytest.fixture
async def either_office(database: Database) -> AsyncIterator[Office]:
    """The API on SQLite and on PostgreSQL."""
    opened = await Office.open(database)
    yield opened
    await opened.close()
