"""Exact money: minor units and a currency, read without a rounding, split without a remainder, never mixed."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from receivables.money import (
    MOST_MINOR_UNITS,
    BadAmount,
    CurrencyMismatch,
    Money,
    UnknownCurrency,
    decimals_of,
    limit_for,
    total_by_currency,
)

CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD", "USD", "CLF"])
MINOR = st.integers(-MOST_MINOR_UNITS, MOST_MINOR_UNITS)
SMALL = st.integers(-(10**12), 10**12)


@pytest.mark.parametrize(("currency", "decimals"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4)])
def test_promise_13_each_currency_has_the_decimals_of_iso_4217(currency: str, decimals: int) -> None:
    assert decimals_of(currency) == decimals


@pytest.mark.parametrize("code", ["EURO", "eur", "", "XXX", "ZZZ", "€", "BTC"])
def test_promise_13_what_is_no_currency_is_refused(code: str) -> None:
    with pytest.raises((UnknownCurrency, ValidationError)):
        Money.of("1", code)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("1.005", "EUR"), ("1.5", "JPY"), ("1.2345", "KWD"),
        ("NaN", "EUR"), ("Infinity", "EUR"), ("1e3", "EUR"), ("1,000.00", "EUR"), ("١٢", "EUR"), ("", "EUR"),
        ("-", "EUR"),
        ("1 000", "EUR"), ("0x10", "EUR"), ("9" * 19, "EUR"),
    ],
)  # fmt: skip
def test_promise_13_what_is_not_exact_is_refused(text: str, currency: str) -> None:
    with pytest.raises((BadAmount, ValidationError)):
        Money.of(text, currency)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), Decimal("1E+30")])
def test_promise_13_a_decimal_that_is_no_amount_is_refused(value: Decimal) -> None:
    with pytest.raises((BadAmount, ValidationError)):
        Money.of(value, "EUR")


@given(minor=MINOR, currency=CURRENCIES)
def test_promise_13_an_amount_is_read_back_as_it_was_written(minor: int, currency: str) -> None:
    money = Money(minor=minor, currency=currency)
    assert Money.of(str(money.amount), currency) == money
    assert Money.of(money.amount, currency) == money
    assert Money.model_validate_json(money.model_dump_json()) == money
    assert str(money).replace(",", "") == f"{currency} {money.amount}"


@given(minor=SMALL, parts=st.integers(1, 60), currency=CURRENCIES)
def test_promise_13_parts_sum_to_the_whole_and_the_last_takes_the_remainder(
    minor: int, parts: int, currency: str
) -> None:
    whole = Money(minor=minor, currency=currency)
    each = whole.split(parts)
    assert len(each) == parts
    assert sum(part.minor for part in each) == minor
    assert len({part.minor for part in each[:-1]}) <= 1
    assert abs(each[-1].minor) - abs(each[0].minor) in range(parts)


@pytest.mark.parametrize(
    ("whole", "currency", "parts"),
    [
        ("100.00", "EUR", ["33.33", "33.33", "33.34"]),
        ("100", "JPY", ["33", "33", "34"]),
        ("100.000", "KWD", ["33.333", "33.333", "33.334"]),
        ("0.02", "EUR", ["0.00", "0.00", "0.02"]),
        ("-100.00", "EUR", ["-33.33", "-33.33", "-33.34"]),
    ],
)
def test_scenario_30_three_instalments_are_exact(whole: str, currency: str, parts: list[str]) -> None:
    assert Money.of(whole, currency).split(3) == tuple(Money.of(part, currency) for part in parts)


@given(first=SMALL, second=SMALL)
def test_promise_13_sums_are_exact_and_two_currencies_never_meet(first: int, second: int) -> None:
    one, other = Money(minor=first, currency="EUR"), Money(minor=second, currency="EUR")
    assert (one + other) - other == one
    assert (one < other) == (first < second)
    foreign = Money(minor=second, currency="USD")
    for meet in (lambda: one + foreign, lambda: one - foreign, lambda: one < foreign, lambda: one >= foreign):
        with pytest.raises(CurrencyMismatch):
            meet()


@given(st.lists(st.tuples(SMALL, CURRENCIES), max_size=20))
def test_promise_13_totals_are_one_a_currency(amounts: list[tuple[int, str]]) -> None:
    totals = total_by_currency(Money(minor=minor, currency=currency) for minor, currency in amounts)
    assert list(totals) == sorted({currency for _, currency in amounts})
    for currency, total in totals.items():
        assert total.minor == sum(minor for minor, other in amounts if other == currency)


def test_promise_13_no_amount_is_absurd() -> None:
    with pytest.raises((BadAmount, ValidationError), match="more than any amount"):
        Money(minor=MOST_MINOR_UNITS + 1, currency="EUR")


def test_a_limit_counts_in_its_own_currency_only() -> None:
    assert limit_for({"EUR": "150.00"}, "EUR") == Money.of("150.00", "EUR")
    assert limit_for({"EUR": "150.00"}, "USD") is None
