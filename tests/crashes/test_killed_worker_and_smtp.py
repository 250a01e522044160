"""Promise 1 against a mail server that counts: the worker is killed at every point of a send."""

import random
from collections.abc import AsyncIterator, Iterable
from itertools import cycle
from pathlib import Path

import pytest

from receivables.messages import MessageState
from store import facts, messages
from store.intake import Taken
from tests.crashes.house import House, a_house, now
from tests.crashes.post_office import PostOffice, Stop, a_post_office
from tests.waiting import until

pytestmark = pytest.mark.dev_server

SETTLES_WITHIN = 60


@pytest.fixture
async def office() -> AsyncIterator[PostOffice]:
    async with a_post_office() as opened:
        yield opened


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str, office: PostOffice) -> AsyncIterator[House]:
    async with a_house(
        tmp_path, sqlite_url, channel="smtp", smtp_host="127.0.0.1", smtp_port=office.port, smtp_tls="none"
    ) as opened:
        yield opened


async def assert_nobody_got_a_reminder_twice(house: House, office: PostOffice) -> None:
    """And whatever was taken is known: sent, or in doubt and listed."""
    twice = [count for count in (office.count_by_recipient() + office.count_by_message_id()).items() if count[1] > 1]
    assert twice == []
    known = await house.message_ids()
    steps = [(item.invoice_id, item.step) for letter in office.taken for item in known[letter.message_id].items]
    assert len(steps) == len(set(steps)), "a step of an invoice came in two messages"
    async with house.database.reading() as connection:
        listed = {message.key for message in await messages.in_doubt(connection, limit=500)}
    for letter in office.taken:
        message = known[letter.message_id]
        assert message.state is MessageState.SENT or message.key in listed, message


async def test_promise_1_a_worker_killed_at_any_point_of_a_send_never_sends_twice(
    house: House, office: PostOffice
) -> None:
    dice = random.Random(20350305)
    invoice_ids: list[str] = []
    stopped_at: dict[str, Stop] = {}
    customers = (f"C-{number}" for number in range(1, 1000))

    async def open_some(count: int) -> list[str]:
        chosen = [next(customers) for _ in range(count)]
        for customer_id in chosen:
            invoice_ids.extend(await house.open_invoices(customer_id, invoices=dice.choice((1, 1, 2))))
        return [house.addresses[customer_id] for customer_id in chosen]

    async def until_held(addresses: Iterable[str]) -> None:
        wanted = set(addresses)
        await until(lambda: office.held.keys() >= wanted, seconds=40, what="all conversations to be held")

    # held at each point of the conversation, twice, and killed there
    for _ in range(2):
        addresses = [f"c-{number}@acme.example" for number in range(len(stopped_at) + 1, len(stopped_at) + 11)]
        stops = dict(zip(addresses, cycle(Stop), strict=False))
        office.stops.update(stops)
        stopped_at.update(stops)
        assert await open_some(10) == addresses
        house.worker.start()
        await until_held(stops)
        house.worker.kill()

    # killed when the letters are taken, the worker knows it, and has not written it down
    first = len(stopped_at) + 1
    addresses = [f"c-{number}@acme.example" for number in range(first, first + 6)]
    office.stops |= dict.fromkeys(addresses, Stop.RECIPIENT)
    assert await open_some(6) == addresses
    house.worker.start()
    await until_held(addresses)
    async with house.locked_store():
        seen = office.goodbyes
        office.let_go()
        await until(lambda: office.goodbyes >= seen + len(addresses), what="all letters to be taken")
        house.worker.kill()
    stopped_at |= dict.fromkeys(addresses, Stop.GOODBYE)

    # killed at any moment
    for _ in range(3):
        seen = len(office.taken)
        await open_some(8)
        house.worker.start()
        wanted = seen + dice.randint(1, 7)
        await until(lambda wanted=wanted: len(office.taken) >= wanted, seconds=40, what="some letters")
        house.worker.kill()

    house.worker.start()
    await until(lambda: house.is_settled(invoice_ids), seconds=SETTLES_WITHIN, what="everything to settle")
    await assert_nobody_got_a_reminder_twice(house, office)
    taken = office.count_by_recipient()
    states = {message.to: message.state for message in await house.all_messages()}
    for address, stop in stopped_at.items():
        assert taken[address] == stop.has_taken_the_letter, (address, stop)
        allowed = {MessageState.IN_DOUBT} | ({MessageState.SENT} if stop is Stop.GOODBYE else set())
        assert states[address] in allowed, (address, stop)

    # a person has what is in doubt sent again: exactly once more, and nobody else hears anything
    before, in_doubt = office.count_by_recipient(), await house.all_messages(MessageState.IN_DOUBT)
    for message in in_doubt:
        await send_again(house, message.key)
    await until(lambda: house.all_sent(invoice_ids), seconds=SETTLES_WITHIN, what="what was in doubt to be sent again")
    expected = before.copy()
    expected.update(message.to for message in in_doubt)
    assert office.count_by_recipient() == expected


async def send_again(house: House, key: str) -> None:
    """What the API does when a person says "send again"."""
    async with house.database.writing() as connection:
        await messages.settle(connection, key=key, state=MessageState.DEFERRED, at=now(), outcome="asked", by="mia")
        message = await messages.find(connection, key)
        assert message is not None
        fact_id = f"settlement:{key}"
        await facts.take_fact(
            connection, fact_id=fact_id, kind="settlement", fingerprint="", words="send again", by="mia", at=now()
        )
        told = {item.invoice_id for item in message.items}
        await facts.tell(connection, fact_id=fact_id, invoice_ids=told, news="look_again", at=now())
        tellings = await facts.untold_of(connection, fact_id)
    await house.tell(Taken(is_new=True, answer={}, tellings=tellings))
