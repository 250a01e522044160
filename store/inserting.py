"""Inserting what may already be there, on both databases, without an error that would spoil the transaction."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


def insert_unless_there(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that leaves out what would break any unique constraint of the table; its `rowcount` tells.

    It is the same statement each time: executed with the row as its parameters, it is not built anew.
    """
    return _unless_there(connection.dialect.name, table)


async def insert_or_update(
    connection: AsyncConnection, table: Table, values: Mapping[str, Any], *, key: Iterable[str]
) -> None:
    """One row, new or in place of the one with the same key columns."""
    keys = tuple(key)
    rest = {name: value for name, value in values.items() if name not in keys}
    await connection.execute(
        _insert(connection.dialect.name, table)
        .values(dict(values))
        .on_conflict_do_update(index_elements=keys, set_=rest)
    )


@cache
def _unless_there(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    return _insert(dialect, table).on_conflict_do_nothing()


def _insert(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
