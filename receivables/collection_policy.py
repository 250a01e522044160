"""The rules of collection as data: what a finance lead writes in `policy.yaml`, validated and versioned.

`policy.reading_policy` turns the file into this and names the line of each fault. Amount limits are given by currency
as decimal texts ("150.00"). Days are calendar days unless `count: working`.
"""

from __future__ import annotations

import re
from datetime import time
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from receivables.customer import Relationship
from receivables.escalations import Trigger, Urgency
from receivables.frozen import Frozen
from receivables.messages import ChannelName, MessageKind, Tone
from receivables.money import Money, decimals_of
from receivables.replies import Intent


class _Fault(NamedTuple):
    """A fault below the field or model that is being checked: where, and what is wrong."""

    place: tuple[str | int, ...]
    words: str


def _refuse(faults: list[_Fault]) -> None:
    """Raise all faults at once, each at its own place, so that the reader of the file can name the line."""
    if faults:
        raise ValidationError.from_exception_data(
            "policy",
            [
                InitErrorDetails(
                    type=PydanticCustomError("policy", "{words}", {"words": fault.words}), loc=fault.place, input=None
                )
                for fault in faults
            ],
        )


def _limits_are_exact(limits: dict[str, str]) -> dict[str, str]:
    faults: list[_Fault] = []
    for currency, amount in limits.items():
        try:
            if Money.of(amount, currency).minor < 0:
                faults.append(_Fault((currency,), f"a limit is not negative: {amount}"))
        except ValidationError as fault:
            faults.append(_Fault((currency,), fault.errors()[0]["msg"]))
        except ValueError as fault:
            faults.append(_Fault((currency,), str(fault)))
    _refuse(faults)
    return limits


_CLOCK_TIME = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?", re.ASCII)


def _clock_time(value: object) -> object:
    """Plain clock times only: a zone would be a second one beside the customer's, a number would be seconds."""
    if isinstance(value, time) and value.tzinfo is None:
        return value
    if isinstance(value, str) and _CLOCK_TIME.fullmatch(value):
        return value.zfill(5) if value.count(":") == 1 else value.zfill(8)
    raise ValueError("write a time of day like 09:00 (the end of the day is 00:00)")


ClockTime = Annotated[time, BeforeValidator(_clock_time)]
"""A time of day in the customer's own zone."""
AmountByCurrency = Annotated[dict[str, str], AfterValidator(_limits_are_exact)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Days = Annotated[int, Field(ge=0, le=3650)]


class Count(StrEnum):
    CALENDAR = "calendar"
    WORKING = "working"


class WayToPay(Frozen):
    """How to pay in a currency, in words that are printed as they are. Only ever from here, never from a mail."""

    currency: str
    words: str = Field(min_length=3, max_length=1000)
    link: str | None = Field(default=None, pattern=r"^https://")

    @model_validator(mode="after")
    def _is_known(self) -> WayToPay:
        decimals_of(self.currency)
        return self


class Sender(Frozen):
    """Who writes: the company, its addresses, and who answers where a customer has no owner."""

    company: str
    address: str = ""
    email: str
    reply_domain: str
    """Replies go to `reply+<token>@<reply_domain>`."""
    person: str
    """The named person whom a customer can reach where no agent owns them."""
    phone: str
    self_service: str = Field(default="https://pay.example.com", pattern=r"^https?://")
    ways_to_pay: tuple[WayToPay, ...] = Field(min_length=1)


class Hours(Frozen):
    """When customers may be written to, in their own zone. `from_` inclusive, `until` exclusive."""

    from_: ClockTime = Field(alias="from")
    until: ClockTime
    weekdays: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ("mon", "tue", "wed", "thu", "fri")
    public_holidays: Literal["closed", "open"] = "closed"

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Hours:
        if not self.weekdays:
            raise ValueError("contact hours need at least one weekday")
        if self.until != time(0) and self.from_ >= self.until:
            raise ValueError(f"contact hours open before they close: {self.from_} is not before {self.until}")
        return self


class ContactRules(Frozen):
    """One budget per customer over all invoices, channels, machine and people."""

    hours: Hours
    most: Annotated[int, Field(ge=1, le=31)] = 2
    """At most so many messages …"""
    in_days: Annotated[int, Field(ge=1, le=60)] = 7
    """… in so many days, …"""
    days_between: Annotated[int, Field(ge=0, le=90)] = 2
    """… with so many full days without contact between two: sent on day 7, the next on day 10 for 2."""
    notices_spend_it: bool = False
    """Whether delivery notices, due-soon notices and receipts use the budget too."""


class NoticeRule(Frozen):
    """A message that asks for nothing, at a day counted from the issue or the due day (negative: before)."""

    name: Name
    kind: Literal[MessageKind.DELIVERY_NOTICE, MessageKind.DUE_SOON]
    template: Name
    days: Annotated[int, Field(ge=-366, le=366)]
    counted_from: Literal["issued_on", "due_on"]
    count: Count = Count.CALENDAR
    channel: ChannelName = ChannelName.EMAIL
    not_older_than_days: Annotated[int, Field(ge=0, le=60)] = 3
    """A notice that could not be sent within so many days of its day is dropped, not sent late."""


class LevelRule(Frozen):
    """One rung. `counted_from: previous` counts from when the level before was sent."""

    name: Name
    days: Annotated[int, Field(ge=0, le=366)]
    counted_from: Literal["due_on", "previous"] = "due_on"
    count: Count = Count.CALENDAR
    template: Name
    tone: Tone
    channel: ChannelName = ChannelName.EMAIL
    kind: Literal[MessageKind.REMINDER, MessageKind.FINAL_NOTICE] = MessageKind.REMINDER


class LadderEnd(Frozen):
    """What happens when all levels are used up, so many days after the last."""

    after_days: Days = 7
    count: Count = Count.CALENDAR
    then: Literal["person", "agency_proposal", "write_off_proposal"] = "person"


class Ladder(Frozen):
    notices: tuple[NoticeRule, ...] = ()
    levels: tuple[LevelRule, ...] = Field(min_length=1)
    least_working_days_between_levels: Days = 2
    """However levels are counted, the next comes at least so many working days after the one before (sent on a Friday,
    the next on Tuesday for 2), so that somebody could answer."""
    end: LadderEnd

    @model_validator(mode="after")
    def _levels_are_in_order(self) -> Ladder:
        if self.levels[0].counted_from == "previous":
            _refuse(
                [
                    _Fault(
                        ("levels", 0, "counted_from"),
                        f"the first level ({self.levels[0].name}) has no level before it; use counted_from: due_on",
                    )
                ]
            )
        faults: list[_Fault] = []
        taken: set[str] = set()
        for field, steps in (("notices", self.notices), ("levels", self.levels)):
            for place, step in enumerate(steps):
                if step.name in taken:
                    faults.append(_Fault((field, place, "name"), f"there is a {step.name!r} already in this ladder"))
                taken.add(step.name)
        for place, (before, after) in enumerate(zip(self.levels, self.levels[1:], strict=False), start=1):
            if after.counted_from == before.counted_from == "due_on" and after.days <= before.days:
                faults.append(
                    _Fault(
                        ("levels", place, "days"),
                        f"{after.name} ({after.days} days) must come after {before.name} ({before.days} days)",
                    )
                )
        _refuse(faults)
        return self


class Value(StrEnum):
    HIGH = "high"
    STANDARD = "standard"


class Risk(StrEnum):
    LOW = "low"
    HIGH = "high"
    NEW = "new"
    TROUBLE = "trouble"


class SegmentMeasures(Frozen):
    """How value and risk are told from a customer's own history."""

    high_value_from: AmountByCurrency
    """Invoiced in the last 365 days, in any one currency, at least this: high value."""
    late_ratio_from: Annotated[float, Field(ge=0, le=1)] = 0.5
    """At least this share of settled invoices paid late: high risk."""
    late_ratio_needs: Annotated[int, Field(ge=1)] = 4
    """… judged only from so many settled invoices on."""
    new_until_settled: Annotated[int, Field(ge=0)] = 2
    """Fewer settled invoices than this: a new customer."""
    trouble_days: Days = 90
    """A chargeback, broken promise or complaint in the last so many days: recent trouble."""


class SegmentRule(Frozen):
    """A segment, taken by the first rule whose conditions all hold; one without conditions takes everybody."""

    name: Name
    value: tuple[Value, ...] = ()
    risk: tuple[Risk, ...] = ()
    relationship: tuple[Relationship, ...] = ()
    ladder: Name | None
    """None: no automated treatment; invoices past due go to a person."""
    reply_deadline_hours: Annotated[int, Field(ge=0, le=720)] = 48
    case_deadline_hours: Annotated[int, Field(ge=1, le=720)] = 48
    """The agent's deadline for a case of standard urgency."""


class EscalationRule(Frozen):
    """When a person takes over. Thresholds are inclusive."""

    trigger: Trigger
    urgency: Urgency = Urgency.STANDARD
    days: Days | None = None
    """For days_past_due, and for amount: from so many days past due."""
    amount: AmountByCurrency = {}
    """For amount: an open balance of at least this."""
    intents: tuple[Intent, ...] = ()
    """For reply: these intents."""
    segments: tuple[Name, ...] = ()
    """Only these segments; empty: all."""
    deadline_hours: Annotated[int, Field(ge=0, le=720)] | None = None
    """None: the segment's."""
    skill: str | None = None

    @model_validator(mode="after")
    def _says_what_it_needs(self) -> EscalationRule:
        if self.trigger is Trigger.DAYS_PAST_DUE and self.days is None:
            raise ValueError("trigger days_past_due needs days; add `days: 30`")
        if self.trigger is Trigger.AMOUNT and not self.amount:
            raise ValueError("trigger amount needs an amount by currency; add `amount: {EUR: 10000}`")
        if self.trigger is Trigger.REPLY and not self.intents:
            raise ValueError("trigger reply needs intents; add `intents: [dispute]`")
        return self


class ReplyRules(Frozen):
    """What a reply that needs no person starts."""

    promise_grace_days: Days = 2
    promise_at_most_days: Days = 45
    """A promise further away than this goes to a person."""
    broken_promise: Literal["one_level_up", "person"] = "person"
    payment_claimed_rest_days: Days = 5
    out_of_office_at_most_days: Days = 30


class FreshMoney(Frozen):
    """Nobody is chased on stale payment data."""

    older_than_hours: Annotated[int, Field(ge=1, le=24 * 60)] = 72
    """A feed complete only until longer ago than this is stale."""
    required: bool = True
    """Whether a feed that was never heard of counts as stale."""


class OldDebt(Frozen):
    """Debt that is already old when it enters: by so many days past due on the day it was opened."""

    from_days: Days = 60
    start: Literal["first_level", "person"] = "first_level"


class CaseRules(Frozen):
    """How a case moves when nobody acts: reminded at a share of its time, then backup, then the manager."""

    remind_at_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    backup_hours: Annotated[int, Field(ge=1, le=720)] = 24
    manager_hours: Annotated[int, Field(ge=1, le=720)] = 24
    hold_at_most_days: Days = 60
    """The longest hold, promise or extension that an agent may decide alone."""


class Rollout(StrEnum):
    """What a changed policy does to invoices that are already running."""

    KEEP = "keep"
    MOVE = "move"


class CollectionPolicy(Frozen):
    """The whole rule book. `version` is derived from the content (`policy.reading_policy`)."""

    name: str
    version: str = ""
    running_invoices: Rollout = Rollout.MOVE
    sender: Sender
    time_zones: dict[str, str] = {}
    """IANA zone by country, for customers that have none of their own; `default` for the rest."""
    contact: ContactRules
    tolerance: AmountByCurrency = {}
    """A balance of at most this counts as settled."""
    minimum: AmountByCurrency = {}
    """A customer's overdue total under this, by currency, is not reminded of."""
    overdue_margin_days: Days = 0
    fresh_money: FreshMoney = FreshMoney()
    old_debt: OldDebt = OldDebt()
    in_doubt_rest_days: Annotated[int, Field(ge=1, le=90)] = 5
    """While a message is in doubt its invoices rest, so long at most."""
    measures: SegmentMeasures
    segments: tuple[SegmentRule, ...] = ()
    default_ladder: Name | None = None
    """For customers that no segment takes; None: nothing automated happens, and says so."""
    ladders: dict[Name, Ladder]
    escalations: tuple[EscalationRule, ...]
    replies: ReplyRules = ReplyRules()
    cases: CaseRules = CaseRules()
    receipts: bool = True
    """Whether a customer gets a receipt when an invoice is settled by a payment."""

    @model_validator(mode="after")
    def _names_exist(self) -> CollectionPolicy:
        ladders = set(self.ladders)
        segments = {segment.name for segment in self.segments}
        faults: list[_Fault] = []
        for place, segment in enumerate(self.segments):
            if segment.ladder is not None and segment.ladder not in ladders:
                faults.append(_Fault(("segments", place, "ladder"), _no_such("ladder", segment.ladder, ladders)))
            if segment.name in {earlier.name for earlier in self.segments[:place]}:
                faults.append(_Fault(("segments", place, "name"), f"there is a segment {segment.name!r} already"))
        if self.default_ladder is not None and self.default_ladder not in ladders:
            faults.append(_Fault(("default_ladder",), _no_such("ladder", self.default_ladder, ladders)))
        for place, rule in enumerate(self.escalations):
            for position, name in enumerate(rule.segments):
                if name not in segments:
                    faults.append(
                        _Fault(("escalations", place, "segments", position), _no_such("segment", name, segments))
                    )
        _refuse(faults)
        return self


def _no_such(noun: str, name: str, known: set[str]) -> str:
    return f"there is no {noun} {name!r}; known: {', '.join(sorted(known)) or 'none'}"
