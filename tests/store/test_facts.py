"""Promise 2, nothing accepted is lost: a fact is taken once, and stays untold until somebody has told it."""

import asyncio
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from store import facts
from store.database import Database
from store.facts import FactConflict, FactTaken, Telling, fingerprint
from tests.builders import a_customer, eur, utc

NOON = utc(2024, 3, 1, 12)


async def take(connection: AsyncConnection, fact_id: str = "payment:P-1", **changes: Any) -> FactTaken:
    values: dict[str, Any] = {
        "kind": "payment",
        "fingerprint": fingerprint("EUR 100.00"),
        "words": "payment P-1",
        "by": "bank",
        "at": NOON,
    }
    return await facts.take_fact(connection, fact_id=fact_id, **(values | changes))


async def test_a_fact_is_new_once(database: Database):
    async with database.writing() as connection:
        assert (await take(connection)).is_new
        assert not (await take(connection)).is_new


async def test_the_same_again_is_answered_as_the_first_time(database: Database):
    async with database.writing() as connection:
        await take(connection)
        await facts.answer_fact(connection, "payment:P-1", {"unapplied": "0.00"})
    async with database.writing() as connection:
        assert await take(connection) == FactTaken(is_new=False, answer={"unapplied": "0.00"})


async def test_the_same_id_with_other_content_is_a_conflict(database: Database):
    async with database.writing() as connection:
        await take(connection)
        with pytest.raises(FactConflict, match="payment:P-1 was told before with other content"):
            await take(connection, fingerprint=fingerprint("EUR 99.00"))
        assert (await take(connection, "payment:P-2")).is_new  # the transaction can go on


async def test_of_twenty_who_tell_the_same_at_once_one_is_new(database: Database):
    async def tell(_: int) -> bool:
        async with database.writing() as connection:
            return (await take(connection)).is_new

    assert sum(await asyncio.gather(*(tell(number) for number in range(20)))) == 1


async def test_of_twenty_who_tell_otherwise_at_once_one_is_taken_and_the_others_conflict(database: Database):
    async def tell(number: int) -> str:
        try:
            async with database.writing() as connection:
                return "new" if (await take(connection, fingerprint=fingerprint(number))).is_new else "same"
        except FactConflict:
            return "conflict"

    assert sorted(await asyncio.gather(*(tell(number) for number in range(20)))) == ["conflict"] * 19 + ["new"]


async def test_a_fact_whose_first_teller_failed_is_new_for_the_second(database: Database):
    async def fail() -> None:
        async with database.writing() as connection:
            await take(connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.writing() as connection:
        assert (await take(connection)).is_new


async def test_a_fact_stays_untold_until_its_workflow_was_told(database: Database):
    async with database.writing() as connection:
        await take(connection)
        await facts.tell(
            connection, fact_id="payment:P-1", invoice_ids=["INV-2", "INV-1"], news="payment_received", at=NOON
        )
    one, two = (
        Telling(fact_id="payment:P-1", invoice_id=invoice_id, news="payment_received", words="payment P-1")
        for invoice_id in ("INV-1", "INV-2")
    )
    async with database.writing() as connection:
        assert await facts.untold(connection, stored_before=NOON, limit=10) == []
        assert await facts.untold(connection, stored_before=utc(2024, 3, 1, 13), limit=10) == [one, two]
        assert await facts.untold(connection, stored_before=utc(2024, 3, 1, 13), limit=1) == [one]
        assert await facts.untold_of(connection, "payment:P-1") == (one, two)
        await facts.mark_told(connection, fact_id="payment:P-1", invoice_id="INV-1", at=NOON)
        assert await facts.untold_of(connection, "payment:P-1") == (two,)


async def test_a_workflow_is_told_of_a_fact_once(database: Database):
    async with database.writing() as connection:
        await take(connection)
        for _ in range(2):
            await facts.tell(
                connection, fact_id="payment:P-1", invoice_ids=["INV-1", "INV-1"], news="look_again", at=NOON
            )
        await facts.mark_told(connection, fact_id="payment:P-1", invoice_id="INV-1", at=NOON)
        await facts.tell(connection, fact_id="payment:P-1", invoice_ids=["INV-1"], news="look_again", at=NOON)
        await facts.tell(connection, fact_id="payment:P-1", invoice_ids=[], news="look_again", at=NOON)
        assert await facts.untold_of(connection, "payment:P-1") == ()


def test_a_fingerprint_is_of_the_content_not_of_its_order():
    assert fingerprint({"a": 1, "b": [eur("1.00"), date(2024, 3, 1)]}) == fingerprint(
        {"b": [eur("1.00"), date(2024, 3, 1)], "a": 1}
    )
    assert fingerprint([1, 2]) != fingerprint([2, 1])
    assert fingerprint({"a": None}) != fingerprint({})
    assert fingerprint(a_customer()) != fingerprint(a_customer(personal_only=True))
    assert fingerprint(Decimal("1.10")) == fingerprint("1.10")


def test_a_fingerprint_takes_any_text():
    assert len(fingerprint("\ud800 \x00 ü €")) == 64


def test_what_is_no_number_has_no_fingerprint():
    with pytest.raises(ValueError, match="not JSON compliant"):
        fingerprint(float("nan"))
