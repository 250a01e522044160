"""Days, moments and amounts of days as a finance colleague reads them."""

from datetime import date, datetime
from zoneinfo import ZoneInfo


def say_day(day: date) -> str:
    """Tue 5 March 2024."""
    return f"{day:%a} {day.day} {day:%B} {day.year}"


def say_moment(at: datetime, zone: ZoneInfo) -> str:
    """Tue 5 March 2024, 09:00 (Europe/Berlin)."""
    local = at.astimezone(zone)
    return f"{say_day(local)}, {local:%H:%M} ({zone.key})"


def say_days(count: int, *, working: bool = False) -> str:
    """1 day, 2 days, 2 working days."""
    return f"{count} {'working ' if working else ''}day{'' if count == 1 else 's'}"
