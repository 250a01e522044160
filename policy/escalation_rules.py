"""Which of the policy's escalation rules speak of a matter, and by when an agent must have decided it."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from receivables.collection_policy import CollectionPolicy, EscalationRule, SegmentRule
from receivables.escalations import Trigger, Urgency
from receivables.replies import Intent

IMMEDIATE_HOURS = 4
HIGH_HOURS = 24
HOURS_WITHOUT_A_SEGMENT = 48

MOST_URGENT_FIRST = (Urgency.IMMEDIATE, Urgency.HIGH, Urgency.STANDARD)


def rules_for(
    *, policy: CollectionPolicy, trigger: Trigger, segment: str | None, intents: Iterable[Intent] = ()
) -> Iterator[EscalationRule]:
    """The policy's rules of a trigger for a segment, in their order; for replies those that name one of the intents."""
    wanted = set(intents)
    for rule in policy.escalations:
        if rule.trigger is not trigger or (rule.segments and segment not in rule.segments):
            continue
        if trigger is Trigger.REPLY and not wanted & set(rule.intents):
            continue
        yield rule


def deadline_for(
    *,
    trigger: Trigger,
    urgency: Urgency,
    rule: EscalationRule | None,
    segment: SegmentRule | None,
    from_at: datetime,
) -> datetime:
    """By when the agent must have decided, counted in plain hours (nights and weekends included) from `from_at`.

    The rule's own `deadline_hours` where it has them. Else the segment's (`reply_deadline_hours` for a reply,
    `case_deadline_hours` for the rest; 48 without a segment), but at most 4 where it is immediate and 24 where high.
    """
    if rule is not None and rule.deadline_hours is not None:
        return from_at + timedelta(hours=rule.deadline_hours)
    hours = HOURS_WITHOUT_A_SEGMENT
    if segment is not None:
        hours = segment.reply_deadline_hours if trigger is Trigger.REPLY else segment.case_deadline_hours
    if urgency is Urgency.IMMEDIATE:
        hours = min(hours, IMMEDIATE_HOURS)
    elif urgency is Urgency.HIGH:
        hours = min(hours, HIGH_HOURS)
    return from_at + timedelta(hours=hours)
