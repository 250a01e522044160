"""What requests and answers are made of: ids, words, days, instants and amounts, each refused where it is absurd."""

import re
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from receivables.money import Money, decimals_of

MOST_MINOR_UNITS = 10**14
"""The largest amount that one request may name. Sums over an account must still be amounts that Baton can hold."""
FIRST_YEAR, LAST_YEAR = 1990, 2200
MOST_ON_A_PAGE = 500

_FORBIDDEN_IN_TEXT = {"Cc", "Cs"}
_BREAKS_AND_TURNS = frozenset("\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Line breaks by other names, and signs that turn the reading direction around: they forge what a reader sees."""


class Asked(BaseModel):
    """A request's model: unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Answered(BaseModel):
    """An answer's model."""

    model_config = ConfigDict(frozen=True)


def _one_line(words: str) -> str:
    for sign in words:
        if unicodedata.category(sign) in _FORBIDDEN_IN_TEXT or sign in _BREAKS_AND_TURNS:
            raise ValueError(f"has a control character or line break (U+{ord(sign):04X}); write it in one plain line")
    return words.strip()


def _several_lines(words: str) -> str:
    for sign in words:
        if unicodedata.category(sign) in _FORBIDDEN_IN_TEXT and sign not in "\r\n\t":
            raise ValueError(f"has a control character (U+{ord(sign):04X})")
    return words


OneLine = AfterValidator(_one_line)
Name = Annotated[str, Field(min_length=1, max_length=200), OneLine, StringConstraints(min_length=1)]
"""One line of up to 200 characters, without control characters."""
ShortWords = Annotated[str, Field(max_length=500), OneLine]
Text = Annotated[str, Field(max_length=100_000), AfterValidator(_several_lines)]
"""Several lines of up to 100,000 characters."""

OwnId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@+=~-]{0,99}$",
        description="Your own id: 1 to 100 of A-Z a-z 0-9 . _ : @ + = ~ -, the first a letter or digit.",
    ),
]
KnownId = Annotated[
    str,
    Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$"),
    OneLine,
]
"""The id of something that we know: also of what came in by other ways, with ids of other shapes."""

Cursor = Annotated[str, Field(min_length=1, max_length=700), OneLine]
"""The place where a page ended."""

CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2.", examples=["DE"])]
LanguageCode = Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$", description="ISO 639-1.", examples=["de"])]
LadderName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", description="A ladder of the policy.")]

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+", re.ASCII)


def _address(text: str) -> str:
    local = text.partition("@")[0]
    if not _ADDRESS.fullmatch(text) or local.startswith(".") or local.endswith(".") or ".." in text:
        raise ValueError("is no e-mail address such as anna@acme.example")
    return text


EmailAddress = Annotated[str, Field(min_length=3, max_length=254), AfterValidator(_address)]


def _is_text(value: object) -> object:
    if not isinstance(value, str | date):  # numbers would be taken for seconds since 1970
        raise ValueError("write it as text, such as 2026-03-31")
    return value


def _written_as_a_day(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        raise ValueError("write it as a day, such as 2026-03-31")
    return _is_text(value)


def _in_our_time(moment: date) -> date:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"lies outside the years {FIRST_YEAR} to {LAST_YEAR}")
    return moment


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("has no time zone; write it like 2026-03-31T09:00:00Z")
    return moment.astimezone(UTC)


Day = Annotated[date, BeforeValidator(_written_as_a_day), AfterValidator(_in_our_time), Field(examples=["2026-03-31"])]
Instant = Annotated[
    datetime,
    BeforeValidator(_is_text),
    AfterValidator(_in_our_time),
    AfterValidator(_in_utc),
    Field(examples=["2026-03-31T09:00:00Z"]),
]


class MoneyJson(BaseModel):
    """An exact amount: decimal text, never a number, with at most the decimals that its currency has."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"example": {"amount": "1200.00", "currency": "EUR"}}
    )

    amount: Annotated[str, Field(pattern=r"^-?\d{1,15}(\.\d{1,4})?$", examples=["1200.00"])]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217.", examples=["EUR"])]

    @model_validator(mode="after")
    def _is_exact(self) -> "MoneyJson":
        try:
            minor = Money.of(self.amount, self.currency).minor
        except ValidationError as fault:
            raise ValueError(f"{self.amount} is more than any amount that Baton takes") from fault
        if abs(minor) > MOST_MINOR_UNITS:
            raise ValueError(f"{self.amount} is more than any amount that Baton takes")
        return self

    @property
    def money(self) -> Money:
        return Money.of(self.amount, self.currency)

    @classmethod
    def of(cls, money: Money) -> "MoneyJson":
        """An amount of ours, however large: sums may exceed what a request may name."""
        return cls.model_construct(amount=plain_amount(money), currency=money.currency)


def plain_amount(money: Money) -> str:
    """ "1200.00": with the decimals of its currency, without separators."""
    return f"{money.amount:.{decimals_of(money.currency)}f}"


def _more_than_nothing(amount: MoneyJson) -> MoneyJson:
    if amount.money.minor <= 0:
        raise ValueError("must be more than 0")
    return amount


PositiveMoney = Annotated[MoneyJson, AfterValidator(_more_than_nothing)]


def _decimal_text(value: object) -> object:
    if not isinstance(value, str | Decimal):
        raise ValueError("write it as text, such as 2.5")
    return value


Quantity = Annotated[
    Decimal,
    BeforeValidator(_decimal_text),
    Field(max_digits=18, decimal_places=6, allow_inf_nan=False, examples=["2.5"]),
]

Limit = Annotated[int, Field(ge=1, le=MOST_ON_A_PAGE, description="How many at most.")]


def shown(value: Any) -> Any:
    """A stored value as the API shows it: amounts as {"amount": "1200.00", "currency": "EUR"}, at any depth."""
    if isinstance(value, Money):
        return {"amount": plain_amount(value), "currency": value.currency}
    if isinstance(value, dict):
        if value.keys() == {"minor", "currency"}:
            return shown(Money.model_validate(value))
        return {name: shown(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [shown(inner) for inner in value]
    return value


def shown_model(model: BaseModel) -> dict[str, Any]:
    return shown(model.model_dump(mode="json"))


def shown_cursor(cursor: str) -> str:
    """A cursor that survives an address without being encoded: a plus sign would arrive as a space."""
    return cursor.replace("+00:00|", "Z|", 1)


class Page(Answered):
    """One page of a list. `next` goes into `after` for the next page; null: this was the last."""

    next: str | None = Field(default=None, description="Give it as `after` to read on; null on the last page.")
