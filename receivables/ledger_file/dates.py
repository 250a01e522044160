"""Dates as ledgers write them. Whether 3/4/2012 is in March or in April is decided over the whole column."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from receivables.ledger_file.faults import BadCell

EARLIEST_YEAR = 1990
LATEST_YEAR = 2099

_NOTHING = frozenset({"", "-", "null", "none", "nan", "nat", "n/a", "#n/a", "00.00.0000", "0000-00-00", "00/00/0000"})
_TIME = r"(?:[T ]\s*\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[ap]m)?(?: ?(?:Z|UTC|[+-]\d{2}:?\d{2}))?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}}){_TIME}", re.ASCII | re.IGNORECASE)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\.0+)?", re.ASCII)
_NUMBERS = re.compile(rf"(\d{{1,2}})([-/. ])(\d{{1,2}})\2(\d{{4}}|\d{{2}}){_TIME}", re.ASCII | re.IGNORECASE)
_DAY_NAME = re.compile(
    rf"(\d{{1,2}})\.?[-/ ]?([a-z]{{3,10}})\.?[-/, ]*(\d{{4}}|\d{{2}}){_TIME}", re.ASCII | re.IGNORECASE
)
_NAME_DAY = re.compile(rf"([a-z]{{3,10}})\.?[- ]?(\d{{1,2}})(?:, ?|[- ])(\d{{4}}){_TIME}", re.ASCII | re.IGNORECASE)
_TODAY = re.compile(r"today(?: ?([+-]) ?(\d{1,4}))?", re.ASCII | re.IGNORECASE)

_MONTHS = (
    "january januar janvier januari enero",
    "february februar fevrier februari febrero",
    "march marz maerz mars maart mrt marzo",
    "april avril abril",
    "may mai mei mayo",
    "june juni juin junio",
    "july juli juillet julio",
    "august aout augustus agosto",
    "september septembre septiembre setiembre",
    "october oktober octobre octubre",
    "november novembre noviembre",
    "december dezember decembre diciembre",
)


def _month_names() -> dict[str, int]:
    """Every name and every beginning of one, from three letters on, that means one month only."""
    months: dict[str, set[int]] = {}
    for number, names in enumerate(_MONTHS, start=1):
        for name in names.split():
            for length in range(3, len(name) + 1):
                months.setdefault(name[:length], set()).add(number)
    return {name: min(numbers) for name, numbers in months.items() if len(numbers) == 1}


_MONTH_BY_NAME = _month_names()


class DateOrder(StrEnum):
    """The order of day, month and year where all three are numbers."""

    DMY = "d/m/y"
    MDY = "m/d/y"
    YMD = "y-m-d"


def date_order(text: str) -> DateOrder | None:
    """The order that a format asks for: `dmy`, `d/m/y`, `dd.mm.yyyy`, `%m/%d/%Y` … None where it says none."""
    letters = "".join(dict.fromkeys(sign for sign in text.lower().replace("b", "m") if sign in "dmy"))
    return {"dmy": DateOrder.DMY, "mdy": DateOrder.MDY, "ymd": DateOrder.YMD}.get(letters)


@dataclass(slots=True)
class OrderSeen:
    """What a column's cells say about the order of day and month."""

    day_first: int = 0
    month_first: int = 0
    undecided: int = 0
    dotted: int = 0
    """Of the undecided, how many are written with dots: nobody writes 4.3.2012 for the third of April."""
    example: str = ""

    @property
    def order(self) -> DateOrder | None:
        """None where the cells do not say, or contradict each other more often than by a slip."""
        if self.day_first or self.month_first:
            if self.day_first >= 20 * self.month_first:
                return DateOrder.DMY
            return DateOrder.MDY if self.month_first >= 20 * self.day_first else None
        return DateOrder.DMY if self.undecided and self.dotted == self.undecided else None

    @property
    def is_open(self) -> bool:
        """Whether somebody must say: there are cells that two orders read differently, and nothing decides."""
        return self.order is None and bool(self.undecided or self.day_first or self.month_first)

    @property
    def is_contradictory(self) -> bool:
        return bool(self.day_first and self.month_first) and self.order is None


def order_seen(cells: Iterable[str]) -> OrderSeen:
    """Count what speaks for day first and for month first."""
    seen = OrderSeen()
    for cell in cells:
        match = _NUMBERS.fullmatch(cell.strip())
        if match is None:
            continue
        first, second = int(match[1]), int(match[3])
        if first > 12 >= second:
            seen.day_first += 1
        elif second > 12 >= first:
            seen.month_first += 1
        elif first != second and first <= 12:
            seen.undecided += 1
            seen.dotted += match[2] == "."
            seen.example = seen.example or cell.strip()
    return seen


def looks_like_a_date(text: str) -> bool:
    """Whether a cell has the shape of a date, in any order."""
    folded = _without_accents(text)
    return any(shape.fullmatch(folded) for shape in (_YEAR_FIRST, _COMPACT, _NUMBERS, _DAY_NAME, _NAME_DAY, _TODAY))


def _without_accents(text: str) -> str:
    if text.isascii():
        return text.strip()
    return "".join(sign for sign in unicodedata.normalize("NFD", text.strip()) if not unicodedata.combining(sign))


class DateReader:
    """Reads one column's cells; the same text is read once."""

    def __init__(self, *, order: DateOrder | None, as_of: date | None) -> None:
        self._order = order
        self._as_of = as_of
        self._known: dict[str, date | BadCell] = {}

    def read(self, text: str) -> date:
        """The date, or `BadCell` with what was expected."""
        known = self._known.get(text)
        if known is None:
            try:
                known = self._read(text)
            except BadCell as fault:
                known = fault
            self._known[text] = known
        if isinstance(known, BadCell):
            raise BadCell(known.expected)
        return known

    def read_optional(self, text: str) -> date | None:
        """None for an empty cell and for the words that stand for one (null, n/a, 00.00.0000)."""
        return None if text.strip().lower() in _NOTHING else self.read(text)

    def _read(self, text: str) -> date:
        plain = _without_accents(text)
        if match := _TODAY.fullmatch(plain):
            return self._counted(match)
        try:
            day = self._found(plain)
        except ValueError:
            raise BadCell("this day is not in the calendar" + self._as_read()) from None
        if day is None:
            raise BadCell("a date is expected, such as 2024-03-31" + self._as_read())
        if not EARLIEST_YEAR <= day.year <= LATEST_YEAR:
            raise BadCell(f"a year between {EARLIEST_YEAR} and {LATEST_YEAR} is expected")
        return day

    def _as_read(self) -> str:
        return f" (this column is read as {self._order})" if self._order else ""

    def _counted(self, match: re.Match[str]) -> date:
        if self._as_of is None:
            raise BadCell("a date is expected; today±days can be read only where the day of reading is given")
        days = int(match[2] or 0) * (-1 if match[1] == "-" else 1)
        return self._as_of + timedelta(days=days)

    def _found(self, text: str) -> date | None:
        if match := _YEAR_FIRST.fullmatch(text):
            return date(int(match[1]), int(match[3]), int(match[4]))
        if match := _COMPACT.fullmatch(text):
            return date(int(match[1]), int(match[2]), int(match[3]))
        if match := _NUMBERS.fullmatch(text):
            return self._ordered(match[1], match[3], match[4])
        if match := _DAY_NAME.fullmatch(text):
            month = _MONTH_BY_NAME.get(match[2].lower())
            return None if month is None else date(_year(match[3]), month, int(match[1]))
        if match := _NAME_DAY.fullmatch(text):
            month = _MONTH_BY_NAME.get(match[1].lower())
            return None if month is None else date(_year(match[3]), month, int(match[2]))
        return None

    def _ordered(self, first: str, second: str, third: str) -> date | None:
        match self._order:
            case DateOrder.MDY:
                return date(_year(third), int(first), int(second))
            case DateOrder.YMD:
                return date(_year(first), int(second), int(third)) if len(third) == 2 else None
            case DateOrder.DMY | None:
                # Without an order the column holds no cell that two orders would read differently.
                return date(_year(third), int(second), int(first))


def _year(digits: str) -> int:
    """Two digits as `strptime` has them (POSIX): 00 to 68 are 20xx, 69 to 99 are 19xx."""
    year = int(digits)
    if len(digits) > 2:
        return year
    return year + (2000 if year < 69 else 1900)
