"""When a customer may be written to: hours of their own zone, on their working days, never on their public holidays.

Each local day has at most one window, an interval of instants. Where the clock changes, an hour that does not exist
begins at the change, and an hour that comes twice begins when it comes first. All results are UTC.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

import holidays

from policy.time_zones import local_date, zone_of
from receivables.collection_policy import CollectionPolicy, Count, Hours
from receivables.customer import Customer

LAST_DAY = date(9000, 1, 1)
"""Days beyond it are all the same to us: far enough never to come, near enough for the calendar's arithmetic."""

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOST_CLOSED_DAYS = 400


class NeverOpen(ValueError):
    """These hours have no open day within a year."""


def is_open(*, at: datetime, customer: Customer, policy: CollectionPolicy) -> bool:
    """Whether `at` lies within the contact hours of one of the customer's working days."""
    day = local_date(customer=customer, policy=policy, as_of=at)
    window = _open_window(day, customer, policy)
    return window is not None and window[0] <= at < window[1]


def next_open(*, at: datetime, customer: Customer, policy: CollectionPolicy) -> datetime:
    """`at` itself where it is open, else the next opening."""
    day = local_date(customer=customer, policy=policy, as_of=at)
    window = _open_window(day, customer, policy)
    if window is not None and at < window[1]:
        return max(at.astimezone(UTC), window[0])
    return opening_of(day=day + timedelta(days=1), customer=customer, policy=policy)


def opening_of(*, day: date, customer: Customer, policy: CollectionPolicy) -> datetime:
    """The first open instant on or after that local day."""
    day = min(day, LAST_DAY)
    for later in range(_MOST_CLOSED_DAYS):
        window = _open_window(day + timedelta(days=later), customer, policy)
        if window is not None:
            return window[0]
    raise NeverOpen(f"no contact hours for {customer.customer_id} within {_MOST_CLOSED_DAYS} days of {day}")


def start_of(*, day: date, customer: Customer, policy: CollectionPolicy) -> datetime:
    """The first instant of that local day, open or not."""
    return _first_instant(min(day, LAST_DAY), time(0), zone_of(customer=customer, policy=policy))


def is_working_day(*, day: date, customer: Customer, policy: CollectionPolicy) -> bool:
    """A weekday of the contact hours that is no public holiday in the customer's country (where those are closed)."""
    hours = policy.contact.hours
    if _WEEKDAYS[day.weekday()] not in hours.weekdays:
        return False
    return hours.public_holidays == "open" or day not in public_holidays(customer.country, day.year)


def add_days(*, to: date, days: int, count: Count, customer: Customer, policy: CollectionPolicy) -> date:
    """The day that lies so many calendar or working days later (earlier, where negative). 0 is the day itself."""
    if count is Count.CALENDAR:
        return days_later(to, days)
    step = timedelta(days=1 if days > 0 else -1)
    day = to
    for _ in range(abs(days)):
        day += step
        while day < LAST_DAY and not is_working_day(day=day, customer=customer, policy=policy):
            day += step
        if day >= LAST_DAY:
            return LAST_DAY
    return day


def days_later(day: date, days: int) -> date:
    """So many calendar days later, or the last day that we tell apart."""
    left = (LAST_DAY - day).days
    return day + timedelta(days=min(days, left)) if left > 0 else LAST_DAY


@cache
def public_holidays(country: str, year: int) -> frozenset[date]:
    """The public holidays of a country (ISO 3166-1 alpha-2); none where the library does not know the country."""
    try:
        return frozenset(holidays.country_holidays(country, years=year))
    except NotImplementedError:
        return frozenset()


def _open_window(day: date, customer: Customer, policy: CollectionPolicy) -> tuple[datetime, datetime] | None:
    if not is_working_day(day=day, customer=customer, policy=policy):
        return None
    hours: Hours = policy.contact.hours
    return _window(day, hours.from_, hours.until, zone_of(customer=customer, policy=policy))


@lru_cache(maxsize=20_000)
def _window(day: date, opens: time, closes: time, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    """The window of a local day; None where the clock change leaves nothing of it."""
    opens_at = _first_instant(day, opens, zone)
    closes_on = day if closes != time(0) else day + timedelta(days=1)
    closes_at = _first_instant(closes_on, closes, zone)
    return (opens_at, closes_at) if opens_at < closes_at else None


@lru_cache(maxsize=20_000)
def _first_instant(day: date, hour: time, zone: ZoneInfo) -> datetime:
    """The first instant at which that zone's clock shows this hour or a later one."""
    local = datetime.combine(day, hour, tzinfo=zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    # The clock was put forward past this hour: find the change, which lies between the two readings of it.
    before = local.replace(fold=1).astimezone(UTC)
    wall = local.replace(tzinfo=None)
    while instant - before > timedelta(seconds=1):
        middle = (before + (instant - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).replace(tzinfo=None) >= wall:
            instant = middle
        else:
            before = middle
    return instant
