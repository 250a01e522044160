"""One contact budget per customer: at most so many in so many local days, so many days between two."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.contact_budget import contact_days, earliest_contact, earliest_day
from receivables.messages import MessageKind, MessageState
from tests.builders import a_customer, a_message, a_policy, an_account, some_contact_rules, some_rules, utc

NOON = utc(2024, 3, 4, 11)  # a Monday


def rules_with(**contact):
    return some_rules(a_policy(contact=some_contact_rules(**contact)))


def midnight(day: int):
    """The start of that day of March in Berlin."""
    return utc(2024, 3, day - 1, 23)


def test_a_customer_who_heard_nothing_may_be_written_to_now():
    assert earliest_contact(account=an_account(), rules=some_rules(), as_of=NOON) == NOON


@pytest.mark.parametrize(
    ("days_between", "expected_day"),
    [(0, 5), (1, 6), (2, 7), (6, 11)],
)
def test_so_many_full_days_lie_between_two_contacts(days_between, expected_day):
    account = an_account(messages=(a_message(at=NOON),))
    rules = rules_with(days_between=days_between, most=5)
    assert earliest_contact(account=account, rules=rules, as_of=NOON) == midnight(expected_day)


def test_scenario_12_sent_on_day_7_the_next_is_on_day_10():
    account = an_account(messages=(a_message(at=utc(2024, 3, 7, 9)),))
    rules = rules_with(days_between=2)
    for day in (8, 9):
        assert earliest_contact(account=account, rules=rules, as_of=utc(2024, 3, day, 9)) == midnight(10)
    assert earliest_contact(account=account, rules=rules, as_of=utc(2024, 3, 10, 9)) == utc(2024, 3, 10, 9)


def test_at_most_so_many_contacts_lie_in_so_many_days_and_the_first_day_out_of_them_is_free():
    account = an_account(
        messages=(a_message(at=utc(2024, 3, 1, 9), step="a"), a_message(at=utc(2024, 3, 4, 9), step="b"))
    )
    rules = rules_with(most=2, in_days=7, days_between=2)
    # Of 1 to 7 March both lie in the window; on 8 March the first has left it.
    assert earliest_contact(account=account, rules=rules, as_of=utc(2024, 3, 7, 9)) == midnight(8)
    assert earliest_contact(account=account, rules=rules, as_of=utc(2024, 3, 8, 9)) == utc(2024, 3, 8, 9)


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        (MessageState.RESERVED, True),
        (MessageState.SENT, True),
        (MessageState.IN_DOUBT, True),
        (MessageState.DEFERRED, False),
        (MessageState.FAILED, False),
        (MessageState.DROPPED, False),
    ],
)
def test_what_the_customer_has_or_may_have_received_counts_and_nothing_else(state, counts):
    account = an_account(messages=(a_message(at=NOON, state=state),))
    assert (earliest_contact(account=account, rules=some_rules(), as_of=NOON) > NOON) is counts


def test_every_message_state_is_classified_here():
    assert len(MessageState) == 6, "say in the table above whether the new state spends the contact budget"


def test_what_people_wrote_and_said_spends_the_same_budget():
    account = an_account(contacts_by_people=(NOON,))
    assert earliest_contact(account=account, rules=some_rules(), as_of=NOON) == midnight(7)


@pytest.mark.parametrize("notices_spend_it", [True, False])
def test_notices_spend_the_budget_only_where_the_policy_says_so(notices_spend_it):
    account = an_account(messages=(a_message(at=NOON, kind=MessageKind.DUE_SOON),))
    rules = rules_with(notices_spend_it=notices_spend_it)
    assert (earliest_contact(account=account, rules=rules, as_of=NOON) > NOON) is notices_spend_it


def test_days_are_those_of_the_customer_not_of_utc():
    # 23:30 UTC on Sunday is Monday morning in Nouméa.
    customer = a_customer(time_zone="Pacific/Noumea", country="NC")
    account = an_account(customer=customer, messages=(a_message(at=utc(2024, 3, 3, 23, 30)),))
    assert contact_days(account=account, rules=some_rules()) == [date(2024, 3, 4)]


@given(
    gaps=st.lists(st.integers(0, 12), max_size=25),
    most=st.integers(1, 5),
    in_days=st.integers(1, 30),
    days_between=st.integers(0, 6),
)
@settings(max_examples=200, deadline=None)
def test_whenever_contacts_are_wanted_the_budget_is_never_exceeded(gaps, most, in_days, days_between):
    contact = some_contact_rules(most=most, in_days=in_days, days_between=days_between)
    made: list[date] = []
    day = date(2024, 1, 1)
    for gap in gaps:
        day = earliest_day(from_on=day + timedelta(days=gap), contact_days=made, contact=contact)
        made.append(day)
    for earlier, later in pairwise(made):
        assert (later - earlier).days > days_between
    for first in made:
        within = [each for each in made if first <= each < first + timedelta(days=in_days)]
        assert len(within) <= most


@given(
    people=st.lists(st.integers(0, 40), max_size=30),
    most=st.integers(1, 4),
    in_days=st.integers(1, 14),
    days_between=st.integers(0, 4),
)
@settings(max_examples=200, deadline=None)
def test_whatever_people_did_the_day_found_is_the_first_with_room(people, most, in_days, days_between):
    contact = some_contact_rules(most=most, in_days=in_days, days_between=days_between)
    made = sorted(date(2024, 1, 1) + timedelta(days=n) for n in people)
    from_on = date(2024, 1, 1) + timedelta(days=40)

    def has_room(day: date) -> bool:
        recent = [each for each in made if day - timedelta(days=in_days) < each <= day]
        rested = not made or (day - made[-1]).days > days_between
        return rested and len(recent) < most

    day = from_on
    while not has_room(day):
        day += timedelta(days=1)
    assert earliest_day(from_on=from_on, contact_days=made, contact=contact) == day
