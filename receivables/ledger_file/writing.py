"""How a file writes its dates and amounts: day or month first, point or comma. Decided over whole columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from receivables.ledger_file.amounts import DecimalMark, currency_named_by, mark_seen
from receivables.ledger_file.columns import AMOUNTS, DATES, Field
from receivables.ledger_file.dates import DateOrder, OrderSeen, date_order, order_seen
from receivables.ledger_file.mapping import Columns
from receivables.ledger_file.rows import Fault, ReadingOptions
from receivables.ledger_file.table import Table


@dataclass(slots=True)
class Writing:
    """What was decided; with faults, nothing was. A date column without an order holds no cell that needs one."""

    orders: dict[Field, DateOrder | None] = field(default_factory=dict[Field, DateOrder | None])
    mark: DecimalMark = "."
    faults: list[Fault] = field(default_factory=list[Fault])
    notes: list[str] = field(default_factory=list[str])


def decide_writing(table: Table, columns: Columns, options: ReadingOptions) -> Writing:
    """What the caller says counts, then what the preset knows, then what the cells show."""
    writing = Writing()
    mapped = [each for each in DATES if each in columns.places]
    order = date_order(options.date_format or "") or (columns.preset.date_order if columns.preset else None)
    if order is not None:
        writing.orders = dict.fromkeys(mapped, order)
    else:
        _decide_orders(writing, table, columns, mapped)
    mark = options.decimal or (columns.preset.decimal if columns.preset else None)
    if mark is not None:
        writing.mark = mark
    else:
        _decide_mark(writing, table, columns, options)
    return writing


def _cells(table: Table, place: int) -> Iterator[str]:
    return (row.cells[place] for row in table.rows if not row.fault)


def _decide_orders(writing: Writing, table: Table, columns: Columns, mapped: list[Field]) -> None:
    """Column by column; one that does not say follows the others, where they agree."""
    seen = {each: order_seen(_cells(table, columns.places[each])) for each in mapped}
    agreed = {found.order for found in seen.values() if found.day_first or found.month_first}
    for each, found in seen.items():
        column = table.header[columns.places[each]]
        order = found.order
        if found.is_open and not found.is_contradictory and len(agreed) == 1:
            order = next(iter(agreed))
            if order is not None:
                writing.notes.append(
                    f"{column} could be read day first or month first; it is read {order}, as the other dates."
                )
        elif order is not None and (found.day_first or found.month_first):
            writing.notes.append(f"{column} is read {order}.")
        if order is None and found.is_open:
            writing.faults.append(_undecided_order(column, found, table.header_row))
        writing.orders[each] = order


def _undecided_order(column: str, found: OrderSeen, row: int) -> Fault:
    if found.is_contradictory:
        expected = (
            f"one order of day and month is expected; {found.day_first:,} cells can only be d/m/y and"
            f" {found.month_first:,} only m/d/y: say which (--date-format) and put the others right"
        )
    else:
        expected = "day first or month first? The whole column does not say; give --date-format d/m/y or m/d/y"
    return Fault(row=row, column=column, value=found.example, expected=expected, stops_everything=True)


def _decide_mark(writing: Writing, table: Table, columns: Columns, options: ReadingOptions) -> None:
    places = [columns.places[each] for each in AMOUNTS if each in columns.places]
    at = columns.places.get(Field.CURRENCY)
    default = options.currency.strip().upper() if options.currency else None
    found = mark_seen(
        (row.cells[place], (row.cells[at].strip().upper() if at is not None else "") or named or default)
        for row in table.rows
        if not row.fault
        for place in places
        for named in (currency_named_by(row.cells[place]),)
    )
    column = table.header[columns.places[Field.AMOUNT]]
    if found.mark is not None:
        writing.mark = found.mark
        if found.mark == ",":
            writing.notes.append(f"{column}: amounts are read with a decimal comma (1.234,50).")
        return
    if found.is_contradictory:
        expected = (
            f"one way of writing amounts is expected; {found.point:,} cells can only be 1,234.50 and"
            f" {found.comma:,} only 1.234,50: say which (--decimal) and put the others right"
        )
    else:
        expected = "is this a thousand and some, or one and some? No amount of the file says; give --decimal . or ,"
    writing.faults.append(
        Fault(row=table.header_row, column=column, value=found.example, expected=expected, stops_everything=True)
    )
