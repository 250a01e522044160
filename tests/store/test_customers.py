"""Customers in the store."""

import asyncio
from datetime import date

import pytest

from receivables.customer import Contact, Relationship
from store import customers
from store.accounts import read_account
from store.customers import UnknownCustomer
from store.database import Database
from tests.builders import a_customer, utc

NOW = utc(2024, 3, 1, 12)
LATER = utc(2024, 3, 2, 12)


async def test_a_customer_comes_back_as_saved(database: Database):
    full = a_customer(
        language="de",
        owner="agent-1",
        relationship=Relationship.FRAGILE,
        personal_only=True,
        excluded=True,
        ladder="gentle",
        contact=Contact(name="Jürgen ☺", email="j@acme.example", bounced_at=NOW),
    )
    async with database.writing() as connection:
        await customers.save_customer(connection, full, at=NOW)
        assert await customers.find_customer(connection, "C-1") == full


async def test_who_is_not_there_is_not_found(database: Database):
    async with database.reading() as connection:
        assert await customers.find_customer(connection, "C-404") is None
        assert await customers.find_by_reply_token(connection, "0") is None
        with pytest.raises(UnknownCustomer, match="C-404"):
            await customers.reply_token(connection, "C-404")


async def test_saving_again_changes_the_customer_and_keeps_the_token(database: Database):
    async with database.writing() as connection:
        await customers.save_customer(connection, a_customer(), at=NOW)
        token = await customers.reply_token(connection, "C-1")
        await customers.save_customer(connection, a_customer(name="Acme SE"), at=LATER)
        assert await customers.reply_token(connection, "C-1") == token
        found = await customers.find_by_reply_token(connection, token.upper())
    assert found is not None
    assert found.name == "Acme SE"


async def test_a_token_is_long_and_each_customers_own(database: Database):
    async with database.writing() as connection:
        for number in range(10):
            await customers.save_customer(connection, a_customer(customer_id=f"C-{number}"), at=NOW)
        tokens = {await customers.reply_token(connection, f"C-{number}") for number in range(10)}
    assert len(tokens) == 10
    assert all(len(token) == 32 for token in tokens)


async def test_a_bounced_address_stays_bounced_when_a_backend_tells_the_same_again(database: Database):
    async with database.writing() as connection:
        await customers.save_customer(connection, a_customer(), at=NOW)
        await customers.mark_bounced(connection, "C-1", NOW)
        await customers.save_customer(connection, a_customer(name="Acme SE"), at=LATER, keep_bounce=True)
        customer = await customers.find_customer(connection, "C-1")
    assert customer is not None
    assert (customer.name, customer.contact.bounced_at) == ("Acme SE", NOW)


@pytest.mark.parametrize("keep_bounce", [True, False])
async def test_another_address_has_not_bounced(database: Database, keep_bounce: bool):
    async with database.writing() as connection:
        await customers.save_customer(connection, a_customer(), at=NOW)
        await customers.mark_bounced(connection, "C-1", NOW)
        await customers.save_customer(
            connection, a_customer(email="new@acme.example"), at=LATER, keep_bounce=keep_bounce
        )
        customer = await customers.find_customer(connection, "C-1")
    assert customer is not None
    assert customer.contact.can_be_mailed


async def test_a_person_may_say_that_the_address_is_good_after_all(database: Database):
    async with database.writing() as connection:
        await customers.save_customer(connection, a_customer(), at=NOW)
        await customers.mark_bounced(connection, "C-1", NOW)
        await customers.save_customer(connection, a_customer(), at=LATER)
        customer = await customers.find_customer(connection, "C-1")
    assert customer is not None
    assert customer.contact.can_be_mailed


async def test_customers_are_listed_in_pages(database: Database):
    async with database.writing() as connection:
        for number in (3, 1, 2):
            await customers.save_customer(connection, a_customer(customer_id=f"C-{number}"), at=NOW)
        first = await customers.list_customers(connection, limit=2)
        rest = await customers.list_customers(connection, after=first[-1].customer_id, limit=2)
    assert [customer.customer_id for customer in (*first, *rest)] == ["C-1", "C-2", "C-3"]


async def test_the_latest_trouble_counts(database: Database):
    async with database.writing() as connection:
        await customers.save_customer(connection, a_customer(), at=NOW)
        for day, words in ((5, "chargeback"), (9, "broken promise"), (7, "complaint")):
            await customers.note_trouble(connection, customer_id="C-1", on=date(2024, 3, day), words=words)
        history = (await read_account(connection, customer_id="C-1", as_of=LATER)).history
        assert (history.last_trouble_on, history.last_trouble) == (date(2024, 3, 9), "broken promise")
        with pytest.raises(UnknownCustomer):
            await customers.note_trouble(connection, customer_id="C-404", on=date(2024, 3, 1), words="?")
        with pytest.raises(UnknownCustomer):
            await customers.mark_bounced(connection, "C-404", NOW)


async def test_a_locked_customer_waits_for_the_first_to_finish(database: Database):
    async with database.writing() as connection:
        await customers.save_customer(connection, a_customer(), at=NOW)
    steps: list[str] = []
    is_in = asyncio.Event()

    async def first() -> None:
        async with database.writing() as connection:
            await customers.lock_customer(connection, "C-1")
            is_in.set()
            for _ in range(20):  # turns of the loop in which the second could slip in
                await customers.find_customer(connection, "C-1")
            steps.append("first")

    async def second() -> None:
        await is_in.wait()
        async with database.writing() as connection:
            await customers.lock_customer(connection, "C-1")
            steps.append("second")

    await asyncio.gather(second(), first())
    assert steps == ["first", "second"]


async def test_words_that_no_database_takes_are_stored_harmless(database: Database):
    async with database.writing() as connection:
        await customers.save_customer(connection, a_customer(name="Ac\x00me \ud800"), at=NOW)
        customer = await customers.find_customer(connection, "C-1")
    assert customer is not None
    assert customer.name == "Ac\ufffdme ?"
