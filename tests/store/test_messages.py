"""Promise 1, never twice: what the store guarantees of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from receivables.messages import Message, MessageState
from store import messages
from store.database import Database
from store.messages import AlreadyReserved, NoSuchMessage, WrongMessageState
from store.paging import BadCursor
from tests.builders import a_message, an_invoice, an_item
from tests.store.known import MONDAY, a_letter, another_process, know, minutes_later

FREED = [MessageState.FAILED, MessageState.DEFERRED, MessageState.DROPPED]
IN_DOUBT = MessageState.IN_DOUBT
SENT = MessageState.SENT


def item_of(invoice_id: str, **changes: Any) -> Any:
    return an_item(an_invoice(invoice_id=invoice_id), **changes)


def a_reservation(*items: Any, **changes: Any) -> Message:
    return a_message(*items, at=changes.pop("at", MONDAY), **({"state": MessageState.RESERVED} | changes))


async def reserve(database: Database, message: Message) -> None:
    async with database.writing() as connection:
        await messages.reserve(connection, message, a_letter(message.key))


async def settle(database: Database, message: Message, state: MessageState, **changes: Any) -> None:
    async with database.writing() as connection:
        await messages.settle(
            connection, key=message.key, state=state, **({"at": minutes_later(1), "outcome": "said so"} | changes)
        )


async def bring_to(database: Database, message: Message, state: MessageState) -> None:
    await reserve(database, message)
    if state is not MessageState.RESERVED:
        await settle(database, message, state)


async def find(database: Database, key: str) -> Message:
    async with database.reading() as connection:
        found = await messages.find(connection, key)
    assert found is not None
    return found


async def at_the_same_moment(*attempts: Callable[[], Awaitable[Any]]) -> list[Any]:
    return await asyncio.gather(*(attempt() for attempt in attempts), return_exceptions=True)


async def test_a_reserved_message_and_its_letter_are_read_back_as_they_were_written(database: Database) -> None:
    await know(database, C_1=("INV-1", "INV-2"))
    message = a_reservation(item_of("INV-1"), item_of("INV-2", level=2), rule="level 1 is due", segment="standard")
    await reserve(database, message)
    async with database.reading() as connection:
        assert await messages.find(connection, message.key) == message
        assert await messages.letter_of(connection, message.key) == a_letter(message.key)


async def test_what_is_unknown_is_not_found(database: Database) -> None:
    async with database.writing() as connection:
        assert await messages.find(connection, "C-9:level-1:2024-03-04") is None
        with pytest.raises(NoSuchMessage):
            await messages.letter_of(connection, "C-9:level-1:2024-03-04")
        with pytest.raises(NoSuchMessage):
            await messages.settle(connection, key="C-9", state=SENT, at=MONDAY, outcome="")


async def test_a_key_that_counts_is_not_reserved_again(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    for cycle, state in enumerate([MessageState.RESERVED, SENT, IN_DOUBT], start=1):
        message = a_reservation(item_of("INV-1", cycle=cycle), key=f"K-{cycle}")
        await bring_to(database, message, state)
        with pytest.raises(AlreadyReserved) as refused:
            await reserve(database, message)
        assert (refused.value.key, refused.value.state) == (message.key, state)
        assert (await find(database, message.key)).attempts == 1


async def test_a_message_that_did_not_leave_is_reserved_again_in_its_place(database: Database) -> None:
    await know(database, C_1=("INV-1", "INV-2"))
    for cycle, state in enumerate(FREED, start=1):
        key = f"K-{cycle}"
        paid, unpaid = item_of("INV-2", cycle=cycle), item_of("INV-1", cycle=cycle)
        await bring_to(database, a_reservation(unpaid, paid, key=key), state)
        # INV-2 was paid in the meantime: the second attempt does not speak of it, and it must not count as reminded.
        second = a_reservation(unpaid, key=key, at=minutes_later(30), to="new@acme.example")
        async with database.writing() as connection:
            await messages.reserve(connection, second, a_letter(key, subject="Once more"))
            assert (await messages.letter_of(connection, key)).subject == "Once more"
        assert await find(database, key) == second.model_copy(update={"attempts": 2})


async def test_a_step_that_another_message_holds_is_refused_and_nothing_is_written(database: Database) -> None:
    await know(database, C_1=("INV-1", "INV-2"))
    first = a_reservation(item_of("INV-1"))
    await bring_to(database, first, SENT)
    second = a_reservation(item_of("INV-2"), item_of("INV-1"), key="C-1:level-1:2024-03-05")
    async with database.writing() as connection:
        with pytest.raises(AlreadyReserved) as refused:
            await messages.reserve(connection, second, a_letter(second.key))
        assert (refused.value.key, refused.value.state) == (first.key, SENT)
        assert (refused.value.invoice_id, refused.value.step) == ("INV-1", "level-1")
        # The transaction goes on: the caller tries again with what is left.
        third = a_reservation(item_of("INV-2"), key="C-1:level-1:2024-03-06")
        await messages.reserve(connection, third, a_letter(third.key))
    async with database.reading() as connection:
        assert await messages.find(connection, second.key) is None
        assert await messages.find(connection, third.key) == third


async def test_a_refused_second_attempt_leaves_the_first_as_it_was(database: Database) -> None:
    await know(database, C_1=("INV-1", "INV-2"))
    first = a_reservation(item_of("INV-1"))
    await bring_to(database, first, MessageState.DEFERRED)
    before = await find(database, first.key)
    await reserve(database, a_reservation(item_of("INV-2"), key="C-1:level-1:2024-03-05"))
    with pytest.raises(AlreadyReserved):
        await reserve(database, a_reservation(item_of("INV-1"), item_of("INV-2")))
    assert await find(database, first.key) == before


async def test_only_a_message_that_did_not_leave_frees_its_steps(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    for cycle, state in enumerate(MessageState, start=1):
        item = item_of("INV-1", cycle=cycle)
        await bring_to(database, a_reservation(item, key=f"{state}, day 1"), state)
        next_day = a_reservation(item, key=f"{state}, day 2")
        if state in FREED:
            await reserve(database, next_day)
        else:
            with pytest.raises(AlreadyReserved):
                await reserve(database, next_day)


async def test_each_step_is_held_once_a_cycle(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    await reserve(database, a_reservation(item_of("INV-1")))
    await reserve(database, a_reservation(item_of("INV-1", level=2), key="C-1:level-2:2024-03-04"))
    await reserve(database, a_reservation(item_of("INV-1", cycle=2), key="C-1:level-1:2024-05-06"))
    with pytest.raises(AlreadyReserved):
        await reserve(database, a_reservation(item_of("INV-1", cycle=2), key="C-1:level-1:2024-05-07"))


async def test_nonsense_is_not_reserved(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    twice = a_reservation(item_of("INV-1"), item_of("INV-1"))
    nothing = a_reservation().model_copy(update={"items": ()})
    for message in (a_reservation(state=SENT), twice, nothing):
        with pytest.raises(ValueError, match="message C-1"):
            await reserve(database, message)


async def test_of_two_processes_that_reserve_one_key_exactly_one_wins(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    other = another_process(database)
    try:
        for day in range(1, 6):
            message = a_reservation(item_of("INV-1", cycle=day), key=f"C-1:level-1:2024-03-0{day}")
            outcomes = await at_the_same_moment(
                *(lambda way=way, message=message: reserve(way, message) for way in (database, other, database))
            )
            assert sorted(str(outcome) for outcome in outcomes) == sorted(
                ["None", *2 * [str(AlreadyReserved(message.key, MessageState.RESERVED))]]
            )
    finally:
        await other.close()


async def test_of_two_messages_that_reach_for_one_step_exactly_one_wins(database: Database) -> None:
    invoice_ids = [f"INV-{number}" for number in range(1, 9)]
    await know(database, C_1=invoice_ids)
    other = another_process(database)
    items = [item_of(invoice_id) for invoice_id in invoice_ids]
    try:
        outcomes = await at_the_same_moment(
            lambda: reserve(database, a_reservation(*items, key="C-1:level-1:2024-03-04")),
            lambda: reserve(other, a_reservation(*reversed(items), key="C-1:level-1:2024-03-05")),
            lambda: reserve(database, a_reservation(*items[4:], *items[:4], key="C-1:level-1:2024-03-06")),
        )
        assert [type(outcome) for outcome in outcomes].count(AlreadyReserved) == 2
        assert outcomes.count(None) == 1
        async with database.reading() as connection:
            (winner,) = await messages.list_messages(connection)
        assert [item.invoice_id for item in winner.items] == invoice_ids
    finally:
        await other.close()


async def test_a_reservation_that_is_rolled_back_lets_the_one_who_waited_win(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    other = another_process(database)
    is_reserved = asyncio.Event()

    async def reserve_and_fail() -> None:
        async with database.writing() as connection:
            await messages.reserve(connection, a_reservation(), a_letter())
            is_reserved.set()
            raise RuntimeError("the process dies here")

    async def reserve_after_it() -> None:
        await is_reserved.wait()
        await reserve(other, a_reservation())

    try:
        first, second = await at_the_same_moment(reserve_and_fail, reserve_after_it)
        assert isinstance(first, RuntimeError)
        assert second is None
        assert (await find(database, a_reservation().key)).attempts == 1
    finally:
        await other.close()


ALLOWED_TO_THE_MACHINE = {
    (MessageState.RESERVED, SENT),
    (MessageState.RESERVED, MessageState.FAILED),
    (MessageState.RESERVED, MessageState.DEFERRED),
    (MessageState.RESERVED, IN_DOUBT),
    (MessageState.RESERVED, MessageState.DROPPED),
    (MessageState.DEFERRED, MessageState.DROPPED),
}
ALLOWED_TO_A_PERSON = {
    (IN_DOUBT, SENT),
    (IN_DOUBT, MessageState.DEFERRED),
    (IN_DOUBT, MessageState.DROPPED),
    (MessageState.RESERVED, MessageState.DROPPED),
    (MessageState.DEFERRED, MessageState.DROPPED),
}


async def test_every_change_of_a_messages_state_is_allowed_or_refused_by_name(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    changes = [(before, after) for before in MessageState for after in MessageState if before is not after]
    by_whom = [(*change, by) for change in changes for by in (None, "agent-1")]
    for number, (before, after, by) in enumerate(by_whom, start=1):
        allowed = ALLOWED_TO_A_PERSON if by else ALLOWED_TO_THE_MACHINE
        message = a_reservation(item_of("INV-1", cycle=number), key=f"{before} → {after} by {by}")
        await bring_to(database, message, before)
        if (before, after) in allowed:
            await settle(database, message, after, by=by)
        else:
            with pytest.raises(WrongMessageState) as refused:
                await settle(database, message, after, by=by)
            assert (refused.value.state, refused.value.wanted) == (before, after)
        assert (await find(database, message.key)).state is (after if (before, after) in allowed else before)


async def test_settling_keeps_when_how_and_by_whom(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    message = a_reservation()
    await reserve(database, message)
    await settle(database, message, IN_DOUBT, outcome="the connection broke\x00 after the last byte")
    in_doubt = await find(database, message.key)
    assert (in_doubt.outcome, in_doubt.sent_at) == ("the connection broke\ufffd after the last byte", None)
    await settle(database, message, SENT, outcome="Anna has it", reference="r" * 500, by="agent-1")
    sent = await find(database, message.key)
    assert (sent.sent_at, sent.outcome, sent.settled_by) == (minutes_later(1), "Anna has it", "agent-1")
    assert sent.provider_reference == "r" * 400


async def test_settling_the_same_again_changes_nothing(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    message = a_reservation()
    await reserve(database, message)
    await settle(database, message, SENT, reference="250 ok")
    before = await find(database, message.key)
    await settle(database, message, SENT, reference="250 ok", at=minutes_later(9))
    assert await find(database, message.key) == before


async def test_of_two_who_settle_a_doubt_differently_exactly_one_wins(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    message = a_reservation()
    await bring_to(database, message, IN_DOUBT)
    outcomes = await at_the_same_moment(
        lambda: settle(database, message, SENT, by="agent-1"),
        lambda: settle(database, message, MessageState.DEFERRED, by="agent-2"),
    )
    (refused,) = [outcome for outcome in outcomes if outcome is not None]
    assert isinstance(refused, WrongMessageState)
    assert (await find(database, message.key)).state is refused.state


async def test_an_attempt_that_comes_late_does_not_speak_for_the_next_one(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    message = a_reservation()
    await bring_to(database, message, MessageState.DEFERRED)
    await reserve(database, message)
    with pytest.raises(WrongMessageState, match="attempt 1"):
        await settle(database, message, MessageState.FAILED, attempt=1)
    await settle(database, message, SENT, attempt=2)
    assert (await find(database, message.key)).state is SENT


async def test_a_lease_is_taken_over_only_after_it_has_passed_and_only_once(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    message = a_reservation()  # its lease runs for five minutes
    await reserve(database, message)

    async def take_over(at_minute: int) -> bool:
        async with database.writing() as connection:
            return await messages.extend_lease(
                connection, key=message.key, lease_until=minutes_later(at_minute + 5), as_of=minutes_later(at_minute)
            )

    assert await take_over(4) is False
    outcomes = await at_the_same_moment(*5 * [lambda: take_over(5)])
    assert sorted(outcomes) == [False, False, False, False, True]
    taken = await find(database, message.key)
    assert (taken.attempts, taken.lease_until, taken.reserved_at) == (2, minutes_later(10), MONDAY)
    assert await take_over(10) is True
    await settle(database, message, SENT)
    assert await take_over(20) is False


async def test_a_lease_that_has_passed_already_is_not_given(database: Database) -> None:
    async with database.writing() as connection:
        with pytest.raises(ValueError, match="has passed"):
            await messages.extend_lease(connection, key="K", lease_until=MONDAY, as_of=MONDAY)


async def test_reserved_messages_past_their_lease_are_listed_the_longest_first(database: Database) -> None:
    await know(database, C_1=("INV-1", "INV-2", "INV-3"), C_2=("INV-4",))
    second = a_reservation(item_of("INV-2"), key="K-2", lease_until=minutes_later(4))
    first = a_reservation(item_of("INV-1"), key="K-1", lease_until=minutes_later(3))
    running = a_reservation(item_of("INV-3"), key="K-3", lease_until=minutes_later(6))
    other = a_reservation(item_of("INV-4"), key="K-4", lease_until=minutes_later(5), customer_id="C-2")
    for message in (second, first, running, other):
        await reserve(database, message)
    async with database.reading() as connection:
        assert await messages.expired(connection, as_of=minutes_later(5)) == [first, second, other]
        assert await messages.expired(connection, as_of=minutes_later(5), customer_id="C-2") == [other]
        assert await messages.expired(connection, as_of=minutes_later(5), limit=1) == [first]


async def test_what_is_in_doubt_is_listed_until_a_person_has_settled_it(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    message = a_reservation()
    await bring_to(database, message, IN_DOUBT)
    async with database.reading() as connection:
        assert [found.key for found in await messages.in_doubt(connection)] == [message.key]
        assert await messages.in_doubt(connection, customer_id="C-2") == []
    await settle(database, message, MessageState.DROPPED, by="agent-1")
    async with database.reading() as connection:
        assert await messages.in_doubt(connection) == []


async def test_messages_are_listed_newest_first_by_what_is_asked_for(database: Database) -> None:
    await know(database, C_1=("INV-1", "INV-2"), C_2=("INV-3",))
    first = a_reservation(item_of("INV-1"), key="K-1")
    second = a_reservation(item_of("INV-1", level=2), item_of("INV-2"), key="K-2", at=minutes_later(5))
    third = a_reservation(item_of("INV-3"), key="K-3", customer_id="C-2", at=minutes_later(10))
    for message in (first, second, third):
        await reserve(database, message)
    await settle(database, first, SENT, at=minutes_later(1))
    await settle(database, third, SENT, at=minutes_later(11))

    async def keys(**wanted: Any) -> list[str]:
        async with database.reading() as connection:
            return [message.key for message in await messages.list_messages(connection, **wanted)]

    assert await keys() == ["K-3", "K-2", "K-1"]
    assert await keys(customer_id="C-1") == ["K-2", "K-1"]
    assert await keys(invoice_id="INV-2") == ["K-2"]
    assert await keys(state=SENT) == ["K-3", "K-1"]
    assert await keys(sent_after=minutes_later(1)) == ["K-3"]
    assert await keys(sent_after=minutes_later(0)) == ["K-3", "K-1"]


async def test_pages_of_messages_neither_repeat_nor_skip_those_of_one_instant(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    for number in range(1, 8):
        await reserve(database, a_reservation(item_of("INV-1", cycle=number), key=f"K-{number}"))
    seen: list[str] = []
    after = None
    async with database.reading() as connection:
        while page := await messages.list_messages(connection, after=after, limit=3):
            seen += [message.key for message in page]
            after = messages.cursor_of(page[-1])
        assert seen == [f"K-{number}" for number in range(7, 0, -1)]
        with pytest.raises(BadCursor):
            await messages.list_messages(connection, after="K-3")
