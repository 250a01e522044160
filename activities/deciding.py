"""What follows from an agent's decision, in one transaction with the record of it."""

from datetime import date, datetime, timedelta
from typing import assert_never

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.payloads import DecisionRequest, DecisionTaken
from activities.turns import tell_of
from policy.contact_windows import opening_of
from policy.taking_in import freezes_of
from receivables.account import Account, Standing
from receivables.agents import Agent
from receivables.collection_policy import CollectionPolicy
from receivables.disputes import DisputeState
from receivables.escalations import (
    AcceptPromise,
    Case,
    ChangeContact,
    CloseDispute,
    HoldUntil,
    KeepByHand,
    MoveDueDate,
    PersonalContactOnly,
    Reassign,
    Resume,
)
from receivables.holds import Hold, HoldReason
from receivables.promises import PromiseToPay
from store import cases, customers, decisions, disputes, holds, invoices, promises, timeline
from store.decisions import DecisionRecord
from store.facts import Telling

ONE_DAY = timedelta(days=1)


async def carry_out(
    connection: AsyncConnection,
    *,
    request: DecisionRequest,
    case: Case,
    by: Agent,
    account: Account,
    policy: CollectionPolicy,
    now: datetime,
) -> tuple[DecisionTaken, tuple[Telling, ...]]:
    """Do what the decision says, record it under its id, and have the workflows of the case's invoices told."""
    follows = _Following(connection, request=request, case=case, by=by, account=account, policy=policy, now=now)
    words, ends_case = await follows.decision()
    said = f"{by.name} decided: {words}"
    taken = DecisionTaken(case_id=case.case_id, decision_id=request.decision_id, words=said, ends_case=ends_case)
    await decisions.record(
        connection,
        DecisionRecord(
            decision_id=request.decision_id,
            case_id=case.case_id,
            decision=request.decision,
            decided_by=by.agent_id,
            decided_at=now,
            words=said,
            ends_case=ends_case,
        ),
    )
    tellings: tuple[Telling, ...] = ()
    if ends_case:
        if case.reply_id is not None:
            await release_freeze(connection, reply_id=case.reply_id, because=said, now=now)
        await cases.record_decision(
            connection,
            case_id=case.case_id,
            decision_id=request.decision_id,
            decision=request.decision,
            by=by.agent_id,
            at=now,
            outcome=words,
        )
        tellings = await tell_of(
            connection, fact_id=f"case-ended:{case.case_id}", words=said, invoice_ids=case.invoice_ids, as_of=now
        )
    await timeline.add_line(
        connection,
        natural_key=f"decision:{request.decision_id}",
        customer_id=case.customer_id,
        invoice_id=None,
        at=now,
        kind="decision",
        words=said,
        rule=request.decision.kind,
    )
    return taken, tellings


async def release_freeze(connection: AsyncConnection, *, reply_id: str, because: str, now: datetime) -> None:
    """What the reply froze is answered for: the holds that it placed end with its case."""
    for hold_id in freezes_of(reply_id):
        if await holds.find_hold(connection, hold_id) is not None:
            await holds.release(connection, hold_id=hold_id, at=now, because=because)


class _Following:
    """One method a decision. Each says what it did, in words that follow "Anna decided: "."""

    def __init__(
        self,
        connection: AsyncConnection,
        *,
        request: DecisionRequest,
        case: Case,
        by: Agent,
        account: Account,
        policy: CollectionPolicy,
        now: datetime,
    ) -> None:
        self._connection = connection
        self._request = request
        self._case = case
        self._by = by
        self._account = account
        self._policy = policy
        self._now = now

    async def decision(self) -> tuple[str, bool]:
        """What was done, in words, and whether the case ends with it."""
        decision = self._request.decision
        match decision:
            case Resume():
                if decision.on is None:
                    return "automation goes on", True
                await self._hold(until=self._start_of(decision.on), words=f"{self._by.name} resumes on {decision.on}")
                return f"automation goes on from {decision.on}", True
            case HoldUntil():
                await self._hold(until=self._start_of(decision.until_on), words=decision.reason)
                return f"nothing automated until {decision.until_on}: {decision.reason}", True
            case AcceptPromise():
                return await self._promise(decision), True
            case MoveDueDate():
                for standing in self._standings():
                    await invoices.change_terms(
                        self._connection, standing.invoice.invoice_id, due_on=decision.due_on, at=self._now
                    )
                return f"due date moved to {decision.due_on}", True
            case CloseDispute():
                for standing in self._standings():
                    if standing.open_dispute is not None:
                        await disputes.close(
                            self._connection,
                            dispute_id=standing.open_dispute.dispute_id,
                            verdict=DisputeState(decision.verdict),
                            at=self._now,
                        )
                return f"dispute {decision.verdict}", True
            case ChangeContact():
                customer = self._account.customer
                contact = customer.contact.model_copy(
                    update={"name": decision.name or customer.contact.name, "email": decision.email, "bounced_at": None}
                )
                await customers.save_customer(
                    self._connection, customer.model_copy(update={"contact": contact}), at=self._now
                )
                return "writes to another contact from now on", True
            case PersonalContactOnly():
                customer = self._account.customer.model_copy(update={"personal_only": True})
                await customers.save_customer(self._connection, customer, at=self._now)
                return "personal contact only", True
            case KeepByHand():
                await cases.extend_case(
                    self._connection,
                    case_id=self._case.case_id,
                    deadline_at=self._start_of(decision.until_on + ONE_DAY),
                )
                return f"goes on by hand until {decision.until_on}", False
            case Reassign():
                await cases.assign(
                    self._connection,
                    case_id=self._case.case_id,
                    agent_id=decision.to,
                    step=self._case.assignment_step,
                    because=f"reassigned by {self._by.name}",
                    deadline_at=self._case.deadline_at,
                )
                return f"reassigned to {decision.to}", False
            case _:
                assert_never(decision)

    def _standings(self) -> tuple[Standing, ...]:
        return tuple(
            standing
            for standing in self._account.standings
            if standing.invoice.invoice_id in self._case.invoice_ids and standing.open_balance.minor > 0
        )

    def _start_of(self, day: date) -> datetime:
        """The first moment of that day at which the customer may be written to."""
        return opening_of(day=day, customer=self._account.customer, policy=self._policy)

    async def _hold(self, *, until: datetime, words: str) -> None:
        for standing in self._standings():
            await holds.place(
                self._connection,
                Hold(
                    hold_id=f"decision:{self._request.decision_id}:{standing.invoice.invoice_id}",
                    customer_id=self._case.customer_id,
                    invoice_id=standing.invoice.invoice_id,
                    reason=HoldReason.AGENT_DECISION,
                    words=words,
                    owner=self._by.agent_id,
                    from_at=self._now,
                    until_at=max(until, self._now + timedelta(seconds=1)),
                ),
            )

    async def _promise(self, decision: AcceptPromise) -> str:
        """One amount over the case's invoices, oldest first; None: all that is open on each."""
        left = decision.amount
        for standing in sorted(self._standings(), key=lambda standing: standing.invoice.due_on):
            amount = standing.open_balance
            if left is not None:
                if left.currency != amount.currency or left.minor <= 0:
                    continue
                amount = min(amount, left, key=lambda money: money.minor)
                left = left - amount
            await promises.add(
                self._connection,
                PromiseToPay(
                    promise_id=f"decision:{self._request.decision_id}:{standing.invoice.invoice_id}",
                    invoice_id=standing.invoice.invoice_id,
                    customer_id=self._case.customer_id,
                    amount=amount,
                    balance_then=standing.open_balance,
                    promised_on=decision.promised_on,
                    said_at=self._now,
                ),
            )
        return f"promise to pay by {decision.promised_on} accepted"
