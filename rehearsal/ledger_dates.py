"""Words of a run speak of its own dates; a report speaks of the ledger's."""

import re
from datetime import date

from rehearsal.feeding import Shift

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAY = re.compile(rf"\b(\d{{1,2}}) ({'|'.join(_MONTHS)}) (\d{{4}})\b|\b(\d{{4}})-(\d\d)-(\d\d)\b")


def in_ledger_dates(words: str, *, shift: Shift) -> str:
    """The same words with each day moved back: "Thu 31 December 2026" and "2026-12-31". Weekdays stay what they are."""

    def moved(found: re.Match[str]) -> str:
        day, month, year, iso_year, iso_month, iso_day = found.groups()
        try:
            if iso_year is not None:
                return shift.back(date(int(iso_year), int(iso_month), int(iso_day))).isoformat()
            on = shift.back(date(int(year), _MONTHS.index(month) + 1, int(day)))
        except (ValueError, OverflowError):  # only looks like a day
            return found.group()
        return f"{on.day} {_MONTHS[on.month - 1]} {on.year}"

    return _DAY.sub(moved, words)
