"""Cells that are neither dates nor amounts: ids, texts, yes and no, codes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

from receivables.customer import Relationship
from receivables.ledger_file.columns import closest
from receivables.ledger_file.countries import country_code
from receivables.ledger_file.faults import BadCell
from receivables.money import UnknownCurrency, decimals_of

Value = TypeVar("Value")

MOST_ID = 100
MOST_NAME = 200
MOST_TEXT = 2000
MOST_DAYS = 3650

# Control characters, line and paragraph separators, marks that turn the direction of writing, halves of surrogates.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_SPREADSHEET_NUMBER = re.compile(r"\d([.,]\d+)?E\+?\d+", re.ASCII | re.IGNORECASE)
_WHOLE_FLOAT = re.compile(r"(\d+)\.0+", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,6}(?:\.0+)?", re.ASCII)
_EMAIL = re.compile(r"""[^\s@,;:<>()\[\]"\\]{1,64}@[^\s@,;:<>()\[\]"\\.]+(?:\.[^\s@,;:<>()\[\]"\\.]+)+""")
_LANGUAGE = re.compile(r"([a-z]{2})(?:[-_][a-z]{2,4})?", re.ASCII | re.IGNORECASE)
_ZONE = re.compile(r"[A-Za-z]+(?:/[A-Za-z0-9_+\-]+){0,2}", re.ASCII)
_PERCENT = re.compile(r"\d{1,2}(?:\.\d{1,3})?", re.ASCII)
_YES = frozenset("yes y true 1 x ja j wahr oui o vrai waar si sí s verdadero".split())  # noqa: SIM905 a list of one-letter words is harder to read
_NO = frozenset("no n false 0 - nein falsch non faux nee onwaar falso".split())  # noqa: SIM905 as above


def read_text(text: str, *, most: int = MOST_NAME, lines: bool = False) -> str:
    """A text of one line, or with `lines` of several; empty is fine."""
    text = unicodedata.normalize("NFC", text.strip())
    if lines:
        text = "\n".join(line.strip() for line in text.replace("\t", " ").splitlines() if line.strip())
    if _UNSEEN.search(text.replace("\n", "") if lines else text):
        raise BadCell("a text without control characters and line breaks is expected")
    if len(text) > most:
        raise BadCell(f"at most {most:,} characters are expected, {len(text):,} found")
    return text


def read_id(text: str, *, what: str, is_float: bool = False) -> str:
    """An id, never empty."""
    found = read_text(text, most=MOST_ID)
    if not found:
        raise BadCell(f"{what} is expected; the cell is empty")
    if _SPREADSHEET_NUMBER.fullmatch(found):
        raise BadCell(f"{what} is expected; a spreadsheet made a rounded number of it: export the column as text")
    if is_float and (match := _WHOLE_FLOAT.fullmatch(found)):
        return match[1]
    return found


def id_of_name(name: str) -> str:
    """An id made of a name, the same however it is written: "David  Taylor" → DAVID-TAYLOR."""
    apart = unicodedata.normalize("NFKD", name.upper())
    kept = "".join(sign if sign.isalnum() else " " for sign in apart if not unicodedata.combining(sign))
    return "-".join(kept.split()) or name


def read_flag(text: str) -> bool:
    """Yes or no in the languages that Baton writes; empty is no."""
    word = text.strip().casefold()
    if word in _YES:
        return True
    if not word or word in _NO:
        return False
    raise BadCell("yes or no is expected")


def read_days(text: str) -> int | None:
    """Whole days; None where empty."""
    text = text.strip()
    if not text:
        return None
    if not _WHOLE.fullmatch(text) or abs(days := int(text.partition(".")[0])) > MOST_DAYS:
        raise BadCell(f"whole days are expected, at most {MOST_DAYS}")
    return days


def read_currency(text: str) -> str:
    """An ISO 4217 code, in any case."""
    code = text.strip().upper()
    try:
        decimals_of(code)
    except UnknownCurrency:
        raise BadCell("an ISO 4217 currency is expected, such as EUR, USD or JPY") from None
    return code


def read_country(text: str) -> str:
    """An ISO 3166-1 code of two letters, from two or three."""
    code = country_code(text)
    if code is None:
        raise BadCell("an ISO 3166-1 country is expected, such as DE, US or JP (UK is GB)")
    return code


def read_language(text: str) -> str:
    match = _LANGUAGE.fullmatch(text.strip())
    if match is None:
        raise BadCell("an ISO 639-1 language is expected, such as en, de or fr")
    return match[1].lower()


def read_email(text: str) -> str | None:
    """One address; None where empty."""
    address = read_text(text, most=254)
    if not address:
        return None
    if not _EMAIL.fullmatch(address):
        raise BadCell("one e-mail address is expected, such as ap@acme.example")
    return address


@lru_cache(maxsize=1024)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        return False
    return True


def read_time_zone(text: str) -> str | None:
    name = text.strip()
    if not name:
        return None
    if len(name) > 64 or not _ZONE.fullmatch(name) or not _is_zone(name):
        raise BadCell("an IANA time zone is expected, such as Europe/Berlin")
    return name


def read_relationship(text: str) -> Relationship:
    word = text.strip().lower()
    try:
        return Relationship(word) if word else Relationship.NORMAL
    except ValueError:
        raise BadCell(f"one of {', '.join(Relationship)} is expected") from None


def read_known(text: str, *, known: frozenset[str] | None, what: str, most: int = MOST_ID) -> str | None:
    """A name that must be among the known ones, where those are given; None where empty."""
    name = read_text(text, most=most)
    if name and known is not None and name not in known:
        among = sorted(known)
        hint = closest(name, among) or f" ({', '.join(among[:10]) or 'none is known'})"
        raise BadCell(f"{what} that is known is expected{hint}")
    return name or None


def remembering(read: Callable[[str], Value]) -> Callable[[str], Value]:
    """The same reader, which reads a text only once: columns repeat themselves."""
    known: dict[str, Value] = {}

    def reading(text: str) -> Value:
        if text not in known:
            known[text] = read(text)
        return known[text]

    return reading


def read_row_number(text: str) -> int | None:
    """The row number that a file of bad rows carries; None where there is none."""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise BadCell("the row's number in its first file is expected, or an empty cell")
    return int(text)


def read_percent(text: str) -> Decimal | None:
    """Percent with point or comma, under 100; None where empty."""
    text = text.strip().removesuffix("%").strip().replace(",", ".")
    if not text:
        return None
    if not _PERCENT.fullmatch(text):
        raise BadCell("a percentage under 100 is expected, such as 2 or 2.5")
    return Decimal(text)
