"""Whatever is told, in whatever order: balances are what the entries say, and no money is lost or made."""

import asyncio
import itertools
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.ledger import AllocatedTooMuch, Allocation, EntryKind
from receivables.money import CurrencyMismatch, Money
from store import ledger
from store.database import Database
from store.invoices import UnknownInvoice
from store.ledger import NothingToReverse, NothingToWriteOff, PlacedTooMuch, ReversedTooMuch
from store.shares import UNDOES
from tests.builders import an_invoice
from tests.store.booked import (
    NOW,
    PAID_ON,
    amounts_unapplied,
    assert_balances,
    assert_nothing_is_lost,
    of,
    open_account,
)

REFUSALS = (
    AllocatedTooMuch,
    CurrencyMismatch,
    NothingToReverse,
    NothingToWriteOff,
    PlacedTooMuch,
    ReversedTooMuch,
    UnknownInvoice,
)
MONEY_IN = (EntryKind.PAYMENT, EntryKind.CREDIT_NOTE)
REVERSALS = (EntryKind.REFUND, EntryKind.CHARGEBACK, EntryKind.PAYMENT_CANCELLED, EntryKind.CHARGEBACK_REVERSED)

amounts = st.integers(min_value=1, max_value=150).map(lambda minor: Money(minor=minor, currency="EUR"))
invoice_ids = st.sampled_from(["INV-1", "INV-1", "INV-2", "INV-3", "INV-3", "INV-404"])
numbers = st.integers(min_value=0, max_value=5)
shares = st.builds(Allocation, invoice_id=invoice_ids, amount=st.none() | amounts)
told = st.one_of(
    st.tuples(st.just("money"), numbers, st.sampled_from(MONEY_IN), amounts, st.lists(shares, max_size=3)),
    st.tuples(st.just("money"), numbers, st.just(EntryKind.PAYMENT), amounts, st.lists(shares, min_size=1, max_size=2)),
    st.tuples(
        st.just("reversal"), numbers, st.sampled_from(REVERSALS), st.none() | amounts, numbers, st.none() | invoice_ids
    ),
    st.tuples(st.just("invoice reversal"), numbers, st.sampled_from(REVERSALS), st.none() | amounts, invoice_ids),
    st.tuples(st.just("place"), numbers, st.none() | amounts, invoice_ids),
    st.tuples(st.just("write off"), numbers, st.none() | amounts, invoice_ids),
)


@pytest.fixture(scope="module")
def stores(_migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh store for each example."""
    folder = tmp_path_factory.mktemp("examples")

    def fresh() -> Iterator[Path]:
        for number in itertools.count():
            (folder / f"{number - 1}.db").unlink(missing_ok=True)
            yield Path(shutil.copyfile(_migrated_file, folder / f"{number}.db"))

    return fresh()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=st.lists(told, min_size=5, max_size=25))
def test_balances_are_what_the_entries_say_and_no_money_is_lost(stores: Iterator[Path], facts: list[tuple[Any, ...]]):
    note(f"{facts}")
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(_live_through(next(stores), facts))


async def _live_through(file: Path, facts: list[tuple[Any, ...]]) -> None:
    database = Database(f"sqlite:///{file}")
    try:
        await open_account(
            database,
            an_invoice(amount="1.00"),
            an_invoice(invoice_id="INV-2", amount="0.50"),
            an_invoice(invoice_id="INV-3", customer_id="C-2", amount="0.75"),
        )
        booked: dict[tuple[str, EntryKind], int] = {}
        for day, fact in enumerate(facts):
            async with database.writing() as connection:
                try:
                    async with connection.begin_nested():
                        await _tell(
                            connection,
                            fact,
                            f"D-{day}",
                            PAID_ON + timedelta(days=day),
                            list(booked),
                        )
                except REFUSALS:
                    # Refused means that nothing of it is there.
                    assert await _sum_of(connection, f"D-{day}", fact) is None
                else:
                    await _remember(connection, f"D-{day}", fact, booked)
                await assert_balances(connection)
                await assert_nothing_is_lost(connection, [(*document, minor) for document, minor in booked.items()])
                await _assert_the_whole_adds_up(connection, booked)
    finally:
        await database.close()


async def _tell(
    connection: AsyncConnection,
    fact: tuple[Any, ...],
    document_id: str,
    booked_on: date,
    before: list[tuple[str, EntryKind]],
) -> None:
    def earlier(number: int, *kinds: EntryKind) -> str:
        fitting = [document for document, kind in before if kind in kinds]
        return fitting[number % len(fitting)] if fitting else "D-404"

    match fact:
        case ("money", _, kind, amount, allocations):
            await ledger.book_payment(
                connection, document_id=document_id, customer_id="C-1", amount=amount, allocations=allocations,
                booked_on=booked_on, recorded_at=NOW, kind=kind,
            )  # fmt: skip
        case ("reversal", _, kind, amount, number, invoice_id):
            await ledger.book_reversal(
                connection, document_id=document_id, kind=kind, booked_on=booked_on, recorded_at=NOW,
                of_document_id=earlier(number, *UNDOES[kind]), invoice_id=invoice_id, amount=amount,
            )  # fmt: skip
        case ("invoice reversal", _, kind, amount, invoice_id):
            await ledger.book_reversal(
                connection, document_id=document_id, kind=kind, booked_on=booked_on, recorded_at=NOW,
                invoice_id=invoice_id, amount=amount,
            )  # fmt: skip
        case ("place", number, amount, invoice_id):
            await ledger.place_unapplied(
                connection,
                placement_id=document_id,
                document_id=earlier(number, EntryKind.PAYMENT),
                invoice_id=invoice_id,
                recorded_at=NOW,
                amount=amount,
            )
        case (_, _, amount, invoice_id):
            await ledger.write_off(
                connection, document_id=document_id, invoice_id=invoice_id, booked_on=booked_on, recorded_at=NOW,
                amount=amount,
            )  # fmt: skip


def _kind_of(fact: tuple[Any, ...]) -> EntryKind | None:
    return {"write off": EntryKind.WRITE_OFF, "place": None}.get(fact[0], fact[2])


async def _sum_of(connection: AsyncConnection, document_id: str, fact: tuple[Any, ...]) -> int | None:
    kind = _kind_of(fact)
    if kind is None:
        return None
    entries = await ledger.entries_of_document(connection, document_id=document_id, kind=kind)
    return abs(sum(entry.amount.minor for entry in entries)) if entries else None


async def _remember(
    connection: AsyncConnection, document_id: str, fact: tuple[Any, ...], booked: dict[tuple[str, EntryKind], int]
) -> None:
    kind, minor = _kind_of(fact), await _sum_of(connection, document_id, fact)
    if kind is None:
        return
    assert minor is not None, "what was taken has left entries"
    stated = fact[2] if fact[0] == "write off" else fact[3]
    assert stated is None or minor == stated.minor
    booked[document_id, kind] = minor


async def _assert_the_whole_adds_up(connection: AsyncConnection, booked: dict[tuple[str, EntryKind], int]) -> None:
    """Money in less money out lies on invoices or is unapplied."""
    goes_out = (EntryKind.REFUND, EntryKind.CHARGEBACK, EntryKind.PAYMENT_CANCELLED)
    there = sum(-minor if kind in goes_out else minor for (_, kind), minor in booked.items())
    records = [await of(connection, invoice_id) for invoice_id in ("INV-1", "INV-2", "INV-3")]
    on_invoices = sum(record.invoice.amount.minor - record.open_balance.minor for record in records)
    unapplied = sum(
        Money.of(text.removeprefix("EUR "), "EUR").minor for text in (await amounts_unapplied(connection)).values()
    )
    assert there == on_invoices + unapplied
    for record in records:  # settled, written off, or open: never two of them
        is_ended = record.settled_on is not None or record.invoice.written_off_at is not None
        assert is_ended is (record.open_balance.minor == 0), record
