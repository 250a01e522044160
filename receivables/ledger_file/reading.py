"""Read a ledger: a CSV file in, invoices and every fault out. Pure: the caller opens the file.

A cell's fault costs its row; what makes the whole file unreadable (a missing column, dates that could be read two ways)
is a fault that stops everything, and then no row is given. Nothing is ever guessed within a row.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Protocol

from receivables.ledger_file.cells import read_country, read_currency, read_language
from receivables.ledger_file.columns import Field
from receivables.ledger_file.dates import DateOrder, date_order
from receivables.ledger_file.faults import BadCell
from receivables.ledger_file.mapping import Columns, choose_columns
from receivables.ledger_file.row_reader import RowReader
from receivables.ledger_file.rows import BadRow, Fault, LedgerFile, LedgerRow, ReadingOptions
from receivables.ledger_file.table import Table, hopeless, is_hopeless, read_table, shortened
from receivables.ledger_file.writing import decide_writing

DEFAULTS = ReadingOptions()
FAULT_COLUMN = "fault"
MOST_SHOWN = 1000
"""Faults that are listed of a file that is given up."""


class TextSink(Protocol):
    """What a text file has that one can write to."""

    def write(self, text: str, /) -> object: ...


def read_ledger(
    source: bytes | str | Iterable[bytes] | Iterable[str], *, options: ReadingOptions = DEFAULTS
) -> LedgerFile:
    """Read a whole ledger. Never raises for what the file or the options hold: the faults say it."""
    table = read_table(source, delimiter=options.delimiter, encoding=options.encoding)
    columns = choose_columns(table, options) if not table.faults else Columns()
    faults = [*table.faults, *columns.faults, *_bad_options(options)]
    notes = [*table.notes, *columns.notes, *(columns.preset.notes if columns.preset else ())]
    if not faults:
        decided = decide_writing(table, columns, options)
        faults += decided.faults
        notes += decided.notes
        if not faults:
            reader = RowReader(columns=columns, options=options, header=table.header, writing=decided)
            return _read_rows(table, columns, reader, notes)
    return LedgerFile(
        rows=(),
        faults=tuple(faults),
        mapping=columns.mapping(table.header),
        notes=tuple(notes),
        header=table.header,
        delimiter=table.delimiter,
    )


def write_bad_rows(ledger: LedgerFile, into: TextSink) -> int:
    """Write the bad rows as CSV again, each with its faults and its row number in front; gives how many there were.

    The file can be put right and read again: the reader knows the two columns.
    """
    writer = csv.writer(into, delimiter=ledger.delimiter, lineterminator="\n")
    added = (FAULT_COLUMN, str(Field.LEDGER_ROW))
    kept = [place for place, name in enumerate(ledger.header) if name not in added]
    first_row = ledger.header.index(added[1]) if added[1] in ledger.header else None
    writer.writerow([*added, *(_writable(ledger.header[place]) for place in kept)])
    by_row: dict[int, list[str]] = {}
    for fault in ledger.faults:
        named = f"{fault.column}: " if fault.column else ""
        by_row.setdefault(fault.row, []).append(f"{named}{fault.expected}")
    for bad in ledger.bad_rows:
        is_whole = len(bad.cells) == len(ledger.header)
        cells = [bad.cells[place] for place in kept] if is_whole else bad.cells
        number = bad.cells[first_row] if is_whole and first_row is not None else str(bad.row)
        writer.writerow([_writable(" | ".join(by_row.get(bad.row, ()))), number, *(_writable(cell) for cell in cells)])
    return len(ledger.bad_rows)


def _writable(cell: str) -> str:
    """What a UTF-8 file can hold: halves of surrogates, which only text from elsewhere has, become visible."""
    return cell.encode("utf-8", "backslashreplace").decode("utf-8")


def _bad_options(options: ReadingOptions) -> Iterator[Fault]:
    checks = (
        ("--currency", options.currency, read_currency),
        ("--country", options.country, read_country),
        ("--language", options.language, read_language),
        ("--date-format", options.date_format, _read_order),
    )
    for name, value, read in checks:
        if value is not None:
            try:
                read(value)
            except BadCell as fault:
                yield Fault(row=0, column=name, value=shortened(value), expected=fault.expected, stops_everything=True)


def _read_order(text: str) -> DateOrder:
    order = date_order(text)
    if order is None:
        raise BadCell("the order of day, month and year is expected: d/m/y, m/d/y or y-m-d")
    return order


def _read_rows(table: Table, columns: Columns, reader: RowReader, notes: list[str]) -> LedgerFile:
    good: list[LedgerRow] = []
    bad: list[BadRow] = []
    faults: list[Fault] = []
    first_seen: dict[str, int] = {}
    id_place = columns.places.get(Field.INVOICE_ID)
    id_column = table.header[id_place] if id_place is not None else str(Field.INVOICE_ID)
    for raw in table.rows:
        found = reader.read(raw)
        own = list(found.faults)
        if found.invoice_id:
            first = first_seen.setdefault(found.invoice_id, raw.row)
            if first != raw.row:
                own.append(
                    Fault(
                        row=raw.row,
                        column=id_column,
                        value=shortened(found.invoice_id),
                        expected=f"an invoice number of its own is expected; row {first} has the same",
                    )
                )
        if found.row is None or own:
            bad.append(BadRow(row=raw.row, cells=raw.cells))
            faults.extend(own)
            if is_hopeless(bad=len(bad), of=len(good) + len(bad)):
                faults = [*faults[:MOST_SHOWN], hopeless(len(bad), column="")]
                good, bad = [], []
                break
        else:
            good.append(found.row)
    return LedgerFile(
        rows=tuple(good),
        faults=tuple(faults),
        mapping=columns.mapping(table.header),
        notes=(*notes, *reader.notes(good)),
        bad_rows=tuple(bad),
        header=table.header,
        delimiter=table.delimiter,
    )
