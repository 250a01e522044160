"""What one row says of its money: billed, paid in part or in full, and when."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from receivables.ledger_file.amounts import NO_AMOUNT, AmountReader
from receivables.ledger_file.cells import read_days
from receivables.ledger_file.columns import Field
from receivables.ledger_file.dates import EARLIEST_YEAR, LATEST_YEAR
from receivables.ledger_file.faults import BadCell
from receivables.ledger_file.row_cells import RowCells
from receivables.money import Money


@dataclass(slots=True)
class MoneyRead:
    """As `LedgerRow` has it."""

    amount: Money
    paid: Money | None
    paid_on: date | None
    settled_on: date | None


def read_money(
    cells: RowCells, *, currency: str | None, issued_on: date | None, amounts: AmountReader, counts: Counter[str]
) -> MoneyRead | None:
    """The amount and what came in; refuses what does not go together (paid and open beside the amount)."""
    before = len(cells.faults)
    settled_on = cells.date(Field.SETTLED_ON)
    paid_on = cells.date(Field.PAID_ON)
    days = cells.take(Field.SETTLED_AFTER_DAYS, read_days)
    if currency is None:
        return None
    amount = _amount(cells, Field.AMOUNT, currency, amounts, counts)
    paid = _amount(cells, Field.PAID, currency, amounts, counts)
    still_open = _amount(cells, Field.OPEN_AMOUNT, currency, amounts, counts)
    if amount is None or len(cells.faults) > before:
        return None
    _check_sums(cells, amount, paid, still_open, settled_on)
    if paid is None and still_open is not None and still_open <= amount:
        paid = amount - still_open
    if days is not None and issued_on is not None and paid_on is None:
        paid_on = issued_on + timedelta(days=days)
        if not EARLIEST_YEAR <= paid_on.year <= LATEST_YEAR:
            cells.refuse(Field.SETTLED_AFTER_DAYS, f"a day between {EARLIEST_YEAR} and {LATEST_YEAR} is expected")
        if paid is None and settled_on is None:
            settled_on = paid_on
    return _put_together(cells, amount, paid, paid_on, settled_on)


def _amount(cells: RowCells, each: Field, currency: str, amounts: AmountReader, counts: Counter[str]) -> Money | None:
    is_required = each is Field.AMOUNT
    if not cells.has(each):
        return None
    text = cells.text(each)
    try:
        read = amounts.read_optional(text, currency=currency)
        if is_required and read is None:
            raise BadCell(f"{NO_AMOUNT}; the cell is {'no number' if text else 'empty'}")
        if is_required and read is not None and not read.money:
            raise BadCell("an amount above zero is expected; an invoice over nothing is not collected")
    except BadCell as fault:
        cells.refuse(each, fault.expected)
        return None
    if read is not None and read.was_rounded:
        counts[
            f"{cells.name(each)}: {{count}} amounts had more decimals than their currency has; they were rounded."
        ] += 1
    return None if read is None else read.money


def _check_sums(
    cells: RowCells, amount: Money, paid: Money | None, still_open: Money | None, settled_on: date | None
) -> None:
    if paid is not None and paid > amount:
        cells.refuse(Field.PAID, f"at most the amount ({amount}) is expected; report overpayments as payments")
    elif still_open is not None and still_open > amount:
        cells.refuse(Field.OPEN_AMOUNT, f"at most the amount ({amount}) is expected")
    elif paid is not None and still_open is not None and paid + still_open != amount:
        cells.refuse(Field.OPEN_AMOUNT, f"with what was paid ({paid}) the amount ({amount}) is expected")
    elif settled_on is not None and still_open:
        cells.refuse(Field.SETTLED_ON, f"an empty cell is expected while {still_open} is open")


def _put_together(
    cells: RowCells, amount: Money, paid: Money | None, paid_on: date | None, settled_on: date | None
) -> MoneyRead:
    if paid == amount and settled_on is None and paid_on is not None:
        settled_on = paid_on
    if paid is None and paid_on is not None and settled_on is None:
        cells.refuse(Field.PAID_ON, "how much was paid that day is expected too (paid or open_amount)")
    if settled_on is not None and (paid == amount or paid_on is None or paid_on >= settled_on):
        paid = None
    if not paid:
        paid, paid_on = None, None
    return MoneyRead(amount, paid, paid_on, settled_on)
