"""What an onlooker of `baton run` reads: the timeline of the store, line by line as it is written."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from rich.text import Text

from commands.terminal import plain, say
from receivables.messages import MessageState
from receivables.timeline import Line
from store import customers, timeline
from store.database import Database, StoreAway

EVERY_SECONDS = 0.4
OVERLAP = 100
"""Lines that are read again each time: on PostgreSQL one with a smaller number may be committed later."""

STYLES = {
    "fact": "cyan",
    "step": "blue",
    "held_back": "yellow",
    "message": "green",
    "case": "magenta",
    "decision": "bold magenta",
    "hold": "yellow",
    "alert": "bold red",
}


class Onlooker:
    """Prints what is new since it was made. One message about several invoices is one line."""

    def __init__(self, database: Database, *, print_line: Callable[[Text], None] = say) -> None:
        self._database = database
        self._print = print_line
        self._last = 0
        self._seen: set[int] = set()
        self._names: dict[str, str] = {}

    async def skip(self) -> None:
        """Pass over what stands there already."""
        async with self._database.reading() as connection:
            self._last = await timeline.last_line_id(connection)
        self._seen = set(range(max(0, self._last - OVERLAP), self._last + 1))

    async def watch(self) -> None:
        """Until it is cancelled. While the store is away it waits for it."""
        while True:
            with suppress(StoreAway):
                await self.look()
            await asyncio.sleep(EVERY_SECONDS)

    async def look(self) -> None:
        async with self._database.reading() as connection:
            lines = await timeline.lines_after(connection, max(0, self._last - OVERLAP))
            fresh = [line for line in lines if line.line_id not in self._seen]
            for customer_id in {line.customer_id for line in fresh} - set(self._names):
                customer = await customers.find_customer(connection, customer_id) if customer_id else None
                self._names[customer_id] = customer.name if customer is not None else customer_id
        if not fresh:
            return
        self._last = max(self._last, fresh[-1].line_id)
        self._seen = {number for number in self._seen if number > self._last - 2 * OVERLAP}
        self._seen.update(line.line_id for line in fresh)
        for together in _together(fresh):
            self._print(self._text(together))

    def _text(self, lines: list[Line]) -> Text:
        first = lines[0]
        text = Text(f"{_clock(first.at)}  ")
        text.append(f"{first.kind.replace('_', ' '):<10}", style=STYLES[first.kind])
        about = self._about(lines)
        text.append(f" {plain(about)}: " if about else " ", style="bold")
        text.append(plain(first.words))
        return text

    def _about(self, lines: list[Line]) -> str:
        ids = [line.invoice_id for line in lines if line.invoice_id is not None]
        whose = {line.customer_id for line in lines}
        if len(whose) > 1:
            return f"{len(ids)} invoices of {len(whose)} customers"
        shown = ", ".join(ids[:4]) + (f" and {len(ids) - 4} more" if len(ids) > 4 else "")
        return " · ".join(part for part in (self._names.get(lines[0].customer_id, ""), shown) if part)


def _together(lines: list[Line]) -> list[list[Line]]:
    """Lines that say the same of several invoices, in the order of their first; only ends are told over customers."""
    groups: dict[tuple[str, str, str], list[Line]] = {}
    for line in lines:
        if line.kind == "held_back" and line.facts.get("state") == MessageState.RESERVED:
            continue  # for the seconds in which a message leaves; it is on the timeline, and no news to an onlooker
        whose = "" if line.kind == "step" else line.customer_id
        groups.setdefault((whose, line.kind, line.words), []).append(line)
    return list(groups.values())


def _clock(at: datetime) -> str:
    return f"{at.astimezone():%H:%M:%S}"
