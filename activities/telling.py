"""Telling workflows of stored facts: right after they were stored, or later by the reconciler; once by their id."""

import logging
from datetime import datetime, timedelta
from typing import Protocol

from temporalio import activity

from activities.clock import AttemptClock
from activities.messaging import Messaging
from activities.payloads import Reconciled
from receivables.case_file import CaseFile, News
from receivables.escalations import Case
from store import cases, facts, invoices, messages
from store.database import Database
from store.facts import Telling

log = logging.getLogger("baton.telling")

LEFT_TO_THE_TELLER = timedelta(seconds=10)
"""A fact younger than this is still being told by whoever stored it."""
LEFT_TO_THE_INVOICE = timedelta(minutes=1)
"""A case younger than this is still being opened by the run of its invoice."""
AT_MOST = 500


class EngineAway(Exception):
    """The Temporal server does not answer; what was stored will be told later."""


class Teller(Protocol):
    """Reaches the workflows. Implemented by `workflows.teller`, passed in by worker and API."""

    async def tell(self, *, invoice_id: str, news_kind: str, news: News, case: CaseFile) -> None:
        """Start the invoice's workflow if none runs, and give it the news. Raises EngineAway."""
        ...

    async def open_escalation(self, *, case: Case, escalation_id: str) -> None:
        """Start the run that works a case, if it does not run yet. Raises EngineAway."""
        ...


async def tell(database: Database, teller: Teller, tellings: tuple[Telling, ...], *, at: datetime) -> int:
    """Tell workflows of stored facts and mark them told; how many were. Raises EngineAway: the rest stay untold."""
    told = 0
    for telling in tellings:
        async with database.reading() as connection:
            case = await invoices.case_file_of(connection, telling.invoice_id)
        await teller.tell(invoice_id=telling.invoice_id, news_kind=telling.news, news=news_of(telling), case=case)
        async with database.writing() as connection:
            await facts.mark_told(connection, fact_id=telling.fact_id, invoice_id=telling.invoice_id, at=at)
        told += 1
    return told


async def tell_the_others(
    database: Database, teller: Teller, tellings: tuple[Telling, ...], *, but: str | None, at: datetime
) -> None:
    """Tell all but the invoice that asked, which sees it anyway. What cannot be told now is left to the reconciler."""
    own = tuple(telling for telling in tellings if telling.invoice_id == but)
    async with database.writing() as connection:
        for telling in own:
            await facts.mark_told(connection, fact_id=telling.fact_id, invoice_id=telling.invoice_id, at=at)
    try:
        await tell(database, teller, tuple(telling for telling in tellings if telling.invoice_id != but), at=at)
    except EngineAway as fault:
        log.warning("left to the reconciler: %s", fault)


def news_of(telling: Telling) -> News:
    kind, _, own_id = telling.fact_id.partition(":")
    return News(fact_id=telling.fact_id, words=telling.words, reply_id=own_id if kind == "reply" else None)


class Reconciling:
    """What the scheduled reconciler does: nothing accepted is lost, and no dead sender's message is forgotten."""

    def __init__(self, database: Database, teller: Teller, messaging: Messaging) -> None:
        self._database = database
        self._teller = teller
        self._messaging = messaging

    @activity.defn
    async def reconcile(self) -> Reconciled:
        """Tell workflows of facts that were stored and never told; settle reserved messages whose lease has passed;
        have cases worked that no invoice's run has opened (a customer without open invoices, a second matter)."""
        clock = AttemptClock()
        now = clock.now()
        async with self._database.reading() as connection:
            untold = await facts.untold(connection, stored_before=now - LEFT_TO_THE_TELLER, limit=AT_MOST)
            expired = await messages.expired(connection, as_of=now, limit=AT_MOST)
            unclaimed = await cases.unclaimed(connection, wanted_before=now - LEFT_TO_THE_INVOICE, limit=AT_MOST)
        told = late = 0
        for telling in untold:
            try:
                told += await tell(self._database, self._teller, (telling,), at=now)
            except EngineAway as fault:
                late += 1
                log.warning("%s could not be told to %s: %s", telling.fact_id, telling.invoice_id, fault)
        for case in unclaimed:
            try:
                await self._open(case)
            except EngineAway as fault:
                late += 1
                log.warning("%s could not be opened: %s", case.case_id, fault)
        in_doubt = 0
        for message in expired:
            in_doubt += await self._messaging.settle_expired(message, clock) is not None
        return Reconciled(told=told, in_doubt=in_doubt, late=late)

    async def _open(self, case: Case) -> None:
        """Claimed before it is started, so that an invoice's run joins it; asked again, the same run is meant."""
        escalation_id = f"escalation-{case.case_id}"
        async with self._database.writing() as connection:
            if not await cases.claim_case(connection, case_id=case.case_id, workflow_id=escalation_id):
                return
        await self._teller.open_escalation(case=case, escalation_id=escalation_id)
