"""The next step of an invoice: a tagged union that policy returns, each with its reason and its time."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from receivables.escalations import Trigger, Urgency
from receivables.frozen import Payload
from receivables.invoice import Stage
from receivables.messages import MessageKind


class Reason(Payload):
    """Why: the rule's name, the same in words, and the facts that it looked at."""

    rule: str
    words: str
    facts: dict[str, str] = {}


class Contact(Payload):
    """Write to the customer about this invoice at `at` (a notice or a level of the ladder)."""

    kind: Literal["contact"] = "contact"
    message: MessageKind
    step: str
    """The step's natural name: "level-2", "due_soon", "delivery_notice", "receipt"."""
    level: int | None = None
    at: datetime
    reason: Reason

    @property
    def look_again_at(self) -> datetime:
        return self.at


class Wait(Payload):
    """Do nothing until `look_again_at` or news. `held_back`: the step that would be due now, were it not for a rule."""

    kind: Literal["wait"] = "wait"
    look_again_at: datetime
    reason: Reason
    held_back: str | None = None


class Escalate(Payload):
    """Pass the baton to a person."""

    kind: Literal["escalate"] = "escalate"
    trigger: Trigger
    matter: str
    urgency: Urgency
    deadline_at: datetime
    reason: Reason


class Close(Payload):
    """Nothing is owed and nothing is open (settled), or the backend took it out of collection (closed)."""

    kind: Literal["close"] = "close"
    stage: Literal[Stage.SETTLED, Stage.CLOSED]
    reason: Reason


NextStep = Annotated[Contact | Wait | Escalate | Close, Field(discriminator="kind")]
