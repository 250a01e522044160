"""Messages that may or may not have left: listed for a person, who settles each."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from api import facts
from api.access import EVERYBODY, Caller, Role, needs
from api.bodies import StrictRoute
from api.errors import problems
from api.refusals import NotFound
from api.services import Use
from api.values import Answered, Asked, Cursor, KnownId, Limit, MoneyJson, Name, OwnId, Page, shown_cursor
from receivables.messages import Message, MessageKind, MessageState
from store import messages, timeline
from store.intake import Taken

router = APIRouter(prefix="/v1", tags=["in doubt"], route_class=StrictRoute)


class Outcome(StrEnum):
    """What became of it, or what shall become of it."""

    SENT = "sent"
    """It left: its level is used."""
    SEND_AGAIN = "send_again"
    """It did not leave: it is judged again and sent again."""
    DROPPED = "dropped"
    """It did not leave, and shall not: its level is free."""


STATE_OF = {
    Outcome.SENT: MessageState.SENT,
    Outcome.SEND_AGAIN: MessageState.DEFERRED,
    Outcome.DROPPED: MessageState.DROPPED,
}


class ItemView(Answered):
    invoice_id: str
    step: str
    level: int | None
    cycle: int
    open_balance: MoneyJson


class MessageView(Answered):
    key: str
    customer_id: str
    kind: MessageKind
    step: str
    to: str
    window_on: date
    items: list[ItemView]
    state: MessageState
    reserved_at: datetime
    attempts: int
    provider_reference: str | None
    outcome: str

    @classmethod
    def of(cls, message: Message) -> "MessageView":
        items = [
            ItemView.model_validate(item.model_dump() | {"open_balance": MoneyJson.of(item.open_balance)})
            for item in message.items
        ]
        return cls.model_validate(message.model_dump(include=set(cls.model_fields)) | {"items": items})


class MessageWithWords(MessageView):
    subject: str
    text: str = Field(description="Word for word what may have left.")


class MessagePage(Page):
    messages: list[MessageView]


class Settlement(Asked):
    settlement_id: OwnId = Field(examples=["S-2"])
    outcome: Outcome
    because: Name = Field(description="How you know.", examples=["found in the mail server's log"])


class SettlementTaken(Answered):
    key: str
    state: MessageState
    told: bool = Field(description="Whether its invoices' workflows were told; if not, they will be.")


@router.get(
    "/in-doubt",
    operation_id="list_in_doubt",
    summary="List messages that may or may not have left",
    response_model=MessagePage,
    responses=problems(400),
    dependencies=[Depends(needs(*EVERYBODY))],
)
async def list_in_doubt(
    use: Use,
    customer_id: Annotated[KnownId | None, Query()] = None,
    after: Annotated[Cursor | None, Query(description="The `next` of the page before.")] = None,
    limit: Annotated[Limit, Query()] = 100,
) -> MessagePage:
    async with use.database.reading() as connection:
        found = await messages.in_doubt(connection, customer_id=customer_id, after=after, limit=limit)
    return MessagePage(
        messages=[MessageView.of(message) for message in found],
        next=shown_cursor(messages.cursor_of(found[-1])) if len(found) == limit else None,
    )


@router.get(
    "/in-doubt/{key:path}",
    operation_id="read_in_doubt",
    summary="Read a message word for word",
    response_model=MessageWithWords,
    responses=problems(404),
    dependencies=[Depends(needs(Role.AGENT, Role.MANAGER, Role.OPERATOR))],
)
async def read_in_doubt(key: KnownId, use: Use) -> MessageWithWords:
    async with use.database.reading() as connection:
        message = await messages.find(connection, key)
        if message is None:
            raise NotFound(f"There is no message {key}.")
        letter = await messages.letter_of(connection, key)
    return MessageWithWords.model_validate(
        MessageView.of(message).model_dump() | {"subject": letter.subject, "text": letter.text}
    )


@router.post(
    "/in-doubt/{key:path}/settle",
    operation_id="settle_in_doubt",
    summary="Say what became of a message, or have it sent again",
    response_model=SettlementTaken,
    status_code=201,
    responses={**facts.stored(SettlementTaken), **problems(400, 404, 409, 413)},
)
async def settle_in_doubt(
    key: KnownId,
    settlement: Settlement,
    use: Use,
    caller: Annotated[Caller, Depends(needs(Role.AGENT, Role.MANAGER, Role.OPERATOR))],
) -> Response:
    fact_id = f"settlement:{settlement.settlement_id}"
    state = STATE_OF[settlement.outcome]

    async def book(connection: AsyncConnection, at: datetime) -> Taken:
        message = await messages.find(connection, key)
        if message is None:
            raise NotFound(f"There is no message {key}.")

        async def settle() -> facts.Following:
            await messages.settle(connection, key=key, state=state, at=at, outcome=settlement.because, by=caller.name)
            await timeline.add_line(
                connection,
                natural_key=fact_id,
                customer_id=message.customer_id,
                at=at,
                kind="message",
                words=f"{message.step} in doubt settled by {caller.name}: {settlement.outcome.value.replace('_', ' ')}",
                facts={"message": key, "because": settlement.because},
            )
            return facts.Following(
                {"key": key, "state": state.value}, (item.invoice_id for item in message.items), "look_again"
            )

        return await facts.store(
            connection,
            fact_id=fact_id,
            kind="settlement",
            content={"key": key, **settlement.model_dump(mode="json")},
            words=f"message {key} in doubt settled: {settlement.outcome.value.replace('_', ' ')}",
            caller=caller,
            at=at,
            follow=settle,
        )

    return await facts.take(use, fact_id, book)
