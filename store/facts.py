"""Facts: what the outside told us, each taken once by the teller's own id, and which workflows are to be told of it."""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from pydantic_core import to_jsonable_python
from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.frozen import Frozen
from store import tables
from store.inserting import insert_unless_there
from store.paging import page_size
from store.words import storable

NewsKind = Literal["opened", "payment_received", "reply_received", "terms_changed", "look_again"]
"""How a workflow is told: `opened` starts it, the others are the names of its signals."""


class FactConflict(Exception):
    """A fact of this id was told before, with other content. Nothing was written."""

    def __init__(self, fact_id: str) -> None:
        super().__init__(f"{fact_id} was told before with other content; a new fact needs an id of its own")
        self.fact_id = fact_id


class FactTaken(Frozen):
    """`is_new` False: the same was told before, and `answer` is what its teller was answered."""

    is_new: bool
    answer: dict[str, Any] | None = None


class Telling(Frozen):
    """A workflow that is to be told of a fact: by which news, and in which words for an operator."""

    fact_id: str
    invoice_id: str
    news: NewsKind
    words: str


def fingerprint(content: object) -> str:
    """SHA-256 (hex) of the content: models, dates, decimals and plain values; the order of keys does not matter."""
    plain = to_jsonable_python(content)
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


async def take_fact(
    connection: AsyncConnection, *, fact_id: str, kind: str, fingerprint: str, words: str, by: str, at: datetime
) -> FactTaken:
    """Stores a fact unless the same is there already. Raises FactConflict.

    Of two at the same moment, the second waits for the first to commit, and is not new.
    """
    inserted = await connection.execute(
        insert_unless_there(connection, tables.facts),
        {
            "fact_id": fact_id,
            "kind": kind,
            "fingerprint": fingerprint,
            "stored_at": at,
            "stored_by": storable(by, most=200),
            "words": storable(words),
        },
    )
    if inserted.rowcount == 1:
        return FactTaken(is_new=True)
    facts = tables.facts.c
    rows = await connection.execute(select(facts.fingerprint, facts.answer).where(facts.fact_id == fact_id))
    before = rows.one()
    if before.fingerprint != fingerprint:
        raise FactConflict(fact_id)
    return FactTaken(is_new=False, answer=before.answer)


async def answer_fact(connection: AsyncConnection, fact_id: str, answer: dict[str, Any]) -> None:
    """Keeps what the teller is answered, to answer the same when it is told again."""
    await connection.execute(_FACT, {"of_fact": fact_id, "answer": answer})


async def tell(
    connection: AsyncConnection, *, fact_id: str, invoice_ids: Iterable[str], news: str, at: datetime
) -> None:
    """Notes, in the transaction that stores the fact, whose workflows are to be told of it; each once."""
    rows = [
        {"fact_id": fact_id, "invoice_id": invoice_id, "news": news, "stored_at": at}
        for invoice_id in sorted(set(invoice_ids))
    ]
    if rows:
        await connection.execute(insert_unless_there(connection, tables.tellings), rows)


async def mark_told(connection: AsyncConnection, *, fact_id: str, invoice_id: str, at: datetime) -> None:
    """The workflow has been told; its first time stays."""
    await connection.execute(_UNTOLD, {"of_fact": fact_id, "of_invoice": invoice_id, "told_at": at})


async def untold(connection: AsyncConnection, *, stored_before: datetime, limit: int = 100) -> list[Telling]:
    """Workflows not yet told of facts that were stored before that moment, the longest waiting first."""
    tellings = tables.tellings.c
    rows = await connection.execute(
        _TELLINGS.where(tellings.told_at.is_(None), tellings.stored_at < stored_before).limit(page_size(limit))
    )
    return [_telling_of_row(row) for row in rows]


async def untold_of(connection: AsyncConnection, fact_id: str) -> tuple[Telling, ...]:
    """Workflows not yet told of this fact: all of them right after it was stored."""
    tellings = tables.tellings.c
    rows = await connection.execute(_TELLINGS.where(tellings.told_at.is_(None), tellings.fact_id == fact_id))
    return tuple(_telling_of_row(row) for row in rows)


_FACT = update(tables.facts).where(tables.facts.c.fact_id == bindparam("of_fact"))
_UNTOLD = update(tables.tellings).where(
    tables.tellings.c.fact_id == bindparam("of_fact"),
    tables.tellings.c.invoice_id == bindparam("of_invoice"),
    tables.tellings.c.told_at.is_(None),
)
_TELLINGS = (
    select(tables.tellings.c.fact_id, tables.tellings.c.invoice_id, tables.tellings.c.news, tables.facts.c.words)
    .join(tables.facts, tables.facts.c.fact_id == tables.tellings.c.fact_id)
    .order_by(tables.tellings.c.stored_at, tables.tellings.c.fact_id, tables.tellings.c.invoice_id)
)


def _telling_of_row(row: Any) -> Telling:
    return Telling(fact_id=row.fact_id, invoice_id=row.invoice_id, news=row.news, words=row.words)
