"""Exact money: integer minor units and an ISO 4217 currency. There are no floats here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Annotated

import iso4217
from pydantic import AfterValidator, field_validator

from receivables.frozen import Frozen

MOST_MINOR_UNITS = 10**15
"""More than any invoice: an amount beyond it is a mistake (a date or an account number in the amount's column)."""

_PLAIN_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,6})?", re.ASCII)


class UnknownCurrency(ValueError):
    """The code is not a currency of ISO 4217 in which amounts are stated."""


class BadAmount(ValueError):
    """The text is not an exact amount in this currency."""


class CurrencyMismatch(ValueError):
    """Two currencies met in one sum. Baton never converts and never adds them up."""


@cache
def decimals_of(currency: str) -> int:
    """Decimals of a currency per ISO 4217: EUR 2, JPY 0, KWD 3. Refuses an unknown code (`UnknownCurrency`)."""
    try:
        exponent = iso4217.Currency(currency).exponent
    except ValueError:
        exponent = None
    if exponent is None:
        raise UnknownCurrency(f"{currency!r} is not an ISO 4217 currency; use a code such as EUR, USD or JPY")
    return exponent


def _known_currency(code: str) -> str:
    decimals_of(code)
    return code


Currency = Annotated[str, AfterValidator(_known_currency)]
"""A three-letter ISO 4217 code in capitals."""


class Money(Frozen):
    """An amount in the minor units of its currency: `Money(minor=120000, currency="EUR")` is EUR 1,200.00."""

    minor: int
    currency: Currency

    @field_validator("minor")
    @classmethod
    def _within_reason(cls, minor: int) -> int:
        if abs(minor) > MOST_MINOR_UNITS:
            raise BadAmount(f"{minor} minor units is more than any amount that Baton takes ({MOST_MINOR_UNITS})")
        return minor

    @classmethod
    def of(cls, amount: str | int | Decimal, currency: str) -> Money:
        """Read a plain decimal ("1200.00") exactly. Refuses more decimals than the currency has, NaN, exponents."""
        decimals = decimals_of(currency)
        if isinstance(amount, str) and not _PLAIN_NUMBER.fullmatch(amount.strip()):
            raise BadAmount(f"{amount!r} is not an amount; write it like 1200.00")
        try:
            value = Decimal(amount.strip() if isinstance(amount, str) else amount)
            scaled = value.scaleb(decimals)
            minor = int(scaled)
        except (InvalidOperation, ValueError, OverflowError) as fault:
            raise BadAmount(f"{amount!r} is not an amount; write it like 1200.00") from fault
        if scaled != minor:
            raise BadAmount(f"{amount} has more decimals than {currency} has ({decimals})")
        return cls(minor=minor, currency=currency)

    @classmethod
    def zero(cls, currency: str) -> Money:
        return cls(minor=0, currency=currency)

    @property
    def amount(self) -> Decimal:
        return Decimal(self.minor).scaleb(-decimals_of(self.currency))

    def __str__(self) -> str:
        return f"{self.currency} {self.amount:,.{decimals_of(self.currency)}f}"

    def __add__(self, other: Money) -> Money:
        return Money(minor=self.minor + self._same(other), currency=self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(minor=self.minor - self._same(other), currency=self.currency)

    def __neg__(self) -> Money:
        return Money(minor=-self.minor, currency=self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other)

    def __bool__(self) -> bool:
        return self.minor != 0

    def split(self, parts: int) -> tuple[Money, ...]:
        """Equal parts that sum to the whole; the last takes the remainder (100.00 in 3 is 33.33, 33.33, 33.34)."""
        if parts < 1:
            raise ValueError(f"cannot split {self} into {parts} parts")
        sign = -1 if self.minor < 0 else 1
        each = abs(self.minor) // parts * sign
        last = self.minor - each * (parts - 1)
        return (
            *(Money(minor=each, currency=self.currency) for _ in range(parts - 1)),
            Money(minor=last, currency=self.currency),
        )

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self} and {other} are of two currencies; Baton keeps them apart")
        return other.minor


def total_by_currency(amounts: Iterable[Money]) -> dict[str, Money]:
    """One total a currency, in the order of the codes; nothing is ever converted."""
    totals: dict[str, Money] = {}
    for amount in amounts:
        totals[amount.currency] = totals.get(amount.currency, Money.zero(amount.currency)) + amount
    return dict(sorted(totals.items()))


def limit_for(limits: Mapping[str, str], currency: str) -> Money | None:
    """The limit that a policy sets for this currency, if it sets one (`{"EUR": "150.00"}`)."""
    return Money.of(limits[currency], currency) if currency in limits else None
