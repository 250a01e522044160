"""Value, risk and relationship make a segment, each with its reason."""

from datetime import date

import pytest

from policy.segments import segment_of
from receivables.account import PaymentHistory
from receivables.collection_policy import Risk, SegmentMeasures, SegmentRule, Value
from receivables.customer import Relationship
from receivables.money import Money
from tests.builders import a_customer, a_policy, an_account, eur, utc

NOW = utc(2024, 3, 4, 11)

MEASURES = SegmentMeasures(
    high_value_from={"EUR": "50000.00", "JPY": "8000000"},
    late_ratio_from=0.5,
    late_ratio_needs=4,
    new_until_settled=2,
    trouble_days=90,
)


def told(history=None, *, segments=(), **customer):
    account = an_account(customer=a_customer(**customer), history=history or PaymentHistory(settled_count=10))
    return segment_of(account=account, policy=a_policy(measures=MEASURES, segments=segments), as_of=NOW)


@pytest.mark.parametrize(
    ("invoiced", "expected"),
    [
        ((), Value.STANDARD),
        ((eur("49999.99"),), Value.STANDARD),
        ((eur("50000.00"),), Value.HIGH),
        ((Money.of("7999999", "JPY"), eur("1.00")), Value.STANDARD),
        ((eur("1.00"), Money.of("8000000", "JPY")), Value.HIGH),
        ((eur("30000.00"), Money.of("5000000", "JPY")), Value.STANDARD),  # currencies are never added up
        ((Money.of("999999.00", "USD"),), Value.STANDARD),  # no limit for it
    ],
)
def test_value_is_high_from_the_limit_in_any_one_currency(invoiced, expected):
    assert told(PaymentHistory(settled_count=10, invoiced_last_year=invoiced)).value is expected


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        (PaymentHistory(settled_count=1), Risk.NEW),
        (PaymentHistory(settled_count=2), Risk.LOW),
        (PaymentHistory(settled_count=3, settled_late_count=3), Risk.LOW),  # too few to judge by
        (PaymentHistory(settled_count=4, settled_late_count=2), Risk.HIGH),
        (PaymentHistory(settled_count=4, settled_late_count=1), Risk.LOW),
        (PaymentHistory(settled_count=100, settled_late_count=49), Risk.LOW),
        (PaymentHistory(settled_count=100, settled_late_count=50), Risk.HIGH),
        (PaymentHistory(settled_count=10, last_trouble_on=date(2023, 12, 5)), Risk.TROUBLE),  # 90 days ago
        (PaymentHistory(settled_count=10, last_trouble_on=date(2023, 12, 4)), Risk.LOW),  # 91 days ago
        (PaymentHistory(settled_count=0, last_trouble_on=date(2024, 3, 1)), Risk.TROUBLE),  # trouble before new
        (PaymentHistory(settled_count=10, settled_late_count=9, last_trouble_on=date(2024, 3, 1)), Risk.TROUBLE),
    ],
)
def test_risk_is_trouble_before_new_before_high_before_low_on_both_sides_of_each_limit(history, expected):
    assert told(history).risk is expected


SEGMENTS = (
    SegmentRule(name="fragile", relationship=(Relationship.FRAGILE,), ladder=None),
    SegmentRule(name="key", value=(Value.HIGH,), risk=(Risk.LOW, Risk.NEW), ladder="standard"),
    SegmentRule(name="risky", risk=(Risk.HIGH, Risk.TROUBLE), ladder="standard"),
    SegmentRule(name="everybody", ladder="standard"),
)


@pytest.mark.parametrize(
    ("history", "customer", "expected"),
    [
        (PaymentHistory(settled_count=10), {}, "everybody"),
        (PaymentHistory(settled_count=10, invoiced_last_year=(eur("60000.00"),)), {}, "key"),
        (PaymentHistory(settled_count=9, settled_late_count=9, invoiced_last_year=(eur("60000.00"),)), {}, "risky"),
        (PaymentHistory(settled_count=9, settled_late_count=9), {"relationship": Relationship.FRAGILE}, "fragile"),
    ],
)
def test_the_first_segment_whose_conditions_all_hold_takes_the_customer(history, customer, expected):
    assert told(history, segments=SEGMENTS, **customer).name == expected


def test_a_customer_whom_no_segment_takes_has_none_and_that_is_said():
    found = told(segments=SEGMENTS[:3])
    assert found.segment is None
    assert found.name == "none"
    assert "no segment takes this customer" in found.words


def test_each_part_of_a_segment_is_given_with_its_reason():
    history = PaymentHistory(
        settled_count=10,
        invoiced_last_year=(eur("60000.00"),),
        last_trouble_on=date(2024, 2, 1),
        last_trouble="chargeback",
    )
    words = told(history, segments=SEGMENTS).words
    assert "high value: EUR 60,000.00 invoiced in the last year, at least EUR 50,000.00" in words
    assert "recent trouble: chargeback on Thu 1 February 2024" in words
    assert "segment risky" in words
