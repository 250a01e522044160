"""Replies: what customers wrote, already read by somebody; a human one freezes automated contact at once."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field, StrictBool
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.rulebook import NoPolicy
from api import facts
from api.access import Caller, Role, needs
from api.bodies import StrictRoute
from api.errors import problems
from api.refusals import NotFound, RefusedByRule
from api.services import Services, Use
from api.values import (
    Answered,
    Asked,
    Day,
    Instant,
    KnownId,
    LanguageCode,
    Limit,
    MoneyJson,
    OneLine,
    OwnId,
    PositiveMoney,
    Text,
)
from policy.segments import segment_of
from receivables.collection_policy import SegmentRule
from receivables.replies import Intent, IntentRead, Reading, Reply, Sentiment
from store import customers, invoices, replies
from store.accounts import read_account
from store.intake import Taken, take_reply

router = APIRouter(prefix="/v1", tags=["replies"], route_class=StrictRoute)

LEAST_HOLD = timedelta(hours=1)
HOLD_WITHOUT_A_SEGMENT = timedelta(hours=48)
NOBODY_YET = "team"


class IntentDetails(Asked):
    intent: Intent
    confidence: Annotated[float, Field(ge=0, le=1)] = 1.0
    evidence: Annotated[Text, Field(max_length=2000)] = ""


class ReadingDetails(Asked):
    """What the reply says, as you have read it."""

    intents: Annotated[list[IntentDetails], Field(min_length=1, max_length=20)]
    sentiment: Sentiment = Sentiment.NEUTRAL
    needs_person: StrictBool = False
    promised_on: Day | None = None
    promised_amount: PositiveMoney | None = None
    claimed_paid_on: Day | None = None
    disputed_amount: PositiveMoney | None = None
    back_on: Day | None = Field(default=None, description="Out of office until this day.")
    language: LanguageCode | None = None

    def reading(self) -> Reading:
        return Reading(
            intents=tuple(IntentRead(**read.model_dump()) for read in self.intents),
            promised_amount=self.promised_amount.money if self.promised_amount is not None else None,
            disputed_amount=self.disputed_amount.money if self.disputed_amount is not None else None,
            **self.model_dump(exclude={"intents", "promised_amount", "disputed_amount"}),
        )


class ReplyDetails(Asked):
    """A message of a customer. Without invoices it is about the whole account."""

    reply_id: OwnId = Field(examples=["R-31"])
    customer_id: KnownId
    invoice_ids: Annotated[list[KnownId], Field(max_length=100)] = Field(default_factory=list[KnownId])
    received_at: Instant
    subject: Annotated[str, Field(max_length=1000), OneLine] = ""
    body: Text = ""
    reading: ReadingDetails

    def reply(self) -> Reply:
        return Reply(
            reply_id=self.reply_id,
            customer_id=self.customer_id,
            invoice_ids=tuple(dict.fromkeys(self.invoice_ids)),
            received_at=self.received_at,
            subject=self.subject,
            body=self.body,
            reading=self.reading.reading(),
        )


class ReplyTaken(Answered):
    reply_id: str
    told: bool = Field(description="Whether a workflow was told; if not, one will be.")


class ReadingView(Answered):
    intents: list[IntentRead]
    sentiment: Sentiment
    needs_person: bool
    promised_on: date | None
    promised_amount: MoneyJson | None
    claimed_paid_on: date | None
    disputed_amount: MoneyJson | None
    back_on: date | None
    language: str | None


class ReplyView(Answered):
    reply_id: str
    customer_id: str
    invoice_ids: list[str]
    received_at: datetime
    subject: str
    body: str
    reading: ReadingView

    @classmethod
    def of(cls, reply: Reply) -> "ReplyView":
        reading: dict[str, Any] = reply.reading.model_dump()
        for field in ("promised_amount", "disputed_amount"):
            amount = getattr(reply.reading, field)
            reading[field] = None if amount is None else MoneyJson.of(amount)
        return cls.model_validate(reply.model_dump(exclude={"reading"}) | {"reading": reading})


class ReplyList(Answered):
    replies: list[ReplyView]


@router.post(
    "/replies",
    operation_id="report_reply",
    summary="Report a customer's reply",
    description="Stored together with a hold on all automated messages to this customer, unless a machine wrote it. "
    "The hold ends when its consequences are drawn, or a person decides, or its deadline passes.",
    response_model=ReplyTaken,
    status_code=201,
    responses={**facts.stored(ReplyTaken), **problems(400, 409, 413)},
)
async def report_reply(
    details: ReplyDetails, use: Use, caller: Annotated[Caller, Depends(needs(Role.SERVICE, Role.AGENT, Role.MANAGER))]
) -> Response:
    reply = details.reply()

    async def book(connection: AsyncConnection, at: datetime) -> Taken:
        customer = await customers.find_customer(connection, reply.customer_id)
        if customer is None:
            raise RefusedByRule(
                f"There is no customer {reply.customer_id}. Tell of them first (PUT /v1/customers/{{customer_id}}), "
                f"then report the reply again.",
                kind="unknown_customer",
            )
        for invoice_id in reply.invoice_ids:
            record = await invoices.find_invoice(connection, invoice_id)
            if record is None or record.invoice.customer_id != reply.customer_id:
                raise RefusedByRule(
                    f"Customer {reply.customer_id} has no invoice {invoice_id}. Open it first, or leave it out: the "
                    f"reply is then about the whole account.",
                    kind="unknown_invoice",
                )
        # The account is locked before it is judged: what is being sent right now leaves before, or not at all.
        await customers.lock_customer(connection, reply.customer_id)
        patience = max(LEAST_HOLD, await _patience(connection, use, reply.customer_id, at))
        return await take_reply(
            connection, reply=reply, hold_until=at + patience, owner=customer.owner or NOBODY_YET, by=caller.name, at=at
        )

    return await facts.take(use, f"reply:{reply.reply_id}", book)


@router.get(
    "/replies",
    operation_id="list_replies",
    summary="List replies: a customer's, or those that nobody has taken in",
    description="With `customer_id`, their replies, newest first; without, the replies whose consequences were not "
    "drawn yet, oldest first.",
    response_model=ReplyList,
    responses=problems(),
    dependencies=[Depends(needs(Role.AGENT, Role.MANAGER, Role.SERVICE))],
)
async def list_replies(
    use: Use,
    customer_id: Annotated[KnownId | None, Query()] = None,
    limit: Annotated[Limit, Query()] = 100,
) -> ReplyList:
    async with use.database.reading() as connection:
        if customer_id is None:
            found = await replies.untaken(connection, limit=limit)
        else:
            found = await replies.replies_of(connection, customer_id=customer_id, limit=limit)
    return ReplyList(replies=[ReplyView.of(reply) for reply in found])


@router.get(
    "/replies/{reply_id:path}",
    operation_id="read_reply",
    summary="Read a reply",
    response_model=ReplyView,
    responses=problems(404),
    dependencies=[Depends(needs(Role.AGENT, Role.MANAGER, Role.SERVICE))],
)
async def read_reply(reply_id: KnownId, use: Use) -> ReplyView:
    async with use.database.reading() as connection:
        reply = await replies.find_reply(connection, reply_id)
    if reply is None:
        raise NotFound(f"There is no reply {reply_id}.")
    return ReplyView.of(reply)


async def _patience(connection: AsyncConnection, use: Services, customer_id: str, at: datetime) -> timedelta:
    """How long the customer's segment leaves for reading a reply."""
    try:
        rules = await use.rulebook.rules(connection)
    except NoPolicy:
        return HOLD_WITHOUT_A_SEGMENT
    account = await read_account(connection, customer_id=customer_id, as_of=at)
    segment: SegmentRule | None = segment_of(account=account, policy=rules.current, as_of=at).segment
    return timedelta(hours=segment.reply_deadline_hours) if segment is not None else HOLD_WITHOUT_A_SEGMENT
