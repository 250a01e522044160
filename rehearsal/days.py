"""The days of a ledger, lived through on the test server's clock: facts in the morning, the stand-in agent after it."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from google.protobuf.empty_pb2 import Empty
from temporalio.api.testservice.v1 import SleepRequest
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from activities.payloads import DecisionRequest
from activities.telling import tell
from policy.time_zones import local_date
from receivables.agents import Agent, AgentRole
from receivables.collection_policy import CollectionPolicy
from receivables.escalations import Case, CaseState, KeepByHand
from receivables.ledger import Allocation, PaymentFeed
from receivables.replies import Intent, IntentRead, Reading, Reply
from rehearsal.feeding import MORNING, Day, Dispute, Payment, Shift, Story, shifted_invoice
from rehearsal.record import FeedTold
from rehearsal.sink import SinkChannel
from store import agents, cases, facts, intake, policies
from store.database import Database
from store.facts import Telling
from store.intake import Taken
from workflows import names
from workflows.escalation import EscalationWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.teller import TemporalTeller

log = logging.getLogger("baton.rehearsal")

A_MOMENT = timedelta(minutes=1)
ONE_DAY = timedelta(days=1)
DAYS_AFTER = 7
"""The run goes on so many days after the ledger's last one, so that what is under way comes to its end."""
STUCK_AFTER = timedelta(minutes=5)
STUCK = f"nothing moves any more: something failed again and again for {STUCK_AFTER}; see the log"
AT_ONCE = 50
"""More requests at once than this break the test server's connection."""
PAGE = 100
KEPT_BEFORE = timedelta(days=4)
"""A case whose deadline comes sooner than this has not been taken in hand yet."""
ASSIGNED_AT_MOST_DAYS_AGO = 7
"""How far ahead an agent may decide is counted from the day on which the case was given to them."""
FEED_ID = "the ledger's money"
STAND_IN_AGENT = "rehearsal-agent"
STAND_IN_MANAGER = "rehearsal-manager"
KEPT = "by hand until money ends it (the stand-in agent of a rehearsal decides nothing)"


class Stuck(RuntimeError):
    """The run does not get on: work fails and is tried again for ever."""


@dataclass(frozen=True)
class Progress:
    """How far a rehearsal is; `on` is the ledger's own day."""

    on: date
    day: int
    days: int
    facts: int
    letters: int


OnProgress = Callable[[Progress], None]


@dataclass
class Days:
    """The ledger's days, one after the other, on the test server's clock."""

    client: Client
    database: Database
    story: Story
    shift: Shift
    policy: CollectionPolicy
    facts: list[str] = field(default_factory=list)
    feeds: list[FeedTold] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._teller = TemporalTeller(self.client)
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._known = {customer.customer_id: customer for customer in self.story.customers}
        self._customers = dict(self._known)
        self._reconciled = 0

    async def begin(self, policy_text: str, people: Iterable[Agent]) -> None:
        """Policy and people are in force before the first day."""
        now = await self._now()
        async with self.database.writing() as connection:
            await policies.activate(
                connection, version=self.policy.version, name=self.policy.name, text=policy_text, at=now
            )
            for agent in people:
                await agents.save(connection, agent)

    async def live_through(self, on_progress: OnProgress | None, sink: SinkChannel) -> None:
        first, last = self.story.first_on, self.story.last_on + timedelta(days=DAYS_AFTER)
        count = (last - first).days + 1
        for number in range(count):
            on = first + timedelta(days=number)
            await self._one_day(on, self.story.days.get(on, Day()))
            if on_progress is not None:
                on_progress(Progress(on=on, day=number + 1, days=count, facts=len(self.facts), letters=len(sink.left)))
        await self._sleep_until(datetime.combine(self.shift.into(last + ONE_DAY), MORNING, UTC))
        await self._reconcile()

    async def _one_day(self, on: date, day: Day) -> None:
        """Morning: the bank's statement and the backends' news come in. Later the agent looks at the worklist."""
        now = await self._sleep_until(datetime.combine(self.shift.into(on), MORNING, UTC))
        opened, disputes, money = await self._take_in(day, now)
        for tellings in (opened, disputes, money):  # an invoice is opened before it is disputed, and that before paid
            await self._together(tell(self.database, self._teller, (telling,), at=now) for telling in tellings)
        if opened or disputes or money:
            await self._sleep_until(await self._now() + A_MOMENT)
        await self._reconcile()
        await self._keep_cases_by_hand()

    async def _now(self) -> datetime:
        """The test server's clock."""
        answer = await self.client.test_service.get_current_time(Empty())
        return answer.time.ToDatetime(UTC)

    async def _sleep_until(self, moment: datetime) -> datetime:
        """Let the clock move on to the moment; it stands still while anything is being worked on. Gives the time then.

        As `environment.sleep`, but patient: a morning on which hundreds of invoices wake takes longer than a request's
        usual time.
        """
        now = await self._now()
        if now >= moment:
            return now
        request = SleepRequest()
        request.duration.FromTimedelta(moment - now)
        try:
            await self.client.test_service.unlock_time_skipping_with_sleep(request, timeout=STUCK_AFTER)
        except RPCError as fault:
            if fault.status is RPCStatusCode.INTERNAL:
                await self._wait_for(moment, fault)
            elif fault.status is RPCStatusCode.DEADLINE_EXCEEDED:
                raise Stuck(STUCK) from fault
            else:
                raise
        return await self._now()

    async def _wait_for(self, moment: datetime, fault: RPCError) -> None:
        """The test server now and then loses count of its locks and says so in an answer too long for a header. By then
        it has noted when to wake us, and its clock goes there alone, and is locked again."""
        log.warning("the test server answered a sleep with %s; waiting for its clock to reach %s", fault, moment)
        give_up_at = time.monotonic() + STUCK_AFTER.total_seconds()
        while await self._now() < moment:
            if time.monotonic() > give_up_at:
                raise Stuck(STUCK) from fault
            await asyncio.sleep(0.05)

    # Facts are stored first, all of a morning in one transaction, and then told.

    async def _take_in(self, day: Day, now: datetime) -> tuple[list[Telling], list[Telling], list[Telling]]:
        opened: list[Telling] = []
        disputes: list[Telling] = []
        money: list[Telling] = []
        async with self.database.writing() as connection:
            feed = PaymentFeed(feed_id=FEED_ID, complete_until_at=now, told_at=now)
            await intake.report_feed(connection, feed=feed, by="ledger", at=now)
            self.feeds.append(FeedTold(at=now, complete_until_at=now))
            for row in day.opened:
                invoice = shifted_invoice(row, shift=self.shift, opened_at=now)
                customer = self._customers.pop(row.customer_id, None)
                taken = await intake.open_invoice(connection, invoice=invoice, customer=customer, by="ledger", at=now)
                self._note(taken, f"invoice:{row.invoice_id}", opened)
            for dispute in day.disputes:
                taken = await intake.take_reply(
                    connection,
                    reply=_as_reply(dispute, now),
                    hold_until=now + timedelta(hours=48),
                    owner=STAND_IN_AGENT,
                    by="ledger",
                    at=now,
                )
                self._note(taken, f"reply:{dispute.dispute_id}", disputes)
            for payment in day.payments:
                taken = await intake.take_money(
                    connection,
                    document_id=payment.document_id,
                    customer_id=payment.customer_id,
                    amount=payment.amount,
                    allocations=(Allocation(invoice_id=payment.invoice_id),),
                    booked_on=self._booked_on(payment),
                    by="ledger",
                    at=now,
                )
                self._note(taken, f"payment:{payment.document_id}", money)
        return opened, disputes, money

    def _booked_on(self, payment: Payment) -> date:
        return self.shift.into(payment.booked_on)

    def _note(self, taken: Taken, fact_id: str, tellings: list[Telling]) -> None:
        self.facts.append(fact_id)
        tellings.extend(taken.tellings)

    async def _reconcile(self) -> None:
        """What Baton found out by itself and did not tell at once; in production a schedule sees to it."""
        now = await self._now()
        async with self.database.reading() as connection:
            if not await facts.untold(connection, stored_before=now, limit=1):
                return
        self._reconciled += 1
        # Our own client: the environment's would let the clock run on while it waits for the result.
        await self.client.execute_workflow(
            ReconcileWorkflow.run, id=f"{names.RECONCILE_ID}-{self._reconciled}", task_queue=names.TASK_QUEUE
        )

    # The stand-in agent.

    async def _keep_cases_by_hand(self) -> None:
        """Nobody knows what a person would have decided: the agent takes each case in hand, and money ends it."""
        now = await self._now()
        waiting: list[Case] = []
        after: str | None = None
        async with self.database.reading() as connection:
            while page := await cases.list_cases(connection, state=CaseState.OPEN, after=after, limit=PAGE):
                waiting += (
                    case for case in page if case.deadline_at < now + KEPT_BEFORE and case.workflow_id is not None
                )
                if len(page) < PAGE or page[-1].deadline_at >= now + KEPT_BEFORE:
                    break
                after = cases.cursor_of(page[-1])
        await self._together(self._keep(case, now) for case in waiting if case.assigned_to is not None)

    async def _keep(self, case: Case, now: datetime) -> None:
        customer = self._known[case.customer_id]
        today = local_date(customer=customer, policy=self.policy, as_of=now)
        longest = max(1, self.policy.cases.hold_at_most_days - ASSIGNED_AT_MOST_DAYS_AGO)
        decision = KeepByHand(until_on=today + timedelta(days=longest), note=KEPT)
        assert case.workflow_id is not None
        assert case.assigned_to is not None
        handle = self.client.get_workflow_handle_for(EscalationWorkflow.run, case.workflow_id)
        try:
            await handle.execute_update(
                EscalationWorkflow.decide,
                DecisionRequest(
                    case_id=case.case_id,
                    decision_id=f"{case.case_id}:kept:{today}",
                    agent_id=case.assigned_to,
                    decision=decision,
                ),
            )
        except WorkflowUpdateFailedError as refusal:
            log.info("%s was not kept: %s", case.case_id, refusal.cause)
        except RPCError as fault:
            if fault.status is not RPCStatusCode.NOT_FOUND:
                raise
            log.info("%s ended before it was kept", case.case_id)

    async def _together(self, coroutines: Iterable[Coroutine[Any, Any, object]]) -> None:
        async def one(coroutine: Coroutine[Any, Any, object]) -> None:
            async with self._gate:
                await coroutine

        await asyncio.gather(*(one(coroutine) for coroutine in coroutines))


def _as_reply(dispute: Dispute, now: datetime) -> Reply:
    """A dispute comes as what it is: a customer's reply, already read."""
    return Reply(
        reply_id=dispute.dispute_id,
        customer_id=dispute.customer_id,
        invoice_ids=(dispute.invoice_id,),
        received_at=now,
        reading=Reading(intents=(IntentRead(intent=Intent.DISPUTE),)),
    )


def stand_ins(owners: Iterable[str]) -> tuple[Agent, ...]:
    """One agent and one manager, and one agent for each owner that the ledger names."""
    everywhere = ("en", "de", "fr", "nl", "es")
    return (
        Agent(
            agent_id=STAND_IN_MANAGER,
            name="Rehearsal Manager",
            email="manager@rehearsal.invalid",
            role=AgentRole.MANAGER,
            languages=everywhere,
        ),
        Agent(
            agent_id=STAND_IN_AGENT,
            name="Rehearsal Agent",
            email="agent@rehearsal.invalid",
            languages=everywhere,
            backup=STAND_IN_MANAGER,
            manager=STAND_IN_MANAGER,
        ),
        *(
            Agent(
                agent_id=owner,
                name=owner,
                email=f"owner-{number}@rehearsal.invalid",
                languages=everywhere,
                backup=STAND_IN_AGENT,
                manager=STAND_IN_MANAGER,
            )
            for number, owner in enumerate(sorted(owners), start=1)
        ),
    )
