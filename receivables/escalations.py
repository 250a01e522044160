"""Escalations: what made a case, who has it, by when, and what was decided."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from receivables.frozen import Frozen
from receivables.money import Money


class Trigger(StrEnum):
    """What made an escalation."""

    REPLY = "reply"
    ATTEMPTS_USED_UP = "attempts_used_up"
    DAYS_PAST_DUE = "days_past_due"
    AMOUNT = "amount"
    BROKEN_PROMISE = "broken_promise"
    PERSONAL_ONLY = "personal_only"
    CONTACT_REPAIR = "contact_repair"
    OLD_DEBT = "old_debt"
    NO_TREATMENT = "no_treatment"


class Urgency(StrEnum):
    IMMEDIATE = "immediate"
    HIGH = "high"
    STANDARD = "standard"


class CaseState(StrEnum):
    """wanted: it must be opened; open: with a person; decided, or settled by money without a decision."""

    WANTED = "wanted"
    OPEN = "open"
    DECIDED = "decided"
    SETTLED = "settled"

    @property
    def is_open(self) -> bool:
        return self in (CaseState.WANTED, CaseState.OPEN)


class AssignmentStep(StrEnum):
    """How far up a case has gone for want of an answer."""

    AGENT = "agent"
    BACKUP = "backup"
    MANAGER = "manager"


class Case(Frozen):
    """One matter of one customer, with the invoices that it is about.

    `matter` is its natural key while open: a second trigger of the same matter joins the case.
    """

    case_id: str
    customer_id: str
    invoice_ids: tuple[str, ...]
    trigger: Trigger
    matter: str
    words: str
    """Why it was made, in one sentence for the agent."""
    urgency: Urgency
    state: CaseState
    wanted_at: datetime
    deadline_at: datetime
    """When the one who has it must have decided."""
    assigned_to: str | None = None
    assignment_step: AssignmentStep = AssignmentStep.AGENT
    assigned_because: str = ""
    reminded_at: datetime | None = None
    reply_id: str | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    decision: str | None = None
    """The kind of the decision ("resume"); the whole of it is `store.cases.decision_of`."""
    outcome: str = ""
    workflow_id: str | None = None
    """The escalation's run that works on it, where there is one."""


class Resume(Frozen):
    """Automation goes on, now or on a day (the customer's)."""

    kind: Literal["resume"] = "resume"
    on: date | None = None


class HoldUntil(Frozen):
    """Nothing automated until that day; the case closes, the hold has its owner and end."""

    kind: Literal["hold"] = "hold"
    until_on: date
    reason: str = Field(min_length=1, max_length=500)


class AcceptPromise(Frozen):
    """The customer promised this agent an amount (None: all that is open) by a day."""

    kind: Literal["accept_promise"] = "accept_promise"
    promised_on: date
    amount: Money | None = None


class MoveDueDate(Frozen):
    """More time: the invoices of the case are due on this day; the ladder counts from it."""

    kind: Literal["move_due_date"] = "move_due_date"
    due_on: date


class CloseDispute(Frozen):
    """The dispute is over: upheld (a credit note follows from the backend), rejected or withdrawn; chasing resumes."""

    kind: Literal["close_dispute"] = "close_dispute"
    verdict: Literal["upheld", "rejected", "withdrawn"]
    explanation: str = Field(min_length=1, max_length=2000)


class ChangeContact(Frozen):
    """Write to somebody else from now on; automation resumes."""

    kind: Literal["change_contact"] = "change_contact"
    name: str = Field(default="", max_length=200)
    email: str = Field(min_length=3, max_length=254)


class PersonalContactOnly(Frozen):
    """No automated message to this customer any more."""

    kind: Literal["personal_contact_only"] = "personal_contact_only"


class KeepByHand(Frozen):
    """The agent goes on by hand: the case stays theirs, with a new deadline."""

    kind: Literal["keep_by_hand"] = "keep_by_hand"
    until_on: date
    note: str = Field(min_length=1, max_length=2000)


class Reassign(Frozen):
    """Another agent takes the case, with the deadline that stands."""

    kind: Literal["reassign"] = "reassign"
    to: str


Decision = Annotated[
    Resume
    | HoldUntil
    | AcceptPromise
    | MoveDueDate
    | CloseDispute
    | ChangeContact
    | PersonalContactOnly
    | KeepByHand
    | Reassign,
    Field(discriminator="kind"),
]
"""What an agent may choose. A closed union; what each may do is policy's, what follows is `store.decisions`'s."""
