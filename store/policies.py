"""Activated policies: every one is kept by its version; one is the current one."""

from datetime import datetime

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.frozen import Frozen
from store import tables
from store.inserting import insert_unless_there
from store.words import storable


class PolicyText(Frozen):
    """A policy as it was activated; `policy.reading_policy` makes rules of the text."""

    version: str
    name: str
    text: str
    activated_at: datetime


async def activate(connection: AsyncConnection, *, version: str, name: str, text: str, at: datetime) -> bool:
    """Make this the current policy; False where it was already. A version's text is the one it first came with."""
    await _one_at_a_time(connection)
    before = await current(connection)
    if before is not None and before.version == version:
        return False
    policies = tables.policies.c
    await connection.execute(update(tables.policies).where(policies.is_current).values(is_current=False))
    added = await connection.execute(
        insert_unless_there(connection, tables.policies).values(
            version=version, name=storable(name), text=storable(text), activated_at=at, is_current=True
        )
    )
    if added.rowcount == 0:
        await connection.execute(
            update(tables.policies).where(policies.version == version).values(is_current=True, activated_at=at)
        )
    return True


async def current(connection: AsyncConnection) -> PolicyText | None:
    """The policy in force, None where none was ever activated."""
    row = (await connection.execute(_POLICIES.where(tables.policies.c.is_current))).one_or_none()
    return None if row is None else PolicyText.model_validate(dict(row._mapping))


async def current_version(connection: AsyncConnection) -> str | None:
    """As `current`, without its text: asked at every turn."""
    return (await connection.execute(_CURRENT_VERSION)).scalar_one_or_none()


async def all_texts(connection: AsyncConnection) -> dict[str, str]:
    """The text of every policy that was ever activated, by version."""
    rows = await connection.execute(select(tables.policies.c.version, tables.policies.c.text))
    return {row.version: row.text for row in rows}


_CURRENT_VERSION = select(tables.policies.c.version).where(tables.policies.c.is_current)
_POLICIES = select(
    tables.policies.c.version, tables.policies.c.name, tables.policies.c.text, tables.policies.c.activated_at
)


async def _one_at_a_time(connection: AsyncConnection) -> None:
    """On PostgreSQL; SQLite has one writer anyway. Readers go on."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("LOCK TABLE policies IN SHARE ROW EXCLUSIVE MODE"))
