"""Writing to customers: judged again, reserved under a key, sent once, and what became of it recorded."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.clock import AttemptClock
from activities.composing import Composer
from activities.payloads import SendRequest, Turn
from activities.rulebook import RuleBook
from activities.turns import record_turn, take_turn
from channels.channel import Channel, Delivered, InDoubt, NotSent, Refused
from policy.next_step import next_step
from policy.outreach import HeldBack, Outreach, judge
from policy.rules import Rules
from receivables.messages import ChannelName, Letter, Message, MessageState
from store import customers, messages, timeline
from store.accounts import read_account
from store.database import Database, StoreAway
from store.messages import WrongMessageState

log = logging.getLogger("baton.messages")

HEARTBEAT_EVERY_SECONDS = 2.0
MOST_ATTEMPTS_UNDER_ONE_KEY = 5
"""A provider that never answers clearly is asked so often; then a person is."""
A_SEND_TAKES = timedelta(seconds=1)
"""When to look again at a message that another attempt is sending."""
STORE_IS_TRIED_AGAIN_AFTER_SECONDS = 0.5


class Messaging:
    """One message at a time: `send_timeout` bounds the channel, `lease` how long a reserved message may be leaving."""

    def __init__(
        self,
        database: Database,
        rulebook: RuleBook,
        composer: Composer,
        channels: Mapping[ChannelName, Channel],
        *,
        send_timeout: timedelta,
        lease: timedelta,
    ) -> None:
        if lease <= send_timeout:
            raise ValueError(f"the lease ({lease}) must outlast the send timeout ({send_timeout})")
        self._database = database
        self._rulebook = rulebook
        self._composer = composer
        self._channels = channels
        self._send_timeout = send_timeout
        self._lease = lease

    @activity.defn
    async def send_message(self, request: SendRequest) -> Turn:
        """Send this step of the invoice's chase, with all that is due for its customer; or hold it back and say why.

        Raises ApplicationError "channel_away" (tried again) where the message surely did not leave, and
        "being_sent" where another attempt may still be at work on this customer.
        """
        async with _heartbeats():
            clock = AttemptClock()
            await self._settle_what_a_dead_attempt_left(request.customer_id, clock)
            async with self._database.writing() as connection:
                reserved = await self._reserve(connection, request, clock)
            if isinstance(reserved, Turn):
                return reserved
            message, letter = reserved
            return await self._deliver(request, message, letter, clock)

    async def _reserve(
        self, connection: AsyncConnection, request: SendRequest, clock: AttemptClock
    ) -> tuple[Message, Letter] | Turn:
        """Judge again in the transaction that reserves (promise 5); what is held back becomes the next turn."""
        rules = await self._rulebook.rules(connection)
        account = await read_account(
            connection, customer_id=request.customer_id, invoice_id=request.invoice_id, as_of=clock.now(), lock=True
        )
        now = clock.now()  # the lock may have kept us waiting, and the lease runs from here
        outreach = judge(account=account, invoice_id=request.invoice_id, step=request.step, rules=rules, as_of=now)
        if isinstance(outreach, HeldBack):
            if outreach.is_routine:
                done = ""
            else:
                done = f"{request.step} held back: {outreach.reason.words}"
                await timeline.add_line(
                    connection,
                    natural_key=f"{request.invoice_id}:{request.step}:not sent:{outreach.reason.words}"[:400],
                    customer_id=request.customer_id,
                    invoice_id=request.invoice_id,
                    at=now,
                    kind="held_back",
                    words=done,
                    rule=outreach.reason.rule,
                    facts=outreach.reason.facts,
                )
            step = next_step(account=account, invoice_id=request.invoice_id, rules=rules, as_of=now)
            return await record_turn(
                connection, account=account, invoice_id=request.invoice_id, step=step, rules=rules, as_of=now, done=done
            )
        policy = rules.of(account.standing(request.invoice_id).invoice)
        message, letter = await self._composer.compose(
            connection, account=account, outreach=outreach, policy=policy, as_of=now, lease=self._lease
        )
        attempt = await messages.reserve(connection, message, letter)
        return message.model_copy(update={"attempts": attempt}), letter

    async def _deliver(self, request: SendRequest, message: Message, letter: Letter, clock: AttemptClock) -> Turn:
        state, outcome, reference = await self._hand_over(message, letter, clock)
        if state is MessageState.IN_DOUBT and self._may_be_sent_again(message):
            raise ApplicationError(
                f"{message.key} is sent again under its key: {outcome}",
                type="being_sent",
                next_retry_delay=max(message.lease_until - clock.now(), A_SEND_TAKES),
            )
        # In a transaction of its own: whatever goes wrong afterwards, what is known of the message stays known.
        await self._record_while_it_is_ours(message, state, outcome, reference, clock)
        if state is MessageState.DEFERRED:
            words = f"{message.key} did not leave: {outcome}"
            log.warning("%s", words)  # one line; the engine's own has a traceback, each quarter of an hour
            raise ApplicationError(words, type="channel_away", category=ApplicationErrorCategory.BENIGN)
        async with self._database.writing() as connection:
            rules = await self._rulebook.rules(connection)
            return await self._turn_after(connection, request, rules, message, state, outcome, clock.now())

    def _may_be_sent_again(self, message: Message) -> bool:
        """Its channel knows it by its key: sent again, it reaches the customer once. Reserved until its lease ends."""
        return self._channels[message.channel].is_idempotent and message.attempts < MOST_ATTEMPTS_UNDER_ONE_KEY

    async def _record_while_it_is_ours(
        self, message: Message, state: MessageState, outcome: str, reference: str | None, clock: AttemptClock
    ) -> None:
        """A store that is away for a moment puts nothing in doubt: it is tried again until the lease ends."""
        while True:
            try:
                async with self._database.writing() as connection:
                    await self._record(connection, message, state, outcome, reference, clock.now())
            except StoreAway:
                if clock.now() >= message.lease_until:
                    raise
                await asyncio.sleep(STORE_IS_TRIED_AGAIN_AFTER_SECONDS)
            else:
                return

    async def _turn_after(
        self,
        connection: AsyncConnection,
        request: SendRequest,
        rules: Rules,
        message: Message,
        state: MessageState,
        outcome: str,
        now: datetime,
    ) -> Turn:
        said = f"{message.step} {state.value.replace('_', ' ')}"
        others = len(message.items) - 1
        with_others = f", with {others} more of this customer" if others else ""
        done = f"{said}{with_others}" + (f": {outcome}" if state is not MessageState.SENT else "")
        return await take_turn(
            connection,
            invoice_id=request.invoice_id,
            customer_id=request.customer_id,
            rules=rules,
            as_of=now,
            done=done,
        )

    async def _hand_over(
        self, message: Message, letter: Letter, clock: AttemptClock
    ) -> tuple[MessageState, str, str | None]:
        """Give the letter to its channel, within the lease, and say honestly what became of it."""
        patience = min(self._send_timeout, message.lease_until - clock.now())
        if patience <= timedelta(0):
            return MessageState.DEFERRED, "the store kept us waiting until the lease had passed", None
        try:
            async with asyncio.timeout(patience.total_seconds()):
                delivered: Delivered = await self._channels[message.channel].send(letter)
        except NotSent as fault:
            return MessageState.DEFERRED, str(fault), None
        except Refused as fault:
            return MessageState.FAILED, str(fault), None
        except (InDoubt, TimeoutError) as fault:
            return MessageState.IN_DOUBT, str(fault) or f"no answer within {patience}", None
        return MessageState.SENT, "", delivered.reference

    async def _record(
        self,
        connection: AsyncConnection,
        message: Message,
        state: MessageState,
        outcome: str,
        reference: str | None,
        now: datetime,
    ) -> None:
        await messages.settle(
            connection,
            key=message.key,
            state=state,
            at=now,
            outcome=outcome,
            reference=reference,
            attempt=message.attempts,
        )
        if state is MessageState.DEFERRED:
            return
        if state is MessageState.FAILED:
            # Whatever was refused, a person looks at it: contact repair, and no level is used up.
            await customers.mark_bounced(connection, message.customer_id, now)
        words = {
            MessageState.SENT: f"{message.step} sent to {message.customer_id}",
            MessageState.FAILED: f"{message.step} refused: {outcome}",
        }.get(state, f"{message.step} in doubt: {outcome}")
        for item in message.items:
            await timeline.add_line(
                connection,
                natural_key=f"{message.key}:{item.invoice_id}:{state.value}",
                customer_id=message.customer_id,
                invoice_id=item.invoice_id,
                at=now,
                kind="message",
                words=words,
                rule=message.rule[:80],
                facts={"message": message.key, "asked for": str(item.open_balance)},
            )

    async def _settle_what_a_dead_attempt_left(self, customer_id: str, clock: AttemptClock) -> None:
        """A reserved message past its lease: sent again under its key where that is harmless, else in doubt."""
        async with self._database.reading() as connection:
            leaving = await messages.leaving(connection, customer_id=customer_id)
        for message in leaving:
            now = clock.now()
            if message.lease_until > now:
                raise ApplicationError(
                    f"{message.key} may be leaving right now, until {message.lease_until}",
                    type="being_sent",
                    category=ApplicationErrorCategory.BENIGN,
                    next_retry_delay=min(message.lease_until - now, A_SEND_TAKES),
                )
            await self.settle_expired(message, clock)

    async def settle_expired(self, message: Message, clock: AttemptClock) -> MessageState | None:
        """Settle one reserved message whose lease has passed; None where somebody else was quicker."""
        try:
            async with self._database.writing() as connection:
                now = clock.now()
                why_in_doubt = await self._why_not_again(connection, message, now)
                if why_in_doubt is not None:
                    outcome = f"its sender died; it may or may not have left; {why_in_doubt}"
                    await self._record(connection, message, MessageState.IN_DOUBT, outcome, None, now)
                    log.warning("%s is in doubt: %s", message.key, outcome)
                    return MessageState.IN_DOUBT
                ours_until = clock.now() + self._lease
                if not await messages.extend_lease(
                    connection, key=message.key, lease_until=ours_until, as_of=clock.now()
                ):
                    return None
                letter = await messages.letter_of(connection, message.key)
            ours = message.model_copy(update={"attempts": message.attempts + 1, "lease_until": ours_until})
            state, outcome, reference = await self._hand_over(ours, letter, clock)
            if state is MessageState.IN_DOUBT and self._may_be_sent_again(ours):
                return None
            await self._record_while_it_is_ours(ours, state, outcome, reference, clock)
        except WrongMessageState:
            return None
        return state

    async def _why_not_again(self, connection: AsyncConnection, message: Message, now: datetime) -> str | None:
        """Why a message whose sender died is a person's business; None where it can go out again under its key.

        That takes a channel that knows the key, and, as for every message, a fresh judgement: if it has not left yet,
        it must not leave for an invoice that was paid in the meantime.
        """
        if not self._channels[message.channel].is_idempotent:
            return "the channel would take it twice"
        asked_for = message.items[0]
        account = await read_account(
            connection, customer_id=message.customer_id, invoice_id=asked_for.invoice_id, as_of=now, lock=True
        )
        again = judge(
            account=account.without_message(message.key),
            invoice_id=asked_for.invoice_id,
            step=asked_for.step,
            rules=await self._rulebook.rules(connection),
            as_of=now,
        )
        if isinstance(again, Outreach):
            return None if set(message.items) <= set(again.items) else "what it asks for has changed since"
        return f"now it would be held back: {again.reason.words}"


@asynccontextmanager
async def _heartbeats() -> AsyncGenerator[None]:
    """Tell the engine that this attempt lives, so that a killed worker is noticed in seconds."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_EVERY_SECONDS)
            activity.heartbeat()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
