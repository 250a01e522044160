"""The one story of every fact: stored with its effects in one transaction, then told to its workflows, then answered.

A 2xx means that the fact is stored, and its workflows have been told or will be by the reconciler (promise 2):

* 201: new, stored and told;
* 202: stored; the engine is away, its workflows are told as soon as it is back (`told` is false);
* 200: the same was told before; the answer is the one of then.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from api.access import Caller
from api.services import Services
from api.values import shown
from receivables.case_file import CaseFile
from store import facts, invoices
from store.facts import NewsKind, Telling
from store.intake import Taken


def stored(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """The other successes of a route that takes a fact, for the OpenAPI description; 201 is its own."""
    return {
        200: {"description": "The same was told before; this is the answer of then.", "model": model},
        202: {"description": "Stored; the engine is away, and the workflows are told later.", "model": model},
    }


@dataclass(frozen=True)
class Following:
    """What follows from a fact of ours: its answer, and the workflows to be told."""

    answer: Mapping[str, Any]
    invoice_ids: Iterable[str] = ()
    news: NewsKind = "look_again"


async def take(
    use: Services, fact_id: str | None, booking: Callable[[AsyncConnection, datetime], Awaitable[Taken]]
) -> JSONResponse:
    """Run `booking` in a transaction of its own, tell the workflows, and answer.

    `fact_id` is the fact's id in the store, for telling again what an earlier request could not tell; None where a
    repetition is no fact at all.
    """
    at = use.clock()
    cases: dict[str, CaseFile] = {}
    async with use.database.writing() as connection:
        taken = await booking(connection, at)
        tellings = taken.tellings
        if not taken.is_new and fact_id is not None:
            tellings = await facts.untold_of(connection, fact_id)
        now = tellings[: use.options.most_told_at_once]
        for telling in now:
            cases[telling.invoice_id] = await invoices.case_file_of(connection, telling.invoice_id)
    is_told = await use.herald.tell(now, cases) and len(now) == len(tellings)
    status = 202 if not is_told else 201 if taken.is_new else 200
    return JSONResponse(shown(taken.answer) | {"told": is_told}, status_code=status)


async def store(
    connection: AsyncConnection,
    *,
    fact_id: str,
    kind: str,
    content: object,
    words: str,
    caller: Caller,
    at: datetime,
    follow: Callable[[], Awaitable[Following]],
) -> Taken:
    """A fact that has no function of its own in `store.intake`: taken once, and what follows drawn with it."""
    taken = await facts.take_fact(
        connection,
        fact_id=fact_id,
        kind=kind,
        fingerprint=facts.fingerprint(content),
        words=words,
        by=caller.name,
        at=at,
    )
    if not taken.is_new:
        return Taken(is_new=False, answer=taken.answer or {})
    following = await follow()
    answer = dict(following.answer)
    invoice_ids = tuple(sorted(set(following.invoice_ids)))
    await facts.answer_fact(connection, fact_id=fact_id, answer=answer)
    await facts.tell(connection, fact_id=fact_id, invoice_ids=invoice_ids, news=following.news, at=at)
    return Taken(
        is_new=True,
        answer=answer,
        tellings=tuple(
            Telling(fact_id=fact_id, invoice_id=invoice_id, news=following.news, words=words)
            for invoice_id in invoice_ids
        ),
    )
