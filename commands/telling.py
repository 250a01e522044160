"""What an operator decides at the command line is a fact like any other: stored first, then told to its workflows."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.telling import EngineAway, tell
from runtime.settings import Settings
from runtime.temporal import TemporalAway, connect
from store import facts
from store.database import Database
from store.facts import Telling
from workflows.teller import TemporalTeller

TELL_SECONDS = 3


async def store_fact(
    connection: AsyncConnection,
    *,
    fact_id: str,
    kind: str,
    content: object,
    words: str,
    by: str,
    at: datetime,
    invoice_ids: Iterable[str],
) -> tuple[Telling, ...]:
    """Store it in the caller's transaction, with whom to tell of it: these invoices look again."""
    told = tuple(sorted(set(invoice_ids)))
    await facts.take_fact(
        connection, fact_id=fact_id, kind=kind, fingerprint=facts.fingerprint(content), words=words, by=by, at=at
    )
    await facts.answer_fact(connection, fact_id=fact_id, answer={})
    await facts.tell(connection, fact_id=fact_id, invoice_ids=told, news="look_again", at=at)
    return tuple(Telling(fact_id=fact_id, invoice_id=each, news="look_again", words=words) for each in told)


async def tell_now(settings: Settings, database: Database, tellings: tuple[Telling, ...], *, at: datetime) -> bool:
    """Whether all were told. False: Temporal is away, and the reconciler tells them as soon as it is back."""
    if not tellings:
        return True
    try:
        client = await connect(settings, wait_seconds=TELL_SECONDS)
        await tell(database, TemporalTeller(client, task_queue=settings.task_queue), tellings, at=at)
    except (TemporalAway, EngineAway):
        return False
    return True


TOLD_LATER = "Temporal does not answer now: it is stored, and the workflows are told as soon as Temporal is back"
