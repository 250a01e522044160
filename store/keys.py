"""Keys of the API. A secret has 256 random bits, is shown once, and only its hash is stored."""

import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.access import KeyRecord, Role
from store import tables
from store.words import storable

PREFIX = "baton"


class NoSuchKey(LookupError):
    """No key has this id."""


class KeyOfNobody(ValueError):
    """A key of an agent or a manager names whose it is."""


def key_of_row(row: Row[Any]) -> KeyRecord:
    return KeyRecord(
        key_id=row.key_id,
        role=row.role,
        name=row.name,
        agent_id=row.agent_id,
        made_at=row.made_at,
        revoked_at=row.revoked_at,
    )


async def make_key(
    connection: AsyncConnection, *, role: Role, name: str, agent_id: str | None = None, at: datetime
) -> tuple[KeyRecord, str]:
    """A new key, and its text `baton_<key id>_<secret>`, which cannot be read again. Raises KeyOfNobody."""
    if role in (Role.AGENT, Role.MANAGER) and not agent_id:
        raise KeyOfNobody(f"a key with the role {role} needs the agent's id")
    record = KeyRecord(
        key_id=secrets.token_hex(6), role=role, name=storable(name, most=200), agent_id=agent_id, made_at=at
    )
    secret = secrets.token_urlsafe(32)
    await connection.execute(
        insert(tables.keys).values(
            key_id=record.key_id,
            secret_hash=_hash(secret),
            role=role.value,
            name=record.name,
            agent_id=agent_id,
            made_at=at,
        )
    )
    return record, f"{PREFIX}_{record.key_id}_{secret}"


async def check_key(connection: AsyncConnection, text: str) -> KeyRecord | None:
    """The key that this text is, None where it is none, is wrong, or was revoked."""
    prefix, _, rest = text.partition("_")
    key_id, _, secret = rest.partition("_")
    if prefix != PREFIX or not secret or not text.isascii() or not text.isprintable():
        return None
    row = (await connection.execute(select(tables.keys).where(tables.keys.c.key_id == key_id))).one_or_none()
    stored = row.secret_hash if row is not None else _hash("")  # compared all the same: the time tells nothing
    is_right = hmac.compare_digest(stored, _hash(secret))
    if row is None or not is_right or row.revoked_at is not None:
        return None
    return key_of_row(row)


async def list_keys(connection: AsyncConnection) -> list[KeyRecord]:
    """All keys ever made, oldest first."""
    rows = await connection.execute(select(tables.keys).order_by(tables.keys.c.made_at, tables.keys.c.key_id))
    return [key_of_row(row) for row in rows]


async def revoke_key(connection: AsyncConnection, *, key_id: str, at: datetime) -> bool:
    """True where this ended the key, False where it had been ended before. Raises NoSuchKey."""
    revoked = await connection.execute(
        update(tables.keys)
        .where(tables.keys.c.key_id == key_id, tables.keys.c.revoked_at.is_(None))
        .values(revoked_at=at)
    )
    if revoked.rowcount == 1:
        return True
    found = await connection.execute(select(tables.keys.c.key_id).where(tables.keys.c.key_id == key_id))
    if found.one_or_none() is None:
        raise NoSuchKey(f"there is no key {key_id}")
    return False


def _hash(secret: str) -> str:
    # A plain hash is enough: nobody guesses 256 random bits, so there is nothing to slow down.
    return hashlib.sha256(secret.encode()).hexdigest()
