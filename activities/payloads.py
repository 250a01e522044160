"""What activities take and give: one model each. Ids travel, personal words do not."""

from datetime import date, datetime

from receivables.escalations import AssignmentStep, Decision
from receivables.frozen import Payload
from receivables.invoice import Stage
from receivables.money import Money
from receivables.steps import Escalate, NextStep

__all__ = [
    "AskRequest",
    "AssignRequest",
    "Assigned",
    "DecisionRequest",
    "DecisionTaken",
    "OpenCaseRequest",
    "OpenedCase",
    "Reconciled",
    "RemindAgentRequest",
    "ReplyTakenIn",
    "SendRequest",
    "SettleCaseRequest",
    "TakeInReplyRequest",
    "Turn",
]


class AskRequest(Payload):
    """`as_of`: the workflow's own time."""

    invoice_id: str
    customer_id: str
    as_of: datetime


class Turn(Payload):
    """The answer to "what now": the next step, and what the Temporal UI shows of the invoice."""

    step: NextStep
    stage: Stage
    segment: str
    open_balance: Money
    due_on: date
    done: str = ""
    """What was just carried out, in words, for the timeline."""


class SendRequest(Payload):
    """Send this step of the invoice's chase to its customer, together with all that is due for them."""

    invoice_id: str
    customer_id: str
    step: str


class TakeInReplyRequest(Payload):
    """`invoice_id`: whose workflow asks, and so needs no telling."""

    reply_id: str
    invoice_id: str


class ReplyTakenIn(Payload):
    words: str


class OpenCaseRequest(Payload):
    """Open a case for this invoice, or join the open one of the same matter.

    `number` counts the invoice's cases; `escalation_id` is the run that will work it, if it is not worked yet.
    """

    invoice_id: str
    customer_id: str
    escalate: Escalate
    number: int
    escalation_id: str


class OpenedCase(Payload):
    """`joined`: another invoice's escalation already works this matter; there is no child to start."""

    case_id: str
    joined: bool
    words: str


class AssignRequest(Payload):
    case_id: str
    step: AssignmentStep


class Assigned(Payload):
    """Who has the case, until when, and what the decision's validator must know."""

    agent_id: str | None
    because: str
    step: AssignmentStep
    deadline_at: datetime
    remind_at: datetime
    may_decide: tuple[str, ...]
    """The agents who may decide now: the assigned one, who stands above them, and every manager."""
    earliest_date: date
    """The customer's today: no chosen day lies before it."""
    headline: str
    is_over: bool = False
    """The case has ended in the meantime (settled by money)."""


class RemindAgentRequest(Payload):
    case_id: str


class DecisionRequest(Payload):
    """A decision of an agent, under the teller's own id."""

    case_id: str
    decision_id: str
    agent_id: str
    decision: Decision


class DecisionTaken(Payload):
    """What the decision did, in words. `ends_case` False: the case goes on (kept by hand, reassigned)."""

    case_id: str
    decision_id: str
    words: str
    ends_case: bool
    assigned: Assigned | None = None


class SettleCaseRequest(Payload):
    case_id: str


class Reconciled(Payload):
    told: int = 0
    in_doubt: int = 0
    late: int = 0
    """Facts that could not be told this time either."""
