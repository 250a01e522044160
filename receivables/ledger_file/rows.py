"""What a ledger file is made of once it is read: rows, faults, and how its columns were understood."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from receivables.customer import Relationship
from receivables.frozen import Frozen
from receivables.money import Money


class LedgerRow(Frozen):
    """One invoice of a ledger, with what its row says of the customer and of the money that came in."""

    row: int
    """The line of the file, counted from 1, the header included."""
    invoice_id: str
    customer_id: str
    customer_name: str
    country: str
    language: str = "en"
    contact_name: str = ""
    email: str | None = None
    time_zone: str | None = None
    relationship: Relationship = Relationship.NORMAL
    personal_only: bool = False
    owner: str | None = None
    amount: Money
    issued_on: date
    due_on: date
    settled_on: date | None = None
    """The day on which nothing was owed any more; None: open."""
    paid: Money | None = None
    """What came in before that, less than the amount unless its day is unknown."""
    paid_on: date | None = None
    """None with `paid` set: paid on a day that the ledger does not name."""
    disputed: bool = False
    disputed_on: date | None = None
    """None with `disputed` set: the ledger does not name the day."""
    description: str = ""
    purchase_order: str | None = None
    ladder: str | None = None
    discount_percent: Decimal | None = None
    discount_until_on: date | None = None

    def open_at(self, *, as_of: date) -> Money:
        """What is owed at the end of the day: nothing before it was issued and from the day it was settled."""
        if self.issued_on > as_of or (self.settled_on is not None and self.settled_on <= as_of):
            return Money.zero(self.amount.currency)
        if self.paid is not None and (self.paid_on is None or self.paid_on <= as_of):
            return self.amount - self.paid
        return self.amount

    def days_late(self) -> int | None:
        """Days from the due day to the day it was settled, 0 where in time; None while open."""
        return None if self.settled_on is None else max(0, (self.settled_on - self.due_on).days)


class Fault(Frozen):
    """One thing that is wrong, with its place and what was expected there."""

    row: int
    """The line of the file, counted from 1; 0 for the file as a whole."""
    column: str
    """As the file names it; for a column that is missing, our name of it."""
    value: str = ""
    """What stands there, shortened and with control characters made visible."""
    expected: str
    stops_everything: bool = False
    """No row can be read with it: not a matter of skipping rows."""

    def __str__(self) -> str:
        place = f"row {self.row}" if self.row else "file"
        column = f", column {self.column}" if self.column else ""
        return (
            f'{place}{column}: "{self.value}": {self.expected}' if self.value else f"{place}{column}: {self.expected}"
        )


class BadRow(Frozen):
    """A row with faults, as it stood in the file."""

    row: int
    cells: tuple[str, ...]


class Understood(StrEnum):
    """How it was decided which column is what."""

    GIVEN = "given"
    PRESET = "preset"
    RECOGNISED = "recognised"
    """The header is that of a preset, which nobody had to name."""
    GUESSED = "guessed"


class Mapping(Frozen):
    """Which column was read as which field."""

    understood: Understood
    preset: str = ""
    columns: dict[str, str]
    """Field → column, as the file names it."""
    guessed: tuple[str, ...] = ()
    """Of the fields, those that neither the caller nor the column's own name names."""
    ignored: tuple[str, ...] = ()
    """Columns that were not read."""

    def words(self) -> str:
        """One line for the terminal: "guessed: invoice_id = Rechnungsnr, amount = Betrag; not read: Konto"."""
        named = {field: column for field, column in self.columns.items() if field not in self.guessed}
        parts = [
            f"{how}: {', '.join(f'{field} = {column}' for field, column in columns.items())}"
            for how, columns in (
                (
                    "by its name"
                    if self.understood is Understood.GUESSED
                    else f"{self.understood} {self.preset}".strip(),
                    named,
                ),
                ("guessed", {field: self.columns[field] for field in self.guessed}),
            )
            if columns
        ]
        if self.ignored:
            parts.append(f"not read: {', '.join(column or '(no name)' for column in self.ignored)}")
        return "; ".join(parts) or "no column was understood"

    def as_option(self) -> str:
        """The `--map` that says the same, to keep a guess that was right."""
        pairs = (f"{column}={field}" for field, column in self.columns.items())
        return ",".join('"' + pair.replace('"', '""') + '"' if set(pair) & set(',"') else pair for pair in pairs)


class LedgerFile(Frozen):
    """A ledger as read. Good rows and bad rows are apart; together they are all rows of the file."""

    rows: tuple[LedgerRow, ...]
    faults: tuple[Fault, ...]
    mapping: Mapping
    notes: tuple[str, ...] = ()
    """What was guessed, rounded, filled in or left out, in words."""
    bad_rows: tuple[BadRow, ...] = ()
    header: tuple[str, ...] = ()
    delimiter: str = ","

    @property
    def is_clean(self) -> bool:
        return not self.faults

    @property
    def can_skip_bad(self) -> bool:
        """Whether leaving out the bad rows leaves something that can be trusted."""
        return bool(self.rows) and not any(fault.stops_everything for fault in self.faults)


class ReadingOptions(Frozen):
    """What the caller knows about the file. Everything has a default; what is left open is decided by the content."""

    map: str | None = None
    """A preset's name, or `column=field,column=field`."""
    currency: str | None = None
    """For rows that name none."""
    country: str | None = None
    """For rows that name none (else the preset's, else US, with a note)."""
    language: str = "en"
    """For rows that name none."""
    date_format: str | None = None
    """The order of day, month and year: `d/m/y`, `m/d/y` or `y-m-d`."""
    decimal: Literal[".", ","] | None = None
    delimiter: str | None = None
    encoding: str | None = None
    round_amounts: bool = False
    """Round what has more decimals than its currency (float noise of a spreadsheet), in place of refusing it."""
    as_of: date | None = None
    """The day that `today`, `today-12` and `today+5` count from."""
    known_owners: frozenset[str] | None = None
    """Agents' ids; where given, an owner that is not among them is a fault."""
    known_ladders: frozenset[str] | None = None
    """The policy's ladders; where given, another one is a fault."""
