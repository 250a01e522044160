"""Amounts, dates and lists as the customer writes them (Babel, CLDR). Exact: no amount is ever rounded here."""

import copy
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import cast

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import NumberPattern, format_percent

from receivables.money import Money, decimals_of

NO_BREAK_SPACE = "\u00a0"
_PLAIN_ENGLISH = Locale.parse("en_GB")
"""For a country that has no English of its own: day before month."""


@lru_cache(maxsize=256)
def locale_of(language: str, country: str) -> Locale:
    """The locale for a language in a country ("de", "CH"), else the language's own."""
    for name in (f"{language}_{country.upper()}", language):
        try:
            locale = Locale.parse(name)
        except (UnknownLocaleError, ValueError, TypeError):
            continue
        if locale.territory not in (None, country.upper()):
            continue  # Babel guessed another country.
        return locale if locale.territory or language != "en" else _PLAIN_ENGLISH
    return _PLAIN_ENGLISH


def money_text(money: Money, locale: Locale) -> str:
    """`1.200,00 €` with exactly the decimals that ISO 4217 gives the currency (CLDR's differ for a few)."""
    pattern = _currency_pattern(str(locale), decimals_of(money.currency))
    return pattern.apply(money.amount, locale, currency=money.currency, currency_digits=False)


def day_text(day: date, locale: Locale) -> str:
    """A day in a sentence: 1 March 2026."""
    text = format_date(day, format="long", locale=locale)
    if locale.language == "fr" and day.day == 1:
        return "1er" + text[1:]
    return text


def short_day_text(day: date, locale: Locale) -> str:
    """A day in a table: 1 Mar 2026."""
    return format_date(day, format="medium", locale=locale)


def percent_text(percent: Decimal, locale: Locale) -> str:
    """`2 %` for Decimal(2), with the decimals that it has."""
    pattern = copy.copy(cast("NumberPattern", locale.percent_formats[None]))
    pattern.frac_prec = (0, 4)
    return format_percent(percent / 100, format=pattern, locale=locale)


def list_text(texts: Sequence[str], locale: Locale) -> str:
    """`a, b and c`."""
    return format_list(list(texts), locale=locale)


@lru_cache(maxsize=1024)
def _currency_pattern(locale_name: str, decimals: int) -> NumberPattern:
    pattern = copy.copy(cast("NumberPattern", Locale.parse(locale_name).currency_formats["standard"]))
    pattern.frac_prec = (decimals, decimals)
    return pattern
