"""One row of cells → one invoice, or every fault of the row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from receivables.ledger_file.amounts import AmountReader, currency_named_by
from receivables.ledger_file.cells import (
    MOST_TEXT,
    id_of_name,
    read_country,
    read_currency,
    read_days,
    read_email,
    read_flag,
    read_id,
    read_known,
    read_language,
    read_percent,
    read_relationship,
    read_row_number,
    read_text,
    read_time_zone,
    remembering,
)
from receivables.ledger_file.columns import Field
from receivables.ledger_file.dates import DateReader
from receivables.ledger_file.mapping import Columns
from receivables.ledger_file.presets import Preset
from receivables.ledger_file.row_cells import RowCells
from receivables.ledger_file.row_money import read_money
from receivables.ledger_file.rows import Fault, LedgerRow, ReadingOptions
from receivables.ledger_file.table import RawRow, shortened
from receivables.ledger_file.writing import Writing

_NO_PRESET = Preset(name="", about="", columns={})


@dataclass(slots=True)
class RowRead:
    """What came of a row. `invoice_id` is there for bad rows too, where it could be read: ids must not repeat."""

    row: LedgerRow | None
    invoice_id: str = ""
    faults: list[Fault] = field(default_factory=list[Fault])


class RowReader:
    """Reads the rows of one file; counts what it filled in, rounded or changed, for the notes."""

    def __init__(self, *, columns: Columns, options: ReadingOptions, header: tuple[str, ...], writing: Writing) -> None:
        self._places = columns.places
        self._preset = columns.preset or _NO_PRESET
        self._header = header
        self._dates = {each: DateReader(order=order, as_of=options.as_of) for each, order in writing.orders.items()}
        rounds = options.round_amounts or self._preset.rounds_amounts
        self._amounts = AmountReader(mark=writing.mark, rounds=rounds)
        self._default_country = read_country(options.country) if options.country else self._preset.country
        self._default_currency = read_currency(options.currency) if options.currency else self._preset.currency
        self._default_language = read_language(options.language)
        self._currency = remembering(read_currency)
        self._country = remembering(read_country)
        self._optional = [(each, read) for each, read in _optional_readers(options) if each in columns.places]
        self._counts: Counter[str] = Counter()
        self._numeric_countries: set[str] = set()

    def read(self, raw: RawRow) -> RowRead:
        """The row's invoice, or its faults. A bad row adds nothing to the notes."""
        if raw.fault:
            shown = shortened(raw.cells[0]) if raw.cells else ""
            return RowRead(None, faults=[Fault(row=raw.row, column="", value=shown, expected=raw.fault)])
        cells = RowCells(raw=raw, places=self._places, header=self._header, dates=self._dates)
        counts: Counter[str] = Counter()
        row, invoice_id = self._read_cells(cells, counts)
        if row is not None:
            self._counts.update(counts)
        return RowRead(row, invoice_id, cells.faults)

    def notes(self, rows: Iterable[LedgerRow]) -> list[str]:
        """What was done to the good rows beyond reading them, each with its count."""
        notes = [words.replace("{count}", f"{count:,}") for words, count in self._counts.items()]
        if self._numeric_countries:
            codes = ", ".join(sorted(self._numeric_countries)[:10])
            notes.append(
                f"Countries are given by numbers ({codes}), which are not ISO 3166-1 letters:"
                f" taken as {self._default_country} (--country)."
            )
        names: dict[str, set[str]] = {}
        early = 0
        for row in rows:
            names.setdefault(row.customer_id, set()).add(row.customer_name)
            early += row.settled_on is not None and row.settled_on < row.issued_on
        several = sum(len(spellings) > 1 for spellings in names.values())
        if several:
            notes.append(f"{several:,} customers are written in more than one way; the most frequent name is used.")
        if early:
            notes.append(f"{early:,} invoices were settled before they were issued (paid in advance).")
        return notes

    def _read_cells(self, cells: RowCells, counts: Counter[str]) -> tuple[LedgerRow | None, str]:
        number = cells.take(Field.LEDGER_ROW, read_row_number) or cells.row
        invoice_id = self._invoice_id(cells, number, counts)
        customer_id, customer_name = self._customer(cells, counts)
        issued_on = cells.required_date(Field.ISSUED_ON)
        due_on = _due_on(cells, issued_on)
        currency = self._row_currency(cells)
        money = read_money(cells, currency=currency, issued_on=issued_on, amounts=self._amounts, counts=counts)
        disputed_on = cells.date(Field.DISPUTED_ON)
        disputed = cells.take(Field.DISPUTED, read_flag) or disputed_on is not None
        optional: dict[str, object] = {str(each): cells.take(each, read) for each, read in self._optional}
        country = self._row_country(cells, counts)
        language = self._row_language(cells)
        discount_until_on = cells.date(Field.DISCOUNT_UNTIL_ON)
        if cells.faults or money is None or issued_on is None or due_on is None:
            return None, invoice_id
        row = LedgerRow.model_validate(
            {
                "row": number,
                "invoice_id": invoice_id,
                "customer_id": customer_id,
                "customer_name": customer_name or customer_id,
                "country": country,
                "language": language,
                "amount": money.amount,
                "issued_on": issued_on,
                "due_on": due_on,
                "settled_on": money.settled_on,
                "paid": money.paid,
                "paid_on": money.paid_on,
                "disputed": disputed,
                "disputed_on": disputed_on,
                "discount_until_on": discount_until_on,
                **optional,
            }
        )
        return row, invoice_id

    def _invoice_id(self, cells: RowCells, number: int, counts: Counter[str]) -> str:
        made_of = self._preset.invoice_id_made_of
        if made_of is not None and not cells.text(Field.INVOICE_ID):
            counts[f"{{count}} rows have no invoice number; they are called by their row ({made_of}-2 is row 2)."] += 1
            return f"{made_of}-{number}"
        found = cells.take(
            Field.INVOICE_ID,
            lambda text: read_id(text, what="an invoice number", is_float=self._preset.ids_are_floats),
        )
        digits = self._preset.invoice_id_digits
        if found is not None and digits is not None and len(found) < digits and found.isdecimal():
            counts[f"{{count}} invoice numbers had lost leading zeros; they have {digits} digits again."] += 1
            return found.zfill(digits)
        return found or ""

    def _customer(self, cells: RowCells, counts: Counter[str]) -> tuple[str, str]:
        customer_id = cells.take(Field.CUSTOMER_ID, lambda text: read_id(text, what="a customer number")) or ""
        name = cells.take(Field.CUSTOMER_NAME, read_text) or ""
        if self._preset.customer_id_is_name:
            return id_of_name(customer_id), name
        if self._preset.customer_id_without_zeros and customer_id.startswith("0") and customer_id.strip("0"):
            counts["{count} rows: the customer number is read without its leading zeros."] += 1
            customer_id = customer_id.lstrip("0")
        return customer_id, name

    def _row_country(self, cells: RowCells, counts: Counter[str]) -> str:
        text = cells.text(Field.COUNTRY)
        if text.isdecimal() and len(text) <= 6:
            self._numeric_countries.add(text)
            return self._default_country
        if not text:
            counts[f"{{count}} rows name no country; {self._default_country} is taken (--country)."] += 1
            return self._default_country
        return cells.take(Field.COUNTRY, self._country) or self._default_country

    def _row_language(self, cells: RowCells) -> str:
        if not cells.text(Field.LANGUAGE):
            return self._default_language
        return cells.take(Field.LANGUAGE, read_language) or self._default_language

    def _row_currency(self, cells: RowCells) -> str | None:
        if cells.text(Field.CURRENCY):
            return cells.take(Field.CURRENCY, self._currency)
        found = currency_named_by(cells.text(Field.AMOUNT)) or self._default_currency
        if found is None:
            cells.refuse(Field.CURRENCY, "an ISO 4217 currency is expected, such as EUR (--currency for all such rows)")
        return found


def _due_on(cells: RowCells, issued_on: date | None) -> date | None:
    """The due date, or the invoice date and the terms; never before the invoice date."""
    terms = cells.take(Field.TERMS_DAYS, read_days)
    if not cells.has(Field.DUE_ON):
        if terms is None or terms < 0:
            cells.refuse(Field.TERMS_DAYS, "days from the invoice date to the due date are expected, 0 or more")
            return None
        return None if issued_on is None else issued_on + timedelta(days=terms)
    due_on = cells.required_date(Field.DUE_ON)
    if due_on is not None and issued_on is not None and due_on < issued_on:
        cells.refuse(Field.DUE_ON, f"a day on or after the invoice date ({issued_on}) is expected")
    return due_on


def _optional_readers(options: ReadingOptions) -> tuple[tuple[Field, Callable[[str], object]], ...]:
    return (
        (Field.CONTACT_NAME, read_text),
        (Field.EMAIL, read_email),
        (Field.TIME_ZONE, read_time_zone),
        (Field.RELATIONSHIP, read_relationship),
        (Field.PERSONAL_ONLY, read_flag),
        (Field.OWNER, lambda text: read_known(text, known=options.known_owners, what="an agent's id")),
        (Field.DESCRIPTION, lambda text: read_text(text, most=MOST_TEXT, lines=True)),
        (Field.PURCHASE_ORDER, lambda text: read_text(text) or None),
        (
            Field.LADDER,
            lambda text: read_known(text, known=options.known_ladders, what="a ladder of the policy", most=40),
        ),
        (Field.DISCOUNT_PERCENT, read_percent),
    )
