"""Reversals: money given back, taken back, or reported in error; and taken back in error."""

from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.ledger import EntryKind
from receivables.money import Money
from receivables.promises import PromiseState
from store import tables
from store.booking import (
    Document,
    Line,
    Tolerance,
    is_booked,
    move_balance,
    read_invoices,
    require_positive,
    take_document,
    write_entries,
)
from store.customers import lock_customers, note_trouble
from store.invoices import UnknownInvoice
from store.shares import UNDOES, NothingToReverse, Share, concerns, shares_to_take


async def book_reversal(
    connection: AsyncConnection,
    *,
    document_id: str,
    kind: EntryKind,
    booked_on: date,
    recorded_at: datetime,
    of_document_id: str | None = None,
    of_kind: EntryKind | None = None,
    invoice_id: str | None = None,
    amount: Money | None = None,
    tolerance: Tolerance | None = None,
) -> tuple[str, ...]:
    """Undoes a document, or a part of it; says which invoices it touched.

    A refund, chargeback or cancellation takes back what was placed: first what is unapplied, then from the invoices,
    the last placed first. A settled invoice that is owed again begins its next cycle. A reversed chargeback places
    the money where it was taken, as far as that is open. `of_document_id` names what is undone (for a reversed
    chargeback: the chargeback or its payment), `invoice_id` the invoice instead, or both. `amount` None: all that is
    left of it.

    Booked again with the same content it does nothing and answers the same; with other content it raises
    DocumentConflict. Raises NothingToReverse, ReversedTooMuch, UnknownInvoice, NotAPositiveAmount, CurrencyMismatch.
    """
    if kind not in UNDOES:
        raise ValueError(f"{kind.value} {document_id} undoes nothing; it is booked by book_payment or write_off")
    if of_document_id is None and invoice_id is None:
        raise ValueError(f"{kind.value} {document_id} says neither which document nor which invoice it concerns")
    if amount is not None:
        require_positive(f"{kind.value} {document_id}", amount)
    document = Document(
        document_id=document_id,
        kind=kind,
        content=[of_document_id, of_kind, invoice_id, amount, booked_on],
        recorded_at=recorded_at,
        of_document_id=of_document_id,
        of_kind=of_kind,
    )
    if await is_booked(connection, document):
        return await _touched(connection, document)
    undone = await _lock_what_is_undone(connection, document, invoice_id=invoice_id)
    if await is_booked(connection, document):  # by somebody who held the lock until now
        return await _touched(connection, document)
    document = replace(
        document,
        of_document_id=undone[0] if undone is not None else None,
        of_kind=undone[1] if undone is not None else None,
    )
    shares = await shares_to_take(
        connection,
        kind=kind,
        what=f"{kind.value.replace('_', ' ')} {document_id}",
        undone=undone,
        invoice_id=invoice_id,
        amount=amount,
    )
    invoices = await read_invoices(connection, [share.invoice_id for share in shares if share.invoice_id is not None])
    sign = -1 if kind is EntryKind.CHARGEBACK_REVERSED else 1
    lines: dict[tuple[str | None, str, str], Line] = {}
    moved: dict[str, int] = {}

    def add(minor: int, share: Share, to_invoice: str | None) -> None:
        key = (to_invoice, share.of_document_id, share.of_kind)
        before = lines[key].minor if key in lines else 0
        lines[key] = Line(
            minor=before + minor,
            currency=share.currency,
            customer_id=share.customer_id if to_invoice is not None else share.payer,
            invoice_id=to_invoice,
            of_document_id=share.of_document_id,
            of_kind=share.of_kind,
        )

    for share in shares:
        to_invoice, minor = share.invoice_id, share.minor
        if to_invoice is not None:
            if sign < 0:  # money that comes again goes no further than what is open; the rest is unapplied
                minor = max(0, min(minor, invoices[to_invoice].open_minor + moved.get(to_invoice, 0)))
            moved[to_invoice] = moved.get(to_invoice, 0) + sign * minor
        add(sign * minor, share, to_invoice)
        if minor < share.minor:
            add(minor - share.minor, share, None)
    await take_document(connection, document)
    await write_entries(connection, document, [line for line in lines.values() if line.minor], booked_on=booked_on)
    for touched, minor in sorted(moved.items()):
        if minor:
            await move_balance(connection, invoices[touched], minor, booked_on=booked_on, tolerance=tolerance)
    await _follow_up(connection, document, {touched: invoices[touched].customer_id for touched in moved}, booked_on)
    return await _touched(connection, document)


async def _lock_what_is_undone(
    connection: AsyncConnection, document: Document, *, invoice_id: str | None
) -> tuple[str, EntryKind] | None:
    """Finds the document that is undone, and locks it and then the customers whose invoices it lies on."""
    entries, invoices = tables.entries.c, tables.invoices.c
    undone: tuple[str, EntryKind] | None = None
    customer_ids: set[str] = set()
    if invoice_id is not None:
        invoice = (await read_invoices(connection, [invoice_id])).get(invoice_id)
        if invoice is None:
            raise UnknownInvoice(invoice_id)
        customer_ids.add(invoice.customer_id)
    if document.of_document_id is not None:
        kinds = (document.of_kind,) if document.of_kind is not None else UNDOES[document.kind]
        undone = await _find(connection, document.of_document_id, kinds)
    if undone is None and document.kind is EntryKind.CHARGEBACK_REVERSED:
        undone = await _only_chargeback(connection, of_document_id=document.of_document_id, invoice_id=invoice_id)
    if undone is not None:
        rows = await connection.execute(
            select(invoices.customer_id)
            .distinct()
            .where(invoices.invoice_id.in_(select(entries.invoice_id).where(concerns(*undone))))
        )
        customer_ids |= set(rows.scalars())
    elif document.of_document_id is not None or document.kind is EntryKind.CHARGEBACK_REVERSED:
        names = " or ".join(kind.value.replace("_", " ") for kind in UNDOES[document.kind])
        raise NothingToReverse(f"there is no {names} {document.of_document_id or f'of {invoice_id}'} to undo")
    await lock_customers(connection, customer_ids)
    return undone


async def _find(
    connection: AsyncConnection, document_id: str, kinds: tuple[EntryKind, ...]
) -> tuple[str, EntryKind] | None:
    documents = tables.documents.c
    rows = await connection.execute(
        select(documents.kind)
        .where(documents.document_id == document_id, documents.kind.in_([kind.value for kind in kinds]))
        .order_by(documents.kind.desc())  # a payment before a credit note of the same id
        .with_for_update(key_share=True)
    )
    found = rows.scalars().first()
    return None if found is None else (document_id, EntryKind(found))


async def _only_chargeback(
    connection: AsyncConnection, *, of_document_id: str | None, invoice_id: str | None
) -> tuple[str, EntryKind] | None:
    """The chargeback of this payment, or on this invoice, that nobody reversed yet; where there is just one."""
    entries, reversal = tables.entries.c, tables.documents.alias("reversal").c
    query = (
        select(entries.document_id)
        .distinct()
        .where(
            entries.kind == EntryKind.CHARGEBACK.value,
            ~exists().where(
                reversal.of_document_id == entries.document_id, reversal.of_kind == EntryKind.CHARGEBACK.value
            ),
        )
    )
    if of_document_id is not None:
        query = query.where(entries.of_document_id == of_document_id)
    if invoice_id is not None:
        query = query.where(entries.invoice_id == invoice_id)
    found = (await connection.execute(query.limit(2))).scalars().all()
    return await _find(connection, found[0], (EntryKind.CHARGEBACK,)) if len(found) == 1 else None


async def _follow_up(
    connection: AsyncConnection, document: Document, customer_of: dict[str, str], booked_on: date
) -> None:
    if document.kind is EntryKind.PAYMENT_CANCELLED:
        await _open_promises_again(connection, sorted(customer_of))
    if document.kind is EntryKind.CHARGEBACK:
        words = f"chargeback {document.document_id}"
        for customer_id in sorted(set(customer_of.values())):
            await note_trouble(connection, customer_id=customer_id, on=booked_on, words=words)


async def _open_promises_again(connection: AsyncConnection, invoice_ids: list[str]) -> None:
    """A payment that never was kept no promise: what it had kept is open again."""
    promises, invoices = tables.promises.c, tables.invoices.c
    open_now = select(invoices.open_minor).where(invoices.invoice_id == promises.invoice_id).scalar_subquery()
    await connection.execute(
        update(tables.promises)
        .where(
            promises.invoice_id.in_(invoice_ids),
            promises.state == PromiseState.KEPT.value,
            open_now > 0,
            open_now > promises.balance_then_minor - promises.amount_minor,
        )
        .values(state=PromiseState.OPEN.value)
    )


async def _touched(connection: AsyncConnection, document: Document) -> tuple[str, ...]:
    entries = tables.entries.c
    rows = await connection.execute(
        select(entries.invoice_id)
        .distinct()
        .where(
            entries.document_id == document.document_id,
            entries.kind == document.kind.value,
            entries.invoice_id.is_not(None),
        )
        .order_by(entries.invoice_id)
    )
    return tuple(rows.scalars())
