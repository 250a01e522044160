"""Taking in a reply: its consequences by policy's table are drawn once, in one transaction."""

from datetime import datetime
from typing import assert_never

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.clock import engine_now
from activities.payloads import ReplyTakenIn, TakeInReplyRequest
from activities.rulebook import RuleBook
from activities.telling import Teller, tell_the_others
from activities.turns import tell_of
from policy.consequences import (
    Consequence,
    MakePromise,
    MarkBounced,
    OpenDispute,
    PlaceHold,
    ReleaseHold,
    WantCase,
    consequences_of,
    said,
)
from receivables.replies import Reply
from store import cases, customers, disputes, holds, promises, replies, timeline
from store.accounts import read_account
from store.database import Database


class TakingIn:
    """Draws what follows from a reply that has been read."""

    def __init__(self, database: Database, rulebook: RuleBook, teller: Teller) -> None:
        self._database = database
        self._rulebook = rulebook
        self._teller = teller

    @activity.defn
    async def take_in_reply(self, request: TakeInReplyRequest) -> ReplyTakenIn:
        """Draw a reply's consequences, once however often it is asked and by however many invoices."""
        now = engine_now()
        async with self._database.writing() as connection:
            reply = await replies.find_reply(connection, request.reply_id)
            if reply is None:  # a signal sent by hand, perhaps: the run goes on
                return ReplyTakenIn(words=f"reply {request.reply_id} is not in the store; nothing follows from it")
            intents = ", ".join(read.intent.value.replace("_", " ") for read in reply.reading.intents)
            await customers.lock_customer(connection, reply.customer_id)
            if not await replies.mark_taken_in(connection, reply_id=request.reply_id, at=now):
                return ReplyTakenIn(words=f"reply {reply.reply_id} ({intents}) is already taken in")
            account = await read_account(
                connection,
                customer_id=reply.customer_id,
                invoice_id=reply.invoice_ids[0] if reply.invoice_ids else None,
                as_of=now,
            )
            rules = await self._rulebook.rules(connection)
            drawn = consequences_of(reply=reply, account=account, rules=rules, as_of=now)
            for consequence in drawn:
                await self._draw(connection, consequence, reply, now)
            words = f"reply {reply.reply_id} ({intents}): " + (
                "; ".join(said(consequence) for consequence in drawn) or "nothing follows from it"
            )
            concerned = reply.invoice_ids or tuple(standing.invoice.invoice_id for standing in account.standings)
            tellings = await tell_of(
                connection, fact_id=f"reply-taken-in:{reply.reply_id}", words=words, invoice_ids=concerned, as_of=now
            )
            for invoice_id in concerned or (None,):
                await timeline.add_line(
                    connection,
                    natural_key=f"reply:{reply.reply_id}:{invoice_id}",
                    customer_id=reply.customer_id,
                    invoice_id=invoice_id,
                    at=now,
                    kind="fact",
                    words=words,
                )
        await tell_the_others(self._database, self._teller, tellings, but=request.invoice_id, at=now)
        return ReplyTakenIn(words=words)

    async def _draw(self, connection: AsyncConnection, consequence: Consequence, reply: Reply, now: datetime) -> None:
        match consequence:
            case MakePromise():
                await promises.add(connection, consequence.promise)
            case OpenDispute():
                await disputes.add(connection, consequence.dispute)
            case PlaceHold():
                await holds.place(connection, consequence.hold)
            case WantCase():
                await cases.want_case(connection, consequence.case)
            case MarkBounced():
                await customers.mark_bounced(connection, reply.customer_id, consequence.at)
            case ReleaseHold():
                await holds.release(connection, hold_id=consequence.hold_id, at=now, because=consequence.because)
            case _:
                assert_never(consequence)
