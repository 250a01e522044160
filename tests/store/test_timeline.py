"""The timeline: each line once, read forwards and backwards in pages."""

import asyncio
from typing import Any, cast

import pytest

from receivables.timeline import LineKind
from store import timeline
from store.database import Database
from tests.store.known import MONDAY, another_process


async def add_line(database: Database, natural_key: str, **changes: Any) -> bool:
    values: dict[str, Any] = {
        "customer_id": "C-1",
        "invoice_id": "INV-1",
        "at": MONDAY,
        "kind": "message",
        "words": "level 1 sent",
        "rule": "level_due",
        "facts": {"days past due": "10"},
    }
    async with database.writing() as connection:
        return await timeline.add_line(connection, natural_key=natural_key, **(values | changes))


async def test_a_line_stands_once_under_its_key(database: Database) -> None:
    other = another_process(database)
    try:
        added = await asyncio.gather(*(add_line(way, "INV-1:level-1") for way in (database, other, database)))
    finally:
        await other.close()
    assert sorted(added) == [False, False, True]
    assert await add_line(database, "INV-1:level-1", words="something else") is False
    async with database.reading() as connection:
        (line,) = await timeline.lines_of(connection, invoice_id="INV-1")
    assert (line.natural_key, line.words, line.at, line.kind) == ("INV-1:level-1", "level 1 sent", MONDAY, "message")
    assert (line.rule, line.facts) == ("level_due", {"days past due": "10"})


async def test_lines_are_read_in_pages_both_ways(database: Database) -> None:
    for number in range(1, 8):
        await add_line(database, f"line {number}")
    for newest_first in (False, True):
        seen: list[str] = []
        after = None
        async with database.reading() as connection:
            while page := await timeline.lines_of(
                connection, invoice_id="INV-1", after=after, limit=3, newest_first=newest_first
            ):
                seen += [line.natural_key for line in page]
                after = page[-1].line_id
        assert seen == sorted((f"line {number}" for number in range(1, 8)), reverse=newest_first)


async def test_a_customers_timeline_has_the_lines_of_all_their_invoices(database: Database) -> None:
    await add_line(database, "one")
    await add_line(database, "two", invoice_id="INV-2")
    await add_line(database, "three", invoice_id=None)
    await add_line(database, "four", customer_id="C-2", invoice_id="INV-3")
    async with database.reading() as connection:
        of_customer = await timeline.lines_of(connection, customer_id="C-1")
        of_invoice = await timeline.lines_of(connection, invoice_id="INV-2")
        with pytest.raises(ValueError, match="name the invoice or the customer"):
            await timeline.lines_of(connection)
    assert [line.natural_key for line in of_customer] == ["one", "two", "three"]
    assert [line.natural_key for line in of_invoice] == ["two"]


async def test_an_unknown_kind_of_line_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="no kind of timeline line"):
        await add_line(database, "one", kind=cast(LineKind, "gossip"))
