"""Whether a person was told of a matter already, and it ended: what was decided is not told again the same day."""

from datetime import datetime, timedelta

from policy.situation import Subject
from receivables.escalations import Case, Trigger
from receivables.steps import Escalate

CONTACT_REPAIR_AGAIN_AFTER = timedelta(days=14)
"""A contact that is still broken so long after its case ended is told again."""


def was_told(subject: Subject, escalate: Escalate) -> bool:
    """Whether a case of this matter with this invoice has ended, and nothing has happened since that makes it new."""
    return any(_still_stands(subject, escalate, case) for case in subject.situation.account.cases)


def _still_stands(subject: Subject, escalate: Escalate, case: Case) -> bool:
    if case.state.is_open or case.matter != escalate.matter or subject.invoice_id not in case.invoice_ids:
        return False
    reopened_at = subject.standing.invoice.reopened_at
    if reopened_at is not None and case.wanted_at < reopened_at:
        return False
    ended_at = case.decided_at or case.deadline_at
    if escalate.trigger is Trigger.CONTACT_REPAIR and subject.situation.as_of >= ended_at + CONTACT_REPAIR_AGAIN_AFTER:
        return False
    # A total moves with every invoice of the customer: that it reaches the amount at another time is nothing new.
    since = _since(escalate) if escalate.trigger is not Trigger.AMOUNT else None
    return since is None or case.wanted_at >= since


def _since(escalate: Escalate) -> datetime | None:
    """From when the trigger fires: a moved due date, or levels sent since, make it fire anew."""
    since = escalate.reason.facts.get("since")
    return datetime.fromisoformat(since) if since else None
