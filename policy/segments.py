"""Which segment a customer belongs to, told from value and risk in their own history, each with its reason."""

from datetime import date, datetime

from policy.saying import say_day
from policy.time_zones import local_date
from receivables.account import Account, PaymentHistory
from receivables.collection_policy import CollectionPolicy, Risk, SegmentMeasures, SegmentRule, Value
from receivables.frozen import Frozen
from receivables.money import limit_for


class Segmentation(Frozen):
    """`segment` None: no rule of the policy takes this customer."""

    segment: SegmentRule | None
    value: Value
    risk: Risk
    reasons: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.segment.name if self.segment is not None else "none"

    @property
    def words(self) -> str:
        return "; ".join(self.reasons)


def segment_of(*, account: Account, policy: CollectionPolicy, as_of: datetime) -> Segmentation:
    """The first segment of the policy whose conditions this customer meets."""
    today = local_date(customer=account.customer, policy=policy, as_of=as_of)
    value, value_words = _value_of(account.history, policy.measures)
    risk, risk_words = _risk_of(account.history, policy.measures, today)
    relationship = account.customer.relationship
    for segment in policy.segments:
        if (
            (not segment.value or value in segment.value)
            and (not segment.risk or risk in segment.risk)
            and (not segment.relationship or relationship in segment.relationship)
        ):
            reasons = (value_words, risk_words, f"relationship {relationship.value}", f"segment {segment.name}")
            return Segmentation(segment=segment, value=value, risk=risk, reasons=reasons)
    reasons = (value_words, risk_words, f"relationship {relationship.value}", "no segment takes this customer")
    return Segmentation(segment=None, value=value, risk=risk, reasons=reasons)


def _value_of(history: PaymentHistory, measures: SegmentMeasures) -> tuple[Value, str]:
    for invoiced in history.invoiced_last_year:
        limit = limit_for(measures.high_value_from, invoiced.currency)
        if limit is not None and invoiced >= limit:
            return Value.HIGH, f"high value: {invoiced} invoiced in the last year, at least {limit}"
    return Value.STANDARD, "standard value: no currency reaches the limit of high value in the last year"


def _risk_of(history: PaymentHistory, measures: SegmentMeasures, today: date) -> tuple[Risk, str]:
    trouble_on = history.last_trouble_on
    if trouble_on is not None and (today - trouble_on).days <= measures.trouble_days:
        return Risk.TROUBLE, f"recent trouble: {history.last_trouble or 'trouble'} on {say_day(trouble_on)}"
    settled = history.settled_count
    if settled < measures.new_until_settled:
        return Risk.NEW, f"new customer: {settled} invoices settled so far, fewer than {measures.new_until_settled}"
    late = f"{history.settled_late_count} of {settled} settled late"
    if settled >= measures.late_ratio_needs and history.late_ratio >= measures.late_ratio_from:
        return Risk.HIGH, f"high risk: {late}, at least {measures.late_ratio_from:.0%}"
    return Risk.LOW, f"low risk: {late}"
