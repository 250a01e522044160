"""Which zone a customer lives in, and which day it is there."""

from datetime import date, datetime
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from receivables.collection_policy import CollectionPolicy
from receivables.customer import Customer


class UnknownTimeZone(ValueError):
    """Neither IANA nor we know this time zone: whoever is in it cannot be written to at the right hour."""


@cache
def zone_named(name: str) -> ZoneInfo:
    """Refuses a name that is not an IANA zone (`UnknownTimeZone`)."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as fault:
        raise UnknownTimeZone(f"{name!r} is not a time zone; use an IANA name such as Europe/Berlin") from fault


def zone_of(*, customer: Customer, policy: CollectionPolicy) -> ZoneInfo:
    """The customer's own zone, else the policy's for their country, else the policy's `default`, else UTC."""
    name = customer.time_zone or policy.time_zones.get(customer.country) or policy.time_zones.get("default", "UTC")
    return zone_named(name)


def local_date(*, customer: Customer, policy: CollectionPolicy, as_of: datetime) -> date:
    """The day that it is at the customer's."""
    return as_of.astimezone(zone_of(customer=customer, policy=policy)).date()
