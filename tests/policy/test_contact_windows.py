"""Hours of the customer's own zone, on their working days, never on their holidays; clock changes included."""

from datetime import UTC, date, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.contact_windows import add_days, is_open, is_working_day, next_open, opening_of, start_of
from policy.time_zones import UnknownTimeZone, local_date, zone_of
from receivables.collection_policy import Count
from tests.builders import a_customer, a_policy, always_open, some_contact_rules, some_hours, utc


def a_policy_open(opens="09:00", closes="17:00", **changes):
    return a_policy(contact=some_contact_rules(hours=some_hours(opens, closes, **changes)))


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (utc(2024, 3, 5, 7, 59), False),  # 8:59 in Berlin
        (utc(2024, 3, 5, 8, 0), True),  # from 9:00, included
        (utc(2024, 3, 5, 15, 59), True),
        (utc(2024, 3, 5, 16, 0), False),  # until 17:00, excluded
        (utc(2024, 3, 9, 10), False),  # Saturday
        (utc(2024, 3, 29, 10), False),  # Good Friday
        (utc(2024, 7, 5, 7, 0), True),  # summer time: 9:00 is 7:00 UTC
    ],
)
def test_hours_are_those_of_the_customers_zone_with_the_opening_included_and_the_closing_not(at, expected):
    assert is_open(at=at, customer=a_customer(), policy=a_policy()) is expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (utc(2024, 3, 5, 3), utc(2024, 3, 5, 8)),  # before the opening
        (utc(2024, 3, 5, 12), utc(2024, 3, 5, 12)),  # open already
        (utc(2024, 3, 5, 16), utc(2024, 3, 6, 8)),  # closed for the day
        (utc(2024, 3, 8, 18), utc(2024, 3, 11, 8)),  # over the weekend
        (utc(2024, 3, 28, 18), utc(2024, 4, 2, 7)),  # over Easter and into summer time
    ],
)
def test_the_next_opening_skips_nights_weekends_and_public_holidays(at, expected):
    assert next_open(at=at, customer=a_customer(), policy=a_policy()) == expected


@pytest.mark.parametrize(
    ("zone", "country", "expected"),
    [
        ("Pacific/Noumea", "NC", utc(2024, 3, 4, 22)),  # UTC+11: 9:00 on Tuesday is still Monday in UTC
        ("America/Los_Angeles", "US", utc(2024, 3, 5, 17)),  # UTC−8
        ("Europe/London", "GB", utc(2024, 3, 5, 9)),
        ("Asia/Kathmandu", "NP", utc(2024, 3, 5, 3, 15)),  # UTC+5:45
    ],
)
def test_scenario_8_hour_nine_is_nine_at_the_customers_east_and_west(zone, country, expected):
    customer = a_customer(time_zone=zone, country=country)
    assert opening_of(day=date(2024, 3, 5), customer=customer, policy=a_policy()) == expected


@pytest.mark.parametrize(
    ("day", "opens", "closes", "expected_open", "expected_close"),
    [
        # 31 March 2024 in Berlin: 2:00 becomes 3:00.
        (date(2024, 3, 31), "09:00", "17:00", utc(2024, 3, 31, 7), utc(2024, 3, 31, 15)),
        (date(2024, 3, 31), "02:30", "17:00", utc(2024, 3, 31, 1), utc(2024, 3, 31, 15)),  # an hour that is not
        (date(2024, 3, 31), "01:00", "02:30", utc(2024, 3, 31, 0), utc(2024, 3, 31, 1)),
        # 27 October 2024: 3:00 becomes 2:00, so that 2:30 comes twice.
        (date(2024, 10, 27), "02:30", "17:00", utc(2024, 10, 27, 0, 30), utc(2024, 10, 27, 16)),
        (date(2024, 10, 27), "00:00", "00:00", utc(2024, 10, 26, 22), utc(2024, 10, 27, 23)),  # 25 hours
    ],
)
def test_scenario_8_on_the_days_of_the_clock_change_it_opens_once_and_never_before_the_hour(
    day, opens, closes, expected_open, expected_close
):
    hours = some_hours(opens, closes, weekdays=("sun",), public_holidays="open")
    policy = a_policy(contact=some_contact_rules(hours=hours))
    customer = a_customer()
    assert opening_of(day=day, customer=customer, policy=policy) == expected_open
    assert is_open(at=expected_open, customer=customer, policy=policy)
    assert not is_open(at=expected_open - timedelta(seconds=1), customer=customer, policy=policy)
    assert is_open(at=expected_close - timedelta(seconds=1), customer=customer, policy=policy)
    assert not is_open(at=expected_close, customer=customer, policy=policy)


def test_a_window_that_the_clock_change_swallows_is_closed_that_day():
    # 2:00 to 3:00 does not exist on 31 March 2024 in Berlin; the next day has it.
    policy = a_policy_open("02:00", "03:00", weekdays=("sun", "mon"), public_holidays="open")
    assert opening_of(day=date(2024, 3, 31), customer=a_customer(), policy=policy) == utc(2024, 4, 1, 0)


def test_until_midnight_means_the_end_of_the_day():
    policy = a_policy(contact=some_contact_rules(hours=always_open()))
    for at in (utc(2024, 3, 9, 22, 59), utc(2024, 3, 9, 23), utc(2024, 12, 25, 3)):
        assert next_open(at=at, customer=a_customer(), policy=policy) == at


def test_public_holidays_are_those_of_the_customers_country():
    fourth_of_july = date(2024, 7, 4)
    assert not is_working_day(day=fourth_of_july, customer=a_customer(country="US"), policy=a_policy())
    assert is_working_day(day=fourth_of_july, customer=a_customer(country="DE"), policy=a_policy())


def test_a_country_without_a_known_calendar_has_no_public_holidays():
    assert is_working_day(day=date(2024, 12, 25), customer=a_customer(country="XX"), policy=a_policy())


def test_public_holidays_may_be_working_days_where_the_policy_says_so():
    assert is_working_day(day=date(2024, 12, 25), customer=a_customer(), policy=a_policy_open(public_holidays="open"))


@pytest.mark.parametrize(
    ("to", "days", "count", "expected"),
    [
        (date(2024, 2, 28), 2, Count.CALENDAR, date(2024, 3, 1)),  # a leap year
        (date(2024, 3, 14), -14, Count.CALENDAR, date(2024, 2, 29)),
        (date(2024, 3, 8), 0, Count.WORKING, date(2024, 3, 8)),
        (date(2024, 3, 8), 1, Count.WORKING, date(2024, 3, 11)),  # Friday to Monday
        (date(2024, 3, 9), 1, Count.WORKING, date(2024, 3, 11)),  # Saturday to Monday
        (date(2024, 3, 28), 1, Count.WORKING, date(2024, 4, 2)),  # over Easter
        (date(2024, 4, 2), -1, Count.WORKING, date(2024, 3, 28)),
        (date(9999, 12, 31), 30, Count.CALENDAR, date(9000, 1, 1)),
    ],
)
def test_days_are_added_by_the_calendar_or_by_working_days(to, days, count, expected):
    assert add_days(to=to, days=days, count=count, customer=a_customer(), policy=a_policy()) == expected


def test_the_year_9999_is_far_away_and_no_crash():
    opened = opening_of(day=date(9999, 12, 31), customer=a_customer(), policy=a_policy())
    assert opened.year == 9000


def test_a_customer_without_a_zone_lives_in_that_of_their_country_or_of_the_default():
    policy = a_policy(time_zones={"FR": "Europe/Paris", "default": "America/New_York"})
    assert zone_of(customer=a_customer(time_zone=None, country="FR"), policy=policy) == ZoneInfo("Europe/Paris")
    assert zone_of(customer=a_customer(time_zone=None, country="JP"), policy=policy) == ZoneInfo("America/New_York")
    assert zone_of(customer=a_customer(time_zone=None), policy=a_policy(time_zones={})) == ZoneInfo("UTC")


def test_a_zone_that_does_not_exist_is_refused_with_the_remedy():
    with pytest.raises(UnknownTimeZone, match="Europe/Berlin"):
        zone_of(customer=a_customer(time_zone="Mars/Olympus"), policy=a_policy())


@given(
    minutes=st.integers(0, 4 * 365 * 24 * 60),
    zone=st.sampled_from(
        [
            "Europe/Berlin",
            "Pacific/Noumea",
            "America/Los_Angeles",
            "Australia/Lord_Howe",
            "America/Santiago",
            "Asia/Kathmandu",
            "America/Nuuk",
            "Africa/Casablanca",
        ]
    ),
    country=st.sampled_from(["DE", "US", "CL", "XX"]),
    hours=st.sampled_from(
        [("09:00", "17:00"), ("00:00", "00:00"), ("02:15", "02:45"), ("23:30", "00:00"), ("00:00", "00:30")]
    ),
    weekdays=st.sets(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1),
)
@settings(max_examples=300, deadline=None)
def test_the_next_opening_is_open_not_earlier_and_its_own_next_opening(minutes, zone, country, hours, weekdays):
    at = utc(2024, 1, 1) + timedelta(minutes=minutes)
    customer = a_customer(time_zone=zone, country=country)
    policy = a_policy_open(*hours, weekdays=tuple(weekdays))
    opened = next_open(at=at, customer=customer, policy=policy)
    assert opened >= at
    assert opened.tzinfo is UTC
    assert is_open(at=opened, customer=customer, policy=policy)
    assert next_open(at=opened, customer=customer, policy=policy) == opened
    assert (opened == at) == is_open(at=at, customer=customer, policy=policy)
    if opened > at:
        assert not is_open(at=opened - timedelta(seconds=1), customer=customer, policy=policy)
    local = opened.astimezone(ZoneInfo(zone))
    assert local.time() >= time.fromisoformat(hours[0])
    assert is_working_day(day=local.date(), customer=customer, policy=policy)


@given(
    day=st.dates(date(2024, 1, 1), date(2027, 12, 31)),
    days=st.integers(-30, 30),
    country=st.sampled_from(["DE", "US", "XX"]),
)
@settings(max_examples=100, deadline=None)
def test_so_many_working_days_later_has_exactly_so_many_working_days_in_between(day, days, country):
    customer, policy = a_customer(country=country), a_policy()
    there = add_days(to=day, days=days, count=Count.WORKING, customer=customer, policy=policy)
    first, last = (day + timedelta(days=1), there) if days >= 0 else (there, day - timedelta(days=1))
    passed = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    assert sum(is_working_day(day=each, customer=customer, policy=policy) for each in passed) == abs(days)


def test_a_day_starts_where_its_first_hour_does_even_where_midnight_does_not_exist():
    # 8 September 2024 in Santiago begins at 1:00.
    customer = a_customer(time_zone="America/Santiago", country="CL")
    begins = start_of(day=date(2024, 9, 8), customer=customer, policy=a_policy())
    assert begins == utc(2024, 9, 8, 4)
    assert local_date(customer=customer, policy=a_policy(), as_of=begins) == date(2024, 9, 8)
    assert local_date(customer=customer, policy=a_policy(), as_of=begins - timedelta(seconds=1)) == date(2024, 9, 7)
