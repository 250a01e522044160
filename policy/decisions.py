"""What an agent may decide about a case.

The API asks before it stores a decision, and the activity that carries it out asks again under the account's lock,
since money or another agent may have come in between. Both pass the same full data, and get the same refusal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import assert_never

from policy.assignment import is_there
from policy.saying import say_day
from policy.time_zones import local_date
from receivables.account import Standing
from receivables.agents import Agent, AgentRole
from receivables.collection_policy import CollectionPolicy
from receivables.customer import Customer
from receivables.escalations import (
    AcceptPromise,
    Case,
    ChangeContact,
    CloseDispute,
    Decision,
    HoldUntil,
    KeepByHand,
    MoveDueDate,
    PersonalContactOnly,
    Reassign,
    Resume,
)
from receivables.money import Money, total_by_currency

_EMAIL = re.compile(r"[^@\s<>,;:\"\x00-\x1f\x7f]+@[^@\s<>,;:\"\x00-\x1f\x7f.]+(\.[^@\s<>,;:\"\x00-\x1f\x7f.]+)+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Refusal(StrEnum):
    """Why a decision is refused; the type of the ApplicationError and of the problem document."""

    WRONG_AGENT = "wrong_agent"
    CASE_CLOSED = "case_closed"
    DATE_IN_THE_PAST = "date_in_the_past"
    DATE_TOO_FAR = "date_too_far"
    NOT_MORE_TIME = "not_more_time"
    CURRENCY_MISMATCH = "currency_mismatch"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    AMOUNT_ABOVE_OPEN_BALANCE = "amount_above_open_balance"
    NOTHING_OPEN = "nothing_open"
    NO_OPEN_DISPUTE = "no_open_dispute"
    DISPUTE_STILL_OPEN = "dispute_still_open"
    BAD_CONTACT = "bad_contact"
    UNKNOWN_AGENT = "unknown_agent"
    ABSENT_AGENT = "absent_agent"
    SAME_AGENT = "same_agent"


class DecisionRefused(ValueError):
    """The decision is not possible, by rule; `words` say what is, `type` is for machines."""

    def __init__(self, type: Refusal, words: str) -> None:  # noqa: A002 - the word that the problem document uses
        super().__init__(words)
        self.type = type
        self.words = words


def check(
    *,
    decision: Decision,
    case: Case,
    by: Agent,
    agents: Sequence[Agent],
    customer: Customer,
    standings: Iterable[Standing],
    policy: CollectionPolicy,
    as_of: datetime,
) -> None:
    """Refuse (`DecisionRefused`) what this agent may not decide about this case now.

    `agents` are all agents, the assigned one and their backup among them; `standings` the invoices of the case (others
    are passed over); `policy` the current one. Days are the customer's. The longest hold, promise or extension is
    `cases.hold_at_most_days` from today, both days inclusive. A case made by a dispute ends with `close_dispute` or a
    promise, not otherwise.
    """
    if not case.state.is_open:
        raise DecisionRefused(
            Refusal.CASE_CLOSED, f"case {case.case_id} is {case.state} already; look at what was decided"
        )
    _check_agent(case, by, agents, customer)
    today = local_date(customer=customer, policy=policy, as_of=as_of)
    last = today + timedelta(days=policy.cases.hold_at_most_days)
    if isinstance(decision, Reassign):
        _check_new_agent(decision.to, case, agents, as_of)
    else:
        ours = [standing for standing in standings if standing.invoice.invoice_id in case.invoice_ids]
        _check_dispute(decision, case, ours)
        _check_terms(decision, ours, today=today, last=last)


def _check_terms(
    decision: Resume
    | HoldUntil
    | AcceptPromise
    | MoveDueDate
    | CloseDispute
    | ChangeContact
    | PersonalContactOnly
    | KeepByHand,
    ours: list[Standing],
    *,
    today: date,
    last: date,
) -> None:
    """Dates, amounts and what the invoices of the case allow."""
    match decision:
        case Resume():
            _check_day(decision.on or today, "automation resumes", first=today, last=last)
        case HoldUntil():
            _check_day(decision.until_on, "the hold ends", first=today + timedelta(days=1), last=last)
        case AcceptPromise():
            _check_day(decision.promised_on, "the promise is due", first=today, last=last)
            _check_amount(decision.amount, ours)
        case MoveDueDate():
            _check_day(decision.due_on, "the invoices are due", first=today, last=last)
            _check_more_time(decision.due_on, ours)
        case CloseDispute():
            if not any(standing.open_dispute for standing in ours):
                raise DecisionRefused(
                    Refusal.NO_OPEN_DISPUTE, "no invoice of this case is in dispute; use resume to go on with it"
                )
        case ChangeContact():
            _check_contact(decision)
        case PersonalContactOnly():
            pass
        case KeepByHand():
            _check_day(decision.until_on, "the new deadline is", first=today + timedelta(days=1), last=last)
        case _:
            assert_never(decision)


def _check_agent(case: Case, by: Agent, agents: Sequence[Agent], customer: Customer) -> None:
    if by.role is AgentRole.MANAGER:
        return
    holder_id = case.assigned_to if case.assigned_to is not None else customer.owner
    holder = next((agent for agent in agents if agent.agent_id == holder_id), None)
    if by.agent_id == holder_id or (holder is not None and by.agent_id == holder.backup):
        return
    who = (
        f"is with {holder.name if holder else holder_id}"
        if case.assigned_to is not None
        else "is being assigned, try again shortly"
    )
    raise DecisionRefused(
        Refusal.WRONG_AGENT,
        f"case {case.case_id} {who}: only the agent who has it, their backup or a manager decides",
    )


def _check_dispute(decision: Decision, case: Case, standings: list[Standing]) -> None:
    """A case made by a dispute does not end without an answer to it: nobody else would ever look at the dispute."""
    if case.reply_id is None or isinstance(decision, CloseDispute | KeepByHand | AcceptPromise):
        return
    for standing in standings:
        dispute = standing.open_dispute
        if dispute is not None and dispute.dispute_id.startswith(f"{case.reply_id}:"):
            raise DecisionRefused(
                Refusal.DISPUTE_STILL_OPEN,
                f"{standing.invoice.invoice_id} is in dispute: close the dispute, or keep the case by hand until a day",
            )


def _check_day(day: date, what: str, *, first: date, last: date) -> None:
    if day < first:
        raise DecisionRefused(
            Refusal.DATE_IN_THE_PAST, f"{what} on {say_day(day)}, which is too early: {say_day(first)} is the first day"
        )
    if day > last:
        raise DecisionRefused(
            Refusal.DATE_TOO_FAR, f"{what} on {say_day(day)}, which is too far away: {say_day(last)} is the last day"
        )


def _check_amount(amount: Money | None, standings: list[Standing]) -> None:
    open_totals = total_by_currency(standing.open_balance for standing in standings if standing.open_balance.minor > 0)
    if not open_totals:
        raise DecisionRefused(Refusal.NOTHING_OPEN, "nothing is open on the invoices of this case any more")
    if amount is None:
        return
    open_total = open_totals.get(amount.currency)
    if open_total is None:
        raise DecisionRefused(
            Refusal.CURRENCY_MISMATCH,
            f"{amount} was promised, but the invoices of this case are in {' and '.join(open_totals)}",
        )
    if amount.minor <= 0:
        raise DecisionRefused(Refusal.AMOUNT_NOT_POSITIVE, f"a promise is of more than nothing, not of {amount}")
    if amount > open_total:
        raise DecisionRefused(
            Refusal.AMOUNT_ABOVE_OPEN_BALANCE, f"{amount} was promised, but only {open_total} is open on this case"
        )


def _check_more_time(due_on: date, standings: list[Standing]) -> None:
    latest = max((standing.invoice for standing in standings), key=lambda invoice: invoice.due_on, default=None)
    if latest is None:
        raise DecisionRefused(Refusal.NOTHING_OPEN, "no invoice of this case is open any more")
    if due_on <= latest.due_on:
        raise DecisionRefused(
            Refusal.NOT_MORE_TIME,
            f"{latest.invoice_id} is due on {say_day(latest.due_on)}: a due date gives more time, so it "
            f"is later than that, not {say_day(due_on)}",
        )


def _check_contact(decision: ChangeContact) -> None:
    if not _EMAIL.fullmatch(decision.email) or not decision.email.isascii():
        raise DecisionRefused(
            Refusal.BAD_CONTACT, f"{decision.email!r} is no e-mail address; write one like anna@example.com"
        )
    if _CONTROL.search(decision.name):
        raise DecisionRefused(Refusal.BAD_CONTACT, "the contact's name is one line of plain text")


def _check_new_agent(to: str, case: Case, agents: Sequence[Agent], as_of: datetime) -> None:
    agent = next((agent for agent in agents if agent.agent_id == to), None)
    if agent is None:
        raise DecisionRefused(Refusal.UNKNOWN_AGENT, f"there is no agent {to!r}")
    if to == case.assigned_to:
        raise DecisionRefused(Refusal.SAME_AGENT, f"{agent.name} has case {case.case_id} already")
    if not is_there(agent, as_of=as_of):
        raise DecisionRefused(Refusal.ABSENT_AGENT, f"{agent.name} is absent today; choose somebody who is there")
