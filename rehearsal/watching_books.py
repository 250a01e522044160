"""Checks of what the store holds at the end: each yields once for each thing it looks at, None where it is well."""

from collections.abc import Iterator
from datetime import datetime

from receivables.money import Money
from rehearsal.feeding import payments_of
from rehearsal.seen import Seen


def nothing_lost(seen: Seen) -> Iterator[str | None]:
    record = seen.record
    for fact_id in record.fed_facts:
        yield None if fact_id in record.stored_facts else f"{fact_id} was accepted and is not in the store"
    told_last: dict[str, datetime] = {}
    for telling in record.tellings:
        is_told = telling.told_at is not None
        yield None if is_told else f"{telling.invoice_id} was never told of {telling.fact_id}"
        told_last[telling.invoice_id] = max(told_last.get(telling.invoice_id, telling.stored_at), telling.stored_at)
    for invoice_id, at in told_last.items():
        looked_at = seen.invoices[invoice_id].decided_at
        has_looked = looked_at is not None and looked_at >= at
        yield None if has_looked else f"{invoice_id} was told at {at} and looked last at {looked_at}"
    for row in seen.rows:
        invoice = seen.invoices.get(row.invoice_id)
        if invoice is None:
            yield f"{row.invoice_id} (row {row.row}) was never opened"
        elif row.settled_on is not None:
            yield None if invoice.stage.is_final else f"{row.invoice_id} is paid, and its run is still {invoice.stage}"


def every_hold_ends(seen: Seen) -> Iterator[str | None]:
    for hold in seen.record.holds:
        is_whole = hold.owner.strip() and hold.words.strip() and hold.until_at > hold.from_at
        yield None if is_whole else f"hold {hold.hold_id} lacks an owner, a reason or an end"
    for case in seen.record.cases:
        if not case.state.is_open:
            continue
        is_owned = case.assigned_to is not None and case.words.strip()
        yield None if is_owned else f"case {case.case_id} is open and with nobody"
    for invoice in seen.record.invoices:
        if not invoice.stage.is_final:
            is_awaited = invoice.next_look_at is not None
            yield None if is_awaited else f"{invoice.invoice_id} waits, and nobody knows until when"


def everything_has_a_why(seen: Seen) -> Iterator[str | None]:
    for message in seen.record.messages:
        yield None if message.rule.strip() else f"{message.key} has no reason"
    for line in seen.record.lines:
        yield None if line.words.strip() and line.rule else f"{line.invoice_id}: {line.kind} at {line.at} has no rule"
    for case in seen.record.cases:
        yield None if case.words.strip() else f"{case.case_id} does not say why"
    for invoice in seen.record.invoices:
        yield None if invoice.reason.strip() else f"{invoice.invoice_id}: its next step has no reason"


def exact_money(seen: Seen) -> Iterator[str | None]:
    for invoice in seen.record.invoices:
        balance = invoice.amount
        for entry in seen.entries_of.get(invoice.invoice_id, ()):
            balance = balance + entry.amount
        yield (
            None
            if balance == invoice.open_balance
            else f"{invoice.invoice_id}: {invoice.open_balance} is open, and its entries make {balance}"
        )
    for row in seen.rows:
        invoice = seen.invoices.get(row.invoice_id)
        if invoice is None:
            continue
        expected = row.amount
        for payment in payments_of(row):
            expected = expected - payment.amount
        is_the_same = invoice.amount == row.amount and invoice.open_balance == expected
        yield (
            None
            if is_the_same
            else f"{row.invoice_id}: {invoice.open_balance} of {invoice.amount} is open, by the ledger {expected} "
            f"of {row.amount}"
        )
    for entry in seen.record.entries:
        if entry.invoice_id is None:
            yield f"{-entry.amount} of {entry.document_id} lies on no invoice"
    billed, moved, left = _totals(seen)
    for currency in sorted(billed):
        sums_up = billed[currency] + moved.get(currency, Money.zero(currency)) == left[currency]
        yield None if sums_up else f"{currency}: billed and booked do not make what is open"


def _totals(seen: Seen) -> tuple[dict[str, Money], dict[str, Money], dict[str, Money]]:
    billed: dict[str, Money] = {}
    moved: dict[str, Money] = {}
    left: dict[str, Money] = {}
    for invoice in seen.record.invoices:
        _add(billed, invoice.amount)
        _add(left, invoice.open_balance)
    for entry in seen.record.entries:
        if entry.invoice_id is not None:
            _add(moved, entry.amount)
    return billed, moved, left


def _add(totals: dict[str, Money], amount: Money) -> None:
    totals[amount.currency] = totals.get(amount.currency, Money.zero(amount.currency)) + amount
