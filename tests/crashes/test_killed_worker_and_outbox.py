"""Promise 1 with a channel that knows the keys: what may have left goes out again, and lies there once."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest

from channels.mime import mail_bytes
from receivables.messages import Message, MessageState
from store import messages
from tests.crashes.house import House, a_house
from tests.waiting import until

pytestmark = [pytest.mark.dev_server, pytest.mark.postgres]


@pytest.fixture
async def house(tmp_path: Path, postgres_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, postgres_url, lease_seconds=4, send_timeout_seconds=3) as opened:
        yield opened


async def killed_while_messages_are_on_their_way(house: House) -> list[Message]:
    """Kill the worker at a moment at which messages are reserved and not recorded as sent; gives those."""

    async def caught() -> list[Message]:
        house.worker.pause()
        if not await house.all_messages(MessageState.RESERVED):
            house.worker.go_on()
            return []
        house.worker.kill()
        async with house.locked_store():  # what it had asked to be committed is committed now, or never
            reserved = await house.all_messages(MessageState.RESERVED)
        if not reserved:
            house.worker.start()
        return reserved

    return await until(caught, seconds=40, what="a message on its way")


async def assert_each_lies_there_once_and_whole(house: House) -> None:
    found: Counter[str] = Counter()
    for file in house.outbox.glob("*.eml"):
        mail = BytesParser(policy=policy.default).parsebytes(file.read_bytes())
        found[str(mail["Message-ID"])] += 1
    sent = {
        message_id: message
        for message_id, message in (await house.message_ids()).items()
        if message.state is MessageState.SENT
    }
    assert found == Counter(sent.keys())
    steps = [(item.invoice_id, item.step) for message in sent.values() for item in message.items]
    assert len(steps) == len(set(steps))
    async with house.database.reading() as connection:
        for file in house.outbox.glob("*.eml"):
            message = next(message for message in sent.values() if message.provider_reference == file.name)
            assert file.read_bytes() == mail_bytes(await messages.letter_of(connection, message.key))


async def test_promise_1_a_worker_killed_while_it_writes_to_the_outbox_leaves_one_whole_file_each(house: House) -> None:
    dice = random.Random(8)
    invoice_ids: list[str] = []
    customers = (f"C-{number}" for number in range(1, 1000))

    async def open_some(count: int) -> None:
        for _ in range(count):
            invoice_ids.extend(await house.open_invoices(next(customers), invoices=dice.choice((1, 1, 2))))

    await open_some(12)
    house.worker.start()
    caught = await killed_while_messages_are_on_their_way(house)

    await open_some(12)
    house.worker.start()
    written = len(list(house.outbox.glob("*.eml"))) + dice.randint(1, 6)
    await until(lambda: len(list(house.outbox.glob("*.eml"))) >= written, seconds=40, what="some files")
    house.worker.kill()

    house.worker.start()
    await until(lambda: house.all_sent(invoice_ids), seconds=60, what="everything to be sent")
    await assert_each_lies_there_once_and_whole(house)
    attempts = {message.key: message.attempts for message in await house.all_messages()}
    assert all(attempts[message.key] > 1 for message in caught), "what was on its way was asked of the channel again"
