"""Telling workflows of what was just stored, within the request; what cannot be told now is left to the reconciler."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from activities.telling import EngineAway, Teller, news_of
from receivables.case_file import CaseFile
from store import facts
from store.database import Database, StoreAway
from store.facts import Telling

log = logging.getLogger("baton.api")

AWAY_FOR_SECONDS = 2.0
"""While the engine is away it is asked that often: requests in between do not wait for it."""


class Herald:
    """Tells workflows, and notes in the store who was told.

    The notes of several requests share a transaction. One that is lost is harmless: the reconciler tells again, and a
    workflow takes in a fact once by its id.
    """

    def __init__(
        self, database: Database, teller: Teller, *, clock: Callable[[], datetime], patience_seconds: float
    ) -> None:
        self._database = database
        self._teller = teller
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._away_until = 0.0
        self._told: list[Telling] = []
        self._noting: asyncio.Task[None] | None = None

    async def tell(self, tellings: Sequence[Telling], cases: Mapping[str, CaseFile]) -> bool:
        """Whether all of them were told. `cases` is what a run is started with where none goes on."""
        if not tellings:
            return True
        if time.monotonic() < self._away_until:
            return False
        told = await asyncio.gather(*(self._tell(telling, cases[telling.invoice_id]) for telling in tellings))
        self._told.extend(telling for telling, is_told in zip(tellings, told, strict=True) if is_told)
        self._note_soon()
        return all(told)

    async def noted(self) -> None:
        """Until all that was told is noted."""
        while self._noting is not None and not self._noting.done():
            await asyncio.shield(self._noting)

    async def _tell(self, telling: Telling, case: CaseFile) -> bool:
        try:
            async with asyncio.timeout(self._patience_seconds):
                await self._teller.tell(
                    invoice_id=telling.invoice_id, news_kind=telling.news, news=news_of(telling), case=case
                )
        except (EngineAway, TimeoutError) as fault:
            self._away_until = time.monotonic() + AWAY_FOR_SECONDS
            log.warning("%s is told to %s later: %s", telling.fact_id, telling.invoice_id, fault or "no answer in time")
            return False
        except Exception:  # the fact is stored: its teller need not suffer from what is wrong between us and the engine
            log.exception("%s could not be told to %s; the reconciler tries again", telling.fact_id, telling.invoice_id)
            return False
        return True

    def _note_soon(self) -> None:
        if self._told and (self._noting is None or self._noting.done()):
            self._noting = asyncio.create_task(self._note())

    async def _note(self) -> None:
        while self._told:
            told, self._told = self._told, []
            try:
                async with self._database.writing() as connection:
                    at = self._clock()
                    for telling in told:
                        await facts.mark_told(connection, fact_id=telling.fact_id, invoice_id=telling.invoice_id, at=at)
            except StoreAway as fault:
                log.warning("not noted that %d workflows were told; the reconciler tells again: %s", len(told), fault)
                return
