"""Messages: reserved under their key before they leave, and settled by guarded transitions (promise 1)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Update, bindparam, delete, exists, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.messages import Letter, Message, MessageItem, MessageState
from receivables.money import Money
from store import tables
from store.inserting import insert_unless_there
from store.paging import comes_before, cursor, page_size
from store.words import storable

FREES_ITS_STEPS = frozenset({MessageState.FAILED, MessageState.DEFERRED, MessageState.DROPPED})
"""The customer surely has not received it: its levels are not used up, and its key may be reserved again."""

_FROM_THE_MACHINE: Mapping[MessageState, frozenset[MessageState]] = {
    MessageState.SENT: frozenset({MessageState.RESERVED}),
    MessageState.FAILED: frozenset({MessageState.RESERVED}),
    MessageState.DEFERRED: frozenset({MessageState.RESERVED}),
    MessageState.IN_DOUBT: frozenset({MessageState.RESERVED}),
    MessageState.DROPPED: frozenset({MessageState.RESERVED, MessageState.DEFERRED}),
    MessageState.RESERVED: frozenset(),
}
_FROM_A_PERSON: Mapping[MessageState, frozenset[MessageState]] = {
    MessageState.SENT: frozenset({MessageState.IN_DOUBT}),
    MessageState.DEFERRED: frozenset({MessageState.IN_DOUBT}),
    MessageState.DROPPED: frozenset({MessageState.IN_DOUBT, MessageState.RESERVED, MessageState.DEFERRED}),
}


class AlreadyReserved(Exception):
    """The message's key, or a step of one of its invoices, is held already. Nothing was written.

    `key` and `state` are those of the message that holds it; `invoice_id` and `step` name what it holds, where it is
    another message than the one asked for. The transaction can go on.
    """

    def __init__(
        self, key: str, state: MessageState, *, invoice_id: str | None = None, step: str | None = None
    ) -> None:
        what = f"message {key}" if invoice_id is None else f"{step} of invoice {invoice_id}, by message {key},"
        super().__init__(f"{what} is {state} already")
        self.key = key
        self.state = state
        self.invoice_id = invoice_id
        self.step = step


class WrongMessageState(Exception):
    """The message is not in a state from which it can become this one. Nothing was written."""

    def __init__(self, message: Message, wanted: MessageState, *, by: str | None, attempt: int | None) -> None:
        who = f"by {by}" if by else "without a person"
        which = "" if attempt is None else f" by attempt {attempt}"
        super().__init__(
            f"message {message.key} is {message.state} (attempt {message.attempts}); "
            f"{who}{which} it cannot become {wanted}"
        )
        self.key = message.key
        self.state = message.state
        self.wanted = wanted


class NoSuchMessage(LookupError):
    """No message has this key."""


def item_of_row(row: Row[Any]) -> MessageItem:
    return MessageItem(
        invoice_id=row.invoice_id,
        step=row.step,
        level=row.level,
        cycle=row.cycle,
        open_balance=Money(minor=row.open_minor, currency=row.currency),
    )


def message_of_row(row: Row[Any], items: Iterable[MessageItem]) -> Message:
    return Message(
        key=row.key,
        customer_id=row.customer_id,
        kind=row.kind,
        step=row.step,
        template=row.template,
        tone=row.tone,
        channel=row.channel,
        to=row.recipient,
        window_on=row.window_on,
        items=tuple(items),
        state=row.state,
        reserved_at=row.reserved_at,
        lease_until=row.lease_until,
        sent_at=row.sent_at,
        provider_reference=row.provider_reference,
        outcome=row.outcome,
        rule=row.rule,
        segment=row.segment,
        attempts=row.attempts,
        settled_by=row.settled_by,
    )


COLUMNS_OF_A_MESSAGE = [column for column in tables.messages.c if column.name != "letter"]
"""What `message_of_row` reads. Letters are long; they are read one at a time (`letter_of`)."""


async def reserve(connection: AsyncConnection, message: Message, letter: Letter) -> int:
    """Puts the message and its items into the store before it leaves, in the caller's transaction; says which attempt
    at this message it is, the first being 1.

    A message of the same key that surely did not leave (deferred, failed, dropped) is reserved again in its place, one
    attempt further, with the new letter and the new items. Raises AlreadyReserved where the key is held, or where a
    step of an invoice is held by another message; the transaction is then as it was before. Of two at the same
    moment, the second waits for the first to commit.
    """
    if message.state is not MessageState.RESERVED:
        raise ValueError(f"message {message.key} is reserved as reserved, not as {message.state}")
    # The unique constraints decide, not a look beforehand: only they hold against others who have not committed yet.
    async with connection.begin_nested():
        inserted = await connection.execute(
            insert_unless_there(connection, tables.messages),
            dict(key=message.key, attempts=1, **_reservation(message, letter)),
        )
        attempt = 1 if inserted.rowcount else await _reserve_again(connection, message, letter)
        await _hold_steps(connection, message)
    return attempt


async def settle(
    connection: AsyncConnection,
    *,
    key: str,
    state: MessageState,
    at: datetime,
    outcome: str,
    reference: str | None = None,
    by: str | None = None,
    attempt: int | None = None,
) -> None:
    """Says what became of a message: a guarded transition.

    The machine: reserved → sent, failed, deferred, in_doubt or dropped, and deferred → dropped. A person (`by`):
    in_doubt → sent, deferred or dropped, and reserved or deferred → dropped. Failed, deferred and dropped free the
    steps of its invoices. The same again is accepted and changes nothing; anything else raises WrongMessageState, as
    does another attempt than `attempt`, where it is given (a sender that came late). Raises NoSuchMessage.
    """
    allowed = (_FROM_A_PERSON if by else _FROM_THE_MACHINE).get(state, frozenset())
    values: dict[str, Any] = {"state": state.value, "outcome": storable(outcome)}
    if state is MessageState.SENT:
        values["sent_at"] = at
    if reference is not None:
        values["provider_reference"] = storable(reference, most=400)
    if by is not None:
        values["settled_by"] = by
    changed = 0
    if allowed:
        guard = {"of_key": key} | ({} if attempt is None else {"of_attempt": attempt})
        settling = _settling(allowed, is_of_one_attempt=attempt is not None)
        changed = (await connection.execute(settling, guard | values)).rowcount
    if changed == 0:
        await _accept_only_a_repetition(connection, key=key, state=state, by=by, attempt=attempt)
        return
    if state in FREES_ITS_STEPS:
        await connection.execute(
            update(tables.message_items).where(tables.message_items.c.key == key).values(holds_step=None)
        )


@cache
def _settling(allowed: frozenset[MessageState], *, is_of_one_attempt: bool) -> Update:
    messages = tables.messages.c
    guard = [messages.key == bindparam("of_key"), messages.state.in_(sorted(before.value for before in allowed))]
    if is_of_one_attempt:
        guard.append(messages.attempts == bindparam("of_attempt"))
    return update(tables.messages).where(*guard)


async def extend_lease(connection: AsyncConnection, *, key: str, lease_until: datetime, as_of: datetime) -> bool:
    """Takes over a message whose sender's lease has passed, to send it again under the same key: one attempt further.

    True for exactly one caller; False where somebody else has it (its lease runs) or it is no longer reserved.
    """
    if lease_until <= as_of:
        raise ValueError(f"message {key}: a lease until {lease_until} has passed at {as_of} already")
    taken = await connection.execute(
        update(tables.messages)
        .where(
            tables.messages.c.key == key,
            tables.messages.c.state == MessageState.RESERVED.value,
            tables.messages.c.lease_until <= as_of,
        )
        .values(lease_until=lease_until, attempts=tables.messages.c.attempts + 1)
    )
    return taken.rowcount == 1


async def find(connection: AsyncConnection, key: str) -> Message | None:
    found = await _with_items(connection, select(*COLUMNS_OF_A_MESSAGE).where(tables.messages.c.key == key))
    return found[0] if found else None


async def letter_of(connection: AsyncConnection, key: str) -> Letter:
    """The message as it was rendered last, word for word. Raises NoSuchMessage."""
    rows = await connection.execute(select(tables.messages.c.letter).where(tables.messages.c.key == key))
    letter = rows.scalar_one_or_none()
    if letter is None:
        raise NoSuchMessage(f"there is no message {key}")
    return Letter.model_validate(letter)


async def expired(
    connection: AsyncConnection, *, as_of: datetime, customer_id: str | None = None, limit: int = 100
) -> list[Message]:
    """Reserved messages whose lease has passed, the longest first: may have left, and nobody is at work on them."""
    messages = tables.messages.c
    query = select(*COLUMNS_OF_A_MESSAGE).where(
        messages.state == MessageState.RESERVED.value, messages.lease_until <= as_of
    )
    if customer_id is not None:
        query = query.where(messages.customer_id == customer_id)
    return await _with_items(connection, query.order_by(messages.lease_until, messages.key).limit(page_size(limit)))


async def leaving(connection: AsyncConnection, *, customer_id: str) -> list[Message]:
    """The customer's reserved messages, newest first: asked before each send."""
    return await _with_items(connection, _LEAVING, {"customer_id": customer_id, "state": MessageState.RESERVED.value})


async def in_doubt(
    connection: AsyncConnection, *, customer_id: str | None = None, after: str | None = None, limit: int = 100
) -> list[Message]:
    """Messages that a person must settle, newest first, paged like `list_messages`; `letter_of` has the words."""
    return await list_messages(
        connection, customer_id=customer_id, state=MessageState.IN_DOUBT, after=after, limit=limit
    )


async def list_messages(
    connection: AsyncConnection,
    *,
    customer_id: str | None = None,
    invoice_id: str | None = None,
    state: MessageState | None = None,
    sent_after: datetime | None = None,
    after: str | None = None,
    limit: int = 100,
) -> list[Message]:
    """Messages by when they were reserved, newest first. `after`: the `cursor_of` the last one seen (BadCursor)."""
    messages = tables.messages.c
    wanted: list[ColumnElement[bool]] = []
    if customer_id is not None:
        wanted.append(messages.customer_id == customer_id)
    if invoice_id is not None:
        items = tables.message_items.c
        wanted.append(exists().where(items.key == messages.key, items.invoice_id == invoice_id))
    if state is not None:
        wanted.append(messages.state == state.value)
    if sent_after is not None:
        wanted.append(messages.sent_at > sent_after)
    if after is not None:
        wanted.append(comes_before(messages.reserved_at, messages.key, after))
    query = select(*COLUMNS_OF_A_MESSAGE).where(*wanted)
    return await _with_items(
        connection, query.order_by(messages.reserved_at.desc(), messages.key.desc()).limit(page_size(limit))
    )


_LEAVING = (
    select(*COLUMNS_OF_A_MESSAGE)
    .where(tables.messages.c.customer_id == bindparam("customer_id"), tables.messages.c.state == bindparam("state"))
    .order_by(tables.messages.c.reserved_at.desc(), tables.messages.c.key.desc())
    .limit(20)
)


def cursor_of(message: Message) -> str:
    """Where `list_messages` goes on after this message."""
    return cursor(message.reserved_at, message.key)


async def items_of(connection: AsyncConnection, keys: Sequence[str]) -> dict[str, list[MessageItem]]:
    """The items of these messages, by invoice and step; a message without any has an empty list."""
    found: dict[str, list[MessageItem]] = {key: [] for key in keys}
    items = tables.message_items.c
    if keys:
        rows = await connection.execute(
            select(tables.message_items).where(items.key.in_(keys)).order_by(items.invoice_id, items.step, items.cycle)
        )
        for row in rows:
            found[row.key].append(item_of_row(row))
    return found


async def _with_items(
    connection: AsyncConnection, query: Select[Any], values: Mapping[str, Any] | None = None
) -> list[Message]:
    rows = (await connection.execute(query, values)).all()
    items = await items_of(connection, [row.key for row in rows])
    return [message_of_row(row, items[row.key]) for row in rows]


def _reservation(message: Message, letter: Letter) -> dict[str, Any]:
    return {
        "customer_id": message.customer_id,
        "kind": message.kind.value,
        "step": message.step,
        "template": message.template,
        "tone": message.tone.value,
        "channel": message.channel.value,
        "recipient": message.to,
        "window_on": message.window_on,
        "state": MessageState.RESERVED.value,
        "reserved_at": message.reserved_at,
        "lease_until": message.lease_until,
        "sent_at": None,
        "provider_reference": None,
        "outcome": "",
        "rule": storable(message.rule),
        "segment": message.segment,
        "letter": letter.model_dump(mode="json"),
        "settled_by": None,
    }


async def _reserve_again(connection: AsyncConnection, message: Message, letter: Letter) -> int:
    messages = tables.messages.c
    again = await connection.execute(
        update(tables.messages)
        .where(messages.key == message.key, messages.state.in_([state.value for state in FREES_ITS_STEPS]))
        .values(attempts=messages.attempts + 1, **_reservation(message, letter))
        .returning(messages.attempts)
    )
    attempt = again.scalar_one_or_none()
    if attempt is None:
        state = await connection.execute(select(messages.state).where(messages.key == message.key))
        raise AlreadyReserved(message.key, MessageState(state.scalar_one()))
    # What the attempt before spoke of is not what this one says: its items would count as steps that were taken.
    await connection.execute(delete(tables.message_items).where(tables.message_items.c.key == message.key))
    return attempt


async def _hold_steps(connection: AsyncConnection, message: Message) -> None:
    items = tables.message_items.c
    # In one order for everybody, so that two messages over the same invoices never wait for each other.
    ordered = sorted(message.items, key=lambda item: (item.invoice_id, item.step, item.cycle))
    if not ordered:
        raise ValueError(f"message {message.key} speaks of no invoice")
    steps = [(item.invoice_id, item.step, item.cycle) for item in ordered]
    if len(set(steps)) < len(steps):
        raise ValueError(f"message {message.key} names a step of an invoice twice")
    inserted = await connection.execute(
        insert_unless_there(connection, tables.message_items).returning(items.item_id),
        [
            {
                "key": message.key,
                "invoice_id": item.invoice_id,
                "step": item.step,
                "level": item.level,
                "cycle": item.cycle,
                "open_minor": item.open_balance.minor,
                "currency": item.open_balance.currency,
                "holds_step": 1,
            }
            for item in ordered
        ],
    )
    if len(inserted.all()) == len(ordered):
        return
    holders = await connection.execute(
        select(items.key, items.invoice_id, items.step, tables.messages.c.state)
        .join_from(tables.message_items, tables.messages)
        .where(
            tuple_(items.invoice_id, items.step, items.cycle).in_(steps),
            items.holds_step == 1,
            items.key != message.key,
        )
        .order_by(items.invoice_id, items.step)
        .limit(1)
    )
    holder = holders.one()
    raise AlreadyReserved(holder.key, MessageState(holder.state), invoice_id=holder.invoice_id, step=holder.step)


async def _accept_only_a_repetition(
    connection: AsyncConnection, *, key: str, state: MessageState, by: str | None, attempt: int | None
) -> None:
    message = await find(connection, key)
    if message is None:
        raise NoSuchMessage(f"there is no message {key}")
    is_the_same = message.state is state and message.settled_by == by
    if not is_the_same or attempt not in (None, message.attempts) or state is MessageState.RESERVED:
        raise WrongMessageState(message, state, by=by, attempt=attempt)
