"""Amounts as ledgers write them. Whether 1.234 is one or a thousand is decided over all amounts of the file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from receivables.ledger_file.faults import BadCell
from receivables.money import MOST_MINOR_UNITS, Money, UnknownCurrency, decimals_of

DecimalMark = Literal[".", ","]

_NOTHING = frozenset({"", "-", "null", "none", "nan", "n/a", "#n/a"})
_SYMBOLS = {"€": "EUR", "£": "GBP", "₹": "INR", "₩": "KRW"}
_LOOSE_SYMBOLS = "$¥"
"""Of more than one currency: they are taken off, and the currency comes from elsewhere."""
_PARTS = re.compile(
    r"(?P<open>\()?(?P<sign>[+\-−])?\s*(?P<before>[^\W\d_]{1,3}|[€£₹₩$¥])?\s*(?P<sign2>[+\-−])?\s*"
    r"(?P<number>\d[\d.,'’ \u00a0\u202f\u2009]*\d|\d|[.,]\d+)\s*"
    r"(?P<after>[^\W\d_]{1,3}|[€£₹₩$¥])?\s*(?P<sign3>[+\-−])?(?P<close>\))?",
    re.ASCII,
)
_SPACED = re.compile(r"\d{1,3}(?:[ \u00a0\u202f\u2009'’]\d{3})+(?=[.,]|$)", re.ASCII)
_GROUPED = {
    ".": re.compile(r"\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d*)?|\d*(?:\.\d*)?", re.ASCII),
    ",": re.compile(r"\d{1,3}(?:\.\d{2,3})*\.\d{3}(?:,\d*)?|\d*(?:,\d*)?", re.ASCII),
}
_MOST_SIGNS = 40
NO_AMOUNT = "an amount above zero is expected, such as 1234.50"


@dataclass(slots=True)
class MarkSeen:
    """What a file's amounts say about the decimal mark."""

    point: int = 0
    comma: int = 0
    undecided: int = 0
    example: str = ""

    @property
    def mark(self) -> DecimalMark | None:
        """None where the cells do not say, or contradict each other more often than by a slip."""
        if self.point or self.comma:
            if self.point >= 20 * self.comma:
                return "."
            return "," if self.comma >= 20 * self.point else None
        return None if self.undecided else "."

    @property
    def is_contradictory(self) -> bool:
        return bool(self.point and self.comma) and self.mark is None


def mark_seen(cells: Iterable[tuple[str, str | None]]) -> MarkSeen:
    """Count what speaks for point and comma; each cell comes with its currency, where its row names one."""
    seen = MarkSeen()
    for cell, currency in cells:
        match = _parts_of(cell)
        if match is None:
            continue
        mark = _mark_of(match["number"])
        if mark == ".":
            seen.point += 1
        elif mark == ",":
            seen.comma += 1
        elif mark is None and not _has_no_decimals(currency):
            seen.undecided += 1
            seen.example = seen.example or cell.strip()
    return seen


def looks_like_an_amount(text: str) -> bool:
    """Whether a cell has the shape of an amount, with either decimal mark."""
    return _parts_of(text) is not None


def _parts_of(text: str) -> re.Match[str] | None:
    text = text.strip()
    return None if len(text) > _MOST_SIGNS else _PARTS.fullmatch(text)


def _mark_of(number: str) -> DecimalMark | Literal["neither"] | None:
    """The decimal mark that one number shows by itself; None where it could be either."""
    points, commas = number.count("."), number.count(",")
    if not points and not commas:
        return "neither"
    if points and commas:
        return "." if number.rindex(".") > number.rindex(",") else ","
    mark, other = (".", ",") if points else (",", ".")
    if points + commas > 1:
        return other
    whole, _, rest = number.partition(mark)
    if len(rest) != 3 or not 1 <= len(whole) <= 3 or whole[0] == "0":
        return mark
    return None


def _has_no_decimals(currency: str | None) -> bool:
    try:
        return currency is not None and decimals_of(currency) == 0
    except UnknownCurrency:
        return False


@dataclass(frozen=True, slots=True)
class AmountRead:
    money: Money
    was_rounded: bool = False


class AmountReader:
    """Reads amounts written with one decimal mark."""

    def __init__(self, *, mark: DecimalMark, rounds: bool) -> None:
        self._mark: DecimalMark = mark
        self._rounds = rounds

    def read(self, text: str, *, currency: str) -> AmountRead:
        """The exact amount, zero included, or `BadCell` with what was expected. Negative ones are refused."""
        match = _parts_of(text)
        if match is None:
            raise BadCell(NO_AMOUNT)
        for found in (match["before"], match["after"]):
            named = _currency_of(found)
            if named is not None and named != currency:
                raise BadCell(f"the amount says {found}, the row's currency is {currency}")
        if "(" in text or any(match[sign] in ("-", "−") for sign in ("sign", "sign2", "sign3")):
            raise BadCell("an amount above zero is expected; credit notes are reported on their own, not as invoices")
        value = self._value(match["number"], currency)
        if value > Decimal(MOST_MINOR_UNITS).scaleb(-decimals_of(currency)):
            raise BadCell("more than any amount that Baton takes; is this a date or an account number?")
        return self._exact(value, currency)

    def read_optional(self, text: str, *, currency: str) -> AmountRead | None:
        """None for an empty cell and for the words that stand for one (null, n/a, -)."""
        return None if text.strip().lower() in _NOTHING else self.read(text, currency=currency)

    def _value(self, number: str, currency: str) -> Decimal:
        spaced = _SPACED.match(number)
        if spaced is not None:
            number = re.sub(r"[^\d]", "", spaced[0], flags=re.ASCII) + number[spaced.end() :]
        mark: DecimalMark = self._mark
        if _has_no_decimals(currency) and _mark_of(number) is None:
            mark = "," if "." in number else "."  # 1.234 and 1,234 yen can only be a thousand and some
        if not _GROUPED[mark].fullmatch(number):
            raise BadCell(f"an amount such as {_example(mark)} is expected, as in the rest of the file")
        other = "," if mark == "." else "."
        return Decimal(number.replace(other, "").replace(mark, "."))

    def _exact(self, value: Decimal, currency: str) -> AmountRead:
        decimals = decimals_of(currency)
        rounded = value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
        if rounded != value and not self._rounds:
            raise BadCell(
                f"at most {decimals} decimals are expected in {currency}; to round what a spreadsheet left, say so"
                " (--round)"
            )
        return AmountRead(Money(minor=int(rounded.scaleb(decimals)), currency=currency), rounded != value)


def _example(mark: DecimalMark) -> str:
    return "1,234.50" if mark == "." else "1.234,50"


def currency_named_by(text: str) -> str | None:
    """The currency that an amount names itself ("€ 12,50", "EUR 12.50"), None where it names none for sure."""
    match = _parts_of(text)
    named = None if match is None else _currency_of(match["before"]) or _currency_of(match["after"])
    try:
        return named if named is not None and decimals_of(named) >= 0 else None
    except UnknownCurrency:
        return None


def _currency_of(sign: str | None) -> str | None:
    if sign is None or sign in _LOOSE_SYMBOLS:
        return None
    return _SYMBOLS.get(sign, sign.upper())
