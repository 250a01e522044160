"""Cases: opened, assigned, reminded, moved up, decided, or ended by money."""

import logging
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.clock import engine_now
from activities.deciding import carry_out
from activities.payloads import (
    Assigned,
    AssignRequest,
    DecisionRequest,
    DecisionTaken,
    OpenCaseRequest,
    OpenedCase,
    RemindAgentRequest,
    SettleCaseRequest,
)
from activities.rulebook import RuleBook
from activities.telling import Teller, tell_the_others
from activities.turns import end_case
from policy.assignment import NobodyCanTakeIt, assign
from policy.decisions import DecisionRefused, check
from policy.time_zones import local_date
from receivables.agents import Agent, AgentRole
from receivables.collection_policy import CollectionPolicy
from receivables.escalations import AssignmentStep, Case, CaseState, Trigger
from receivables.promises import PromiseState
from receivables.replies import Reading
from store import agents, cases, customers, decisions, invoices, promises, replies, timeline
from store.accounts import read_account
from store.database import Database

log = logging.getLogger("baton.cases")

NOBODY_LOOKED_FOR_AGAIN_AFTER = timedelta(hours=1)


class Escalating:
    """The store's side of a case. Each method may run twice and does its work once."""

    def __init__(self, database: Database, rulebook: RuleBook, teller: Teller) -> None:
        self._database = database
        self._rulebook = rulebook
        self._teller = teller

    @activity.defn
    async def open_case(self, request: OpenCaseRequest) -> OpenedCase:
        """Open the case of this matter, or join the open one; claimed by the first invoice's escalation only."""
        now = engine_now()
        escalate = request.escalate
        async with self._database.writing() as connection:
            case = await cases.want_case(
                connection,
                Case(
                    case_id=f"case-{request.invoice_id}-{request.number}",
                    customer_id=request.customer_id,
                    invoice_ids=(request.invoice_id,),
                    trigger=escalate.trigger,
                    matter=escalate.matter,
                    words=escalate.reason.words,
                    urgency=escalate.urgency,
                    state=CaseState.WANTED,
                    wanted_at=now,
                    deadline_at=escalate.deadline_at,
                ),
            )
            if escalate.trigger is Trigger.BROKEN_PROMISE:
                await self._mark_broken(connection, request.customer_id, request.invoice_id, now)
            mine = await cases.claim_case(connection, case_id=case.case_id, workflow_id=request.escalation_id)
            words = f"case {case.case_id} {'opened' if mine else 'joined'} ({escalate.trigger.value}): {case.words}"
            await timeline.add_line(
                connection,
                natural_key=f"{case.case_id}:{request.invoice_id}:opened",
                customer_id=request.customer_id,
                invoice_id=request.invoice_id,
                at=now,
                kind="case",
                words=words,
                rule=escalate.reason.rule,
                facts=escalate.reason.facts,
            )
        return OpenedCase(case_id=case.case_id, joined=not mine, words=words)

    async def _mark_broken(self, connection: AsyncConnection, customer_id: str, invoice_id: str, now: datetime) -> None:
        account = await read_account(connection, customer_id=customer_id, invoice_id=invoice_id, as_of=now)
        promise = account.standing(invoice_id).open_promise
        if promise is not None:
            await promises.set_state(connection, promise_id=promise.promise_id, state=PromiseState.BROKEN)
            await customers.note_trouble(
                connection, customer_id=customer_id, on=now.date(), words=f"promise of {promise.amount} broken"
            )

    @activity.defn
    async def assign_case(self, request: AssignRequest) -> Assigned:
        """Give the case to somebody, one step further up each time a deadline passed, with a new deadline."""
        now = engine_now()
        async with self._database.writing() as connection:
            case = await self._case(connection, request.case_id)
            policy = await self._policy_of(connection)
            everybody = tuple(await agents.list_agents(connection))
            customer = await customers.find_customer(connection, case.customer_id)
            assert customer is not None, case.customer_id
            if not case.state.is_open:
                return _assigned(case, policy, everybody, now, customer_name=customer.name, local=now.date())
            reading = await self._reading_of(connection, case)
            try:
                choice = assign(
                    case=case,
                    customer=customer,
                    agents=everybody,
                    load=await cases.load_by_agent(connection),
                    as_of=now,
                    step=request.step,
                    policy=policy,
                    segment=await self._segment_of(connection, case),
                    reading=reading,
                )
                agent_id, because = choice.agent_id, choice.because
                deadline_at = _deadline(case, policy, request.step, now)
            except NobodyCanTakeIt as fault:
                agent_id, because = None, str(fault)
                deadline_at = now + NOBODY_LOOKED_FOR_AGAIN_AFTER
                log.warning("%s: nobody can take it: %s", case.case_id, fault)
            case = await cases.assign(
                connection,
                case_id=case.case_id,
                agent_id=agent_id,
                step=request.step,
                because=because,
                deadline_at=deadline_at,
            )
            await timeline.add_line(
                connection,
                natural_key=f"{case.case_id}:{request.step.value}:{now.isoformat()}",
                customer_id=case.customer_id,
                invoice_id=None,
                at=now,
                kind="case",
                words=f"case {case.case_id} with {agent_id or 'nobody yet'} until {deadline_at:%d %b %H:%M} UTC: "
                f"{because}",
            )
            local = local_date(customer=customer, policy=policy, as_of=now)
            return _assigned(case, policy, everybody, now, customer_name=customer.name, local=local)

    @activity.defn
    async def remind_agent(self, request: RemindAgentRequest) -> None:
        """Half of the time is over: the case is marked on the agent's list and on the timeline."""
        now = engine_now()
        async with self._database.writing() as connection:
            case = await self._case(connection, request.case_id)
            if not case.state.is_open:
                return
            await cases.record_reminded(connection, case_id=case.case_id, at=now)
            await timeline.add_line(
                connection,
                natural_key=f"{case.case_id}:reminded:{case.deadline_at.isoformat()}",
                customer_id=case.customer_id,
                invoice_id=None,
                at=now,
                kind="case",
                words=f"{case.assigned_to or 'nobody yet'} reminded of case {case.case_id}",
            )

    @activity.defn
    async def record_decision(self, request: DecisionRequest) -> DecisionTaken:
        """Take a decision, once by its id: checked by policy, carried out and recorded in one transaction.

        Refused as ApplicationError (not retried) with the refusal's type.
        """
        now = engine_now()
        async with self._database.writing() as connection:
            case = await self._case(connection, request.case_id)
            await customers.lock_customer(connection, case.customer_id)
            case = await self._case(connection, request.case_id)  # as whoever decided just before us has left it
            earlier = await decisions.find_decision(connection, request.decision_id)
            policy = await self._policy_of(connection)
            everybody = tuple(await agents.list_agents(connection))
            customer = await customers.find_customer(connection, case.customer_id)
            assert customer is not None, case.customer_id
            local = local_date(customer=customer, policy=policy, as_of=now)
            if earlier is not None:
                return DecisionTaken(
                    case_id=earlier.case_id,
                    decision_id=earlier.decision_id,
                    words=earlier.words,
                    ends_case=earlier.ends_case,
                    assigned=_assigned(case, policy, everybody, now, customer_name=customer.name, local=local),
                )
            by = next((agent for agent in everybody if agent.agent_id == request.agent_id), None)
            if by is None:
                raise ApplicationError(
                    f"there is no agent {request.agent_id!r}", type="unknown_agent", non_retryable=True
                )
            account = await read_account(
                connection, customer_id=case.customer_id, invoice_id=case.invoice_ids[0], as_of=now, lock=True
            )
            try:
                check(
                    decision=request.decision,
                    case=case,
                    by=by,
                    agents=everybody,
                    customer=customer,
                    standings=account.standings,
                    policy=policy,
                    as_of=now,
                )
            except DecisionRefused as refusal:
                raise ApplicationError(str(refusal), type=refusal.type, non_retryable=True) from refusal
            taken, tellings = await carry_out(
                connection, request=request, case=case, by=by, account=account, policy=policy, now=now
            )
            case = await self._case(connection, request.case_id)
            assigned = _assigned(case, policy, everybody, now, customer_name=customer.name, local=local)
        await tell_the_others(self._database, self._teller, tellings, but=None, at=now)
        return taken.model_copy(update={"assigned": assigned})

    @activity.defn
    async def settle_case(self, request: SettleCaseRequest) -> None:
        """Nothing is owed any more: end the case if nobody decided it before."""
        now = engine_now()
        async with self._database.writing() as connection:
            case = await self._case(connection, request.case_id)
            if case.state.is_open:
                await end_case(
                    connection,
                    case_id=case.case_id,
                    customer_id=case.customer_id,
                    invoice_ids=case.invoice_ids,
                    as_of=now,
                )

    async def _case(self, connection: AsyncConnection, case_id: str) -> Case:
        case = await cases.find_case(connection, case_id)
        if case is None:
            raise ApplicationError(f"there is no case {case_id}", type="unknown_case", non_retryable=True)
        return case

    async def _reading_of(self, connection: AsyncConnection, case: Case) -> Reading | None:
        """What the reply says that made the case: it tells which skill is needed."""
        reply = await replies.find_reply(connection, case.reply_id) if case.reply_id is not None else None
        return reply.reading if reply is not None else None

    async def _segment_of(self, connection: AsyncConnection, case: Case) -> str | None:
        if not case.invoice_ids:
            return None
        record = await invoices.find_invoice(connection, case.invoice_ids[0])
        return record.segment or None if record is not None else None

    async def _policy_of(self, connection: AsyncConnection) -> CollectionPolicy:
        return (await self._rulebook.rules(connection)).current


def _deadline(case: Case, policy: CollectionPolicy, step: AssignmentStep, now: datetime) -> datetime:
    """The case's own deadline first; each step further up has its hours from now."""
    match step:
        case AssignmentStep.AGENT:
            return max(case.deadline_at, now + timedelta(minutes=1))
        case AssignmentStep.BACKUP:
            return now + timedelta(hours=policy.cases.backup_hours)
        case AssignmentStep.MANAGER:
            return now + timedelta(hours=policy.cases.manager_hours)


def _assigned(
    case: Case, policy: CollectionPolicy, everybody: Sequence[Agent], now: datetime, *, customer_name: str, local: date
) -> Assigned:
    share = policy.cases.remind_at_share
    above = {agent.agent_id for agent in everybody if agent.role is AgentRole.MANAGER}
    holder = next((agent for agent in everybody if agent.agent_id == case.assigned_to), None)
    if holder is not None:
        above |= {holder.agent_id, *(name for name in (holder.backup, holder.manager) if name)}
    return Assigned(
        agent_id=case.assigned_to,
        because=case.assigned_because,
        step=case.assignment_step,
        deadline_at=case.deadline_at,
        remind_at=now + max(timedelta(0), case.deadline_at - now) * share,
        may_decide=tuple(sorted(above)),
        earliest_date=local,
        headline=f"{customer_name}: {case.words}",
        is_over=not case.state.is_open,
    )
