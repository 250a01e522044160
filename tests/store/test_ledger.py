"""Money comes in: applied, short, too much, for nothing known; each ends in a state that a person can see."""

import asyncio
from datetime import date

import pytest

from receivables.invoice import Stage
from receivables.ledger import AllocatedTooMuch, Allocation, Applied, EntryKind, NotAllOfOneCurrency
from receivables.money import Money
from receivables.promises import PromiseState
from store import invoices, ledger, promises
from store.database import Database
from store.invoices import UnknownInvoice
from store.ledger import DocumentConflict, NotAPositiveAmount, NothingToWriteOff
from tests.builders import a_promise, an_invoice, eur
from tests.store.booked import NOW, PAID_ON, amounts_unapplied, assert_balances, give_up, is_open, of, open_account, pay


def to(invoice_id: str, amount: str) -> Allocation:
    return Allocation(invoice_id=invoice_id, amount=eur(amount))


async def test_a_payment_settles_its_invoice(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        assert await pay(connection, "100.00", "INV-1") == Applied(
            to_invoices=(to("INV-1", "100.00"),), unapplied=eur("0.00")
        )
        record = await of(connection)
        assert (record.open_balance, record.settled_on) == (eur("0.00"), PAID_ON)
        (entry,) = await ledger.entries_of(connection, "INV-1")
        assert (entry.document_id, entry.kind, entry.amount) == ("P-1", EntryKind.PAYMENT, -eur("100.00"))
        assert (entry.customer_id, entry.booked_on, entry.recorded_at) == ("C-1", PAID_ON, NOW)
        await assert_balances(connection)


async def test_a_short_payment_leaves_the_rest_open(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "30.00", "INV-1")
        record = await of(connection)
        assert (record.open_balance, record.settled_on) == (eur("70.00"), None)


async def test_two_part_payments_settle_on_the_day_of_the_later_one(database: Database):
    """… also where the earlier one is reported last."""
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "60.00", "INV-1", document_id="P-2", booked_on=date(2024, 3, 12))
        await pay(connection, "40.00", "INV-1", document_id="P-1", booked_on=date(2024, 3, 10))
        assert (await of(connection)).settled_on == date(2024, 3, 12)


async def test_what_was_paid_too_much_is_unapplied(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        applied = await pay(connection, "130.00", "INV-1")
        assert applied.unapplied == eur("30.00")
        (left,) = await ledger.unapplied(connection, customer_id="C-1")
        assert (left.document_id, left.kind, left.amount, left.customer_id, left.named) == (
            "P-1",
            EntryKind.PAYMENT,
            eur("30.00"),
            "C-1",
            "",
        )
        assert (left.booked_on, left.recorded_at) == (PAID_ON, NOW)
        await assert_balances(connection)


async def test_a_payment_for_an_unknown_invoice_is_unapplied_and_says_what_it_named(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "130.00", "INV-404", "INV-405")
        (left,) = await ledger.unapplied(connection)
        assert (left.amount, left.customer_id, left.named) == (eur("130.00"), "C-1", "INV-404, INV-405")


async def test_a_payment_of_an_unknown_customer_is_unapplied_and_theirs_when_they_are_known(database: Database):
    async with database.writing() as connection:
        await pay(connection, "130.00", customer_id="C-404")
        assert await amounts_unapplied(connection, "C-404") == {"P-1": "EUR 130.00"}


async def test_a_payment_of_nobody_for_nothing_is_unapplied(database: Database):
    async with database.writing() as connection:
        await pay(connection, "130.00", customer_id=None)
        (left,) = await ledger.unapplied(connection)
        assert (left.amount, left.customer_id) == (eur("130.00"), None)


async def test_a_payment_of_nobody_belongs_to_the_customer_of_its_invoices(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "130.00", "INV-1", customer_id=None)
        assert await amounts_unapplied(connection, "C-1") == {"P-1": "EUR 30.00"}


async def test_a_payment_in_another_currency_is_unapplied(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, Money.of("100.00", "USD"), "INV-1")
        (left,) = await ledger.unapplied(connection)
        assert (str(left.amount), left.named) == ("USD 100.00", "INV-1")
        assert (await of(connection)).open_balance == eur("100.00")


async def test_one_payment_for_invoices_of_two_customers(database: Database):
    await open_account(database, an_invoice(), an_invoice(invoice_id="INV-2", customer_id="C-2"))
    async with database.writing() as connection:
        applied = await pay(connection, "250.00", "INV-2", "INV-1", customer_id=None)
        assert applied.to_invoices == (to("INV-2", "100.00"), to("INV-1", "100.00"))
        assert [entry.customer_id for entry in await ledger.entries_of(connection, "INV-2")] == ["C-2"]
        (left,) = await ledger.unapplied(connection)
        assert (left.amount, left.customer_id) == (eur("50.00"), None)


async def test_a_credit_note_that_brings_the_balance_to_zero_settles_the_invoice(database: Database):
    """Scenario 27."""
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "60.00", "INV-1")
        await pay(connection, "40.00", "INV-1", document_id="CN-1", kind=EntryKind.CREDIT_NOTE)
        assert (await of(connection)).settled_on == PAID_ON


@pytest.mark.parametrize(("paid", "is_settled"), [("99.00", True), ("98.99", False)])
async def test_a_rest_within_the_tolerance_counts_as_settled(database: Database, paid: str, is_settled: bool):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, paid, "INV-1", tolerance={"EUR": "1.00"})
        record = await of(connection)
        assert (record.settled_on is not None) is is_settled
        await assert_balances(connection)


async def test_the_tolerated_rest_may_still_be_paid(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "99.50", "INV-1", tolerance={"EUR": "1.00"})
        await pay(connection, "0.50", "INV-1", document_id="P-2", booked_on=date(2024, 4, 30))
        record = await of(connection)
        assert (record.open_balance, record.settled_on, record.invoice.cycle) == (eur("0.00"), PAID_ON, 1)


async def test_the_same_payment_again_is_booked_once_and_answered_the_same(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        first = await pay(connection, "130.00", "INV-1", "INV-404")
    async with database.writing() as connection:
        assert await pay(connection, "130.00", "INV-1", "INV-404") == first
        assert len(await ledger.entries_of(connection, "INV-1")) == 1
        await assert_balances(connection)


@pytest.mark.parametrize(
    "changes",
    [
        {"customer_id": None},
        {"customer_id": "C-2"},
        {"booked_on": date(2024, 3, 21)},
        {"allocations": []},
        {"allocations": [to("INV-1", "100.00")]},
    ],
)
async def test_the_same_id_with_other_content_is_a_conflict(sqlite_database: Database, changes: dict[str, object]):
    await open_account(sqlite_database)
    async with sqlite_database.writing() as connection:
        await pay(connection, "100.00", "INV-1")
        with pytest.raises(DocumentConflict, match="payment P-1 was booked before with other content"):
            await pay(connection, "100.00", "INV-1", **changes)
        await assert_balances(connection)


async def test_a_payment_and_a_credit_note_may_have_the_same_id(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "40.00", "INV-1")
        await pay(connection, "40.00", "INV-1", kind=EntryKind.CREDIT_NOTE)
    assert await is_open(database) == "EUR 20.00"


async def test_the_same_payment_twenty_times_at_once_is_booked_once(database: Database):
    await open_account(database)

    async def book(_: int) -> Applied:
        async with database.writing() as connection:
            return await pay(connection, "130.00", "INV-1")

    answers = await asyncio.gather(*(book(number) for number in range(20)))
    assert len(set(answers)) == 1
    async with database.reading() as connection:
        assert len(await ledger.entries_of(connection, "INV-1")) == 1
        assert await amounts_unapplied(connection) == {"P-1": "EUR 30.00"}
        await assert_balances(connection)


async def test_a_payment_for_nothing_known_twenty_times_at_once_is_booked_once(database: Database):
    async def book(_: int) -> Applied:
        async with database.writing() as connection:
            return await pay(connection, "130.00", "INV-404", customer_id=None)

    answers = await asyncio.gather(*(book(number) for number in range(20)))
    assert len(set(answers)) == 1
    async with database.reading() as connection:
        assert await amounts_unapplied(connection) == {"P-1": "EUR 130.00"}


async def test_twenty_payments_of_one_invoice_at_once_all_count(database: Database):
    await open_account(database)

    async def book(number: int) -> None:
        async with database.writing() as connection:
            await pay(connection, "6.00", "INV-1", document_id=f"P-{number}")

    await asyncio.gather(*(book(number) for number in range(20)))
    async with database.reading() as connection:
        assert (await of(connection)).open_balance == eur("0.00")
        left = await ledger.unapplied(connection)
        assert sum(money.amount.minor for money in left) == 2000
        await assert_balances(connection)


async def test_payments_for_two_customers_at_once_never_wait_for_each_other(database: Database):
    """Their invoices are named in both orders; the customers are locked in one."""
    await open_account(database, an_invoice(), an_invoice(invoice_id="INV-2", customer_id="C-2"))

    async def book(number: int) -> None:
        named = ("INV-1", "INV-2") if number % 2 else ("INV-2", "INV-1")
        async with database.writing() as connection:
            shares = [to(invoice_id, "3.00") for invoice_id in named]
            await pay(connection, "6.00", *shares, document_id=f"P-{number}", customer_id=None)

    await asyncio.gather(*(book(number) for number in range(20)))
    assert [await is_open(database, invoice_id) for invoice_id in ("INV-1", "INV-2")] == ["EUR 40.00", "EUR 40.00"]


@pytest.mark.parametrize("amount", ["0.00", "-1.00"])
async def test_no_amount_and_a_negative_one_are_refused(sqlite_database: Database, amount: str):
    await open_account(sqlite_database)
    async with sqlite_database.writing() as connection:
        with pytest.raises(NotAPositiveAmount, match="payment P-1 is EUR"):
            await pay(connection, amount, "INV-1")
        with pytest.raises(NotAPositiveAmount, match="gives to INV-1 is EUR"):
            await pay(connection, "10.00", to("INV-1", amount))
        with pytest.raises(NotAPositiveAmount):
            await give_up(connection, "INV-1", document_id="W-1", amount=eur(amount))


async def test_a_payment_that_is_refused_leaves_nothing_behind(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        with pytest.raises(AllocatedTooMuch):
            await pay(connection, "10.00", to("INV-1", "10.01"))
        with pytest.raises(NotAllOfOneCurrency):
            await pay(connection, "10.00", Allocation(invoice_id="INV-1", amount=Money.of("1.00", "USD")))
        await pay(connection, "10.00", "INV-1")  # its id is free
    assert await is_open(database) == "EUR 90.00"


async def test_a_refund_is_no_payment(sqlite_database: Database):
    async with sqlite_database.writing() as connection:
        with pytest.raises(ValueError, match="refund P-1 is no payment"):
            await pay(connection, "10.00", kind=EntryKind.REFUND)


async def test_an_invoice_written_off_is_closed_not_settled(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "30.00", "INV-1")
        for _ in range(2):
            given_up = await give_up(connection, "INV-1", document_id="W-1")
            assert given_up == eur("70.00")
        record = await of(connection)
        assert (record.open_balance, record.settled_on, record.invoice.written_off_at) == (eur("0.00"), None, NOW)
        with pytest.raises(NothingToWriteOff, match=r"EUR 0\.00 is open"):
            await give_up(connection, "INV-1", document_id="W-2")
        with pytest.raises(UnknownInvoice):
            await give_up(connection, "0", document_id="W-3")
        await assert_balances(connection)


async def test_a_part_may_be_written_off(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await give_up(connection, "INV-1", document_id="W-1", amount=eur("1.50"))
        record = await of(connection)
        assert (record.open_balance, record.invoice.written_off_at) == (eur("98.50"), None)
        with pytest.raises(NothingToWriteOff, match=r"EUR 98\.50 is open"):
            await give_up(connection, "INV-1", document_id="W-2", amount=eur("99.00"))


@pytest.mark.parametrize(("paid", "state"), [("40.00", PromiseState.KEPT), ("39.99", PromiseState.OPEN)])
async def test_a_promise_is_kept_as_soon_as_its_amount_came(database: Database, paid: str, state: PromiseState):
    await open_account(database)
    async with database.writing() as connection:
        await promises.add(connection, a_promise(amount=eur("40.00")))
        await pay(connection, paid, "INV-1")
        promise = await promises.find_promise(connection, "P-1")
        assert promise is not None
        assert promise.state is state
        assert promise.is_kept(open_balance=(await of(connection)).open_balance) is (state is PromiseState.KEPT)


async def test_money_for_another_invoice_keeps_no_promise(database: Database):
    await open_account(database, an_invoice(), an_invoice(invoice_id="INV-2"))
    async with database.writing() as connection:
        await promises.add(connection, a_promise())
        await pay(connection, "100.00", "INV-2")
        promise = await promises.find_promise(connection, "P-1")
        assert promise is not None
        assert promise.state is PromiseState.OPEN


async def test_a_payment_of_a_withdrawn_invoice_is_applied_and_it_stays_withdrawn(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await invoices.withdraw(connection, "INV-1", at=NOW)
        await pay(connection, "100.00", "INV-1")
        record = await of(connection)
        assert (record.open_balance, record.invoice.withdrawn_at) == (eur("0.00"), NOW)
        assert record.stage is Stage.NOT_DUE  # its run closes it
