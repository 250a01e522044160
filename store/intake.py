"""Taking in facts: one function a kind of fact, each run in the caller's transaction, stored whole or not at all.

The fact's id is the teller's own. Told the same again, nothing changes and the first answer is given again; the same id
with other content is a conflict (`store.facts.FactConflict`). What is returned says which workflows are to be told.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.customer import Customer
from receivables.frozen import Frozen
from receivables.holds import Hold, HoldReason
from receivables.invoice import Invoice, InvoiceLine, Stage
from receivables.ledger import Allocation, EntryKind, PaymentFeed
from receivables.money import Money
from receivables.replies import Reply
from store import customers, facts, feeds, holds, invoices, ledger, policies, replies, reversals, tables, timeline
from store.customers import UnknownCustomer
from store.facts import NewsKind, Telling
from store.invoices import UnknownInvoice


class Taken(Frozen):
    """A fact taken in. `is_new` False: it was told before, and `answer` is what was answered then."""

    is_new: bool
    answer: dict[str, Any]
    tellings: tuple[Telling, ...] = ()


async def open_invoice(
    connection: AsyncConnection, *, invoice: Invoice, customer: Customer | None = None, by: str, at: datetime
) -> Taken:
    """An invoice to collect. `customer` is stored with it where we do not know them yet, or know them otherwise."""
    content = invoice.model_dump(mode="json", exclude={"opened_at", "policy_version"})
    fact_id = f"invoice:{invoice.invoice_id}"
    taken = await _take(connection, fact_id, "invoice", content, f"invoice {invoice.invoice_id} opened", by, at)
    if taken is not None:
        return taken
    if customer is not None:
        await customers.save_customer(connection, customer, at=at)
    current = await policies.current(connection)
    await invoices.add_invoice(
        connection, invoice.model_copy(update={"policy_version": current.version if current is not None else ""})
    )
    await timeline.add_line(
        connection,
        natural_key=fact_id,
        customer_id=invoice.customer_id,
        invoice_id=invoice.invoice_id,
        at=at,
        kind="fact",
        words=f"opened: {invoice.amount} due {invoice.due_on}",
    )
    return await _told(
        connection,
        fact_id,
        {"invoice_id": invoice.invoice_id},
        "opened",
        (invoice.invoice_id,),
        f"invoice {invoice.invoice_id} opened",
        at,
    )


async def take_money(
    connection: AsyncConnection,
    *,
    document_id: str,
    kind: EntryKind = EntryKind.PAYMENT,
    customer_id: str | None,
    amount: Money,
    allocations: Iterable[Allocation],
    booked_on: date,
    by: str,
    at: datetime,
) -> Taken:
    """A payment or credit note. What fits no invoice that we know stays unapplied, for a person to see."""
    allocations = tuple(allocations)
    words = f"{kind.value.replace('_', ' ')} {document_id} of {amount}"
    content = {
        "customer_id": customer_id,
        "amount": amount.model_dump(),
        "allocations": [allocation.model_dump() for allocation in allocations],
        "booked_on": booked_on.isoformat(),
    }
    fact_id = f"{kind.value}:{document_id}"
    taken = await _take(connection, fact_id, kind.value, content, words, by, at)
    if taken is not None:
        return taken
    applied = await ledger.book_payment(
        connection,
        document_id=document_id,
        kind=kind,
        customer_id=customer_id,
        amount=amount,
        allocations=allocations,
        booked_on=booked_on,
        recorded_at=at,
    )
    touched = tuple(allocation.invoice_id for allocation in applied.to_invoices)
    for allocation in applied.to_invoices:
        await _line_of(connection, fact_id, allocation.invoice_id, at, f"{words}: {allocation.amount} for this invoice")
    answer = {
        "to_invoices": [
            {
                "invoice_id": allocation.invoice_id,
                "amount": allocation.amount.model_dump() if allocation.amount else None,
            }
            for allocation in applied.to_invoices
        ],
        "unapplied": applied.unapplied.model_dump(),
    }
    return await _told(connection, fact_id, answer, "payment_received", touched, words, at)


async def take_reversal(
    connection: AsyncConnection,
    *,
    document_id: str,
    kind: EntryKind,
    of_document_id: str,
    amount: Money | None = None,
    booked_on: date,
    by: str,
    at: datetime,
) -> Taken:
    """A refund, a chargeback or its reversal, a cancelled payment: what it settled is owed again, or settled again."""
    words = f"{kind.value.replace('_', ' ')} {document_id} of {of_document_id}"
    content = {
        "of": of_document_id,
        "amount": amount.model_dump() if amount else None,
        "booked_on": booked_on.isoformat(),
    }
    fact_id = f"{kind.value}:{document_id}"
    taken = await _take(connection, fact_id, kind.value, content, words, by, at)
    if taken is not None:
        return taken
    touched = await reversals.book_reversal(
        connection,
        document_id=document_id,
        kind=kind,
        of_document_id=of_document_id,
        amount=amount,
        booked_on=booked_on,
        recorded_at=at,
    )
    for invoice_id in touched:
        await _line_of(connection, fact_id, invoice_id, at, words)
    return await _told(connection, fact_id, {"invoices": list(touched)}, "payment_received", tuple(touched), words, at)


async def take_write_off(
    connection: AsyncConnection,
    *,
    document_id: str,
    invoice_id: str,
    amount: Money | None = None,
    booked_on: date,
    by: str,
    at: datetime,
) -> Taken:
    """The books have given up what is open on an invoice (`amount` None), or a part of it."""
    words = f"write-off {document_id} of {amount or 'all that is open'}"
    content = {"invoice_id": invoice_id, "amount": amount, "booked_on": booked_on}
    fact_id = f"write_off:{document_id}"
    taken = await _take(connection, fact_id, "write_off", content, words, by, at)
    if taken is not None:
        return taken
    given_up = await ledger.write_off(
        connection,
        document_id=document_id,
        invoice_id=invoice_id,
        booked_on=booked_on,
        recorded_at=at,
        amount=amount,
    )
    await _line_of(connection, fact_id, invoice_id, at, f"write-off {document_id} of {given_up}")
    answer = {"invoice_id": invoice_id, "amount": given_up.model_dump()}
    return await _told(connection, fact_id, answer, "payment_received", (invoice_id,), words, at)


async def take_reply(
    connection: AsyncConnection, *, reply: Reply, hold_until: datetime, owner: str, by: str, at: datetime
) -> Taken:
    """A reply that was read already. A human one freezes automated contact in this very transaction (promise 3)."""
    fact_id = f"reply:{reply.reply_id}"
    words = f"reply {reply.reply_id}"
    taken = await _take(connection, fact_id, "reply", reply.model_dump(mode="json"), words, by, at)
    if taken is not None:
        return taken
    if await customers.find_customer(connection, reply.customer_id) is None:
        raise UnknownCustomer(reply.customer_id)
    for invoice_id in reply.invoice_ids:
        record = await invoices.find_invoice(connection, invoice_id)
        if record is None or record.invoice.customer_id != reply.customer_id:
            raise UnknownInvoice(invoice_id)
    await customers.lock_customer(connection, reply.customer_id)
    await replies.add_reply(connection, reply)
    if not reply.reading.is_from_a_machine:
        await holds.place(
            connection,
            Hold(
                hold_id=fact_id,
                customer_id=reply.customer_id,
                reason=HoldReason.REPLY,
                words=f"reply {reply.reply_id} is being read",
                owner=owner,
                from_at=at,
                until_at=hold_until,
            ),
        )
    told = reply.invoice_ids
    if not told:
        told = (await _running(connection, reply.customer_id))[:1]
    return await _told(connection, fact_id, {"reply_id": reply.reply_id}, "reply_received", told, words, at)


async def change_terms(
    connection: AsyncConnection,
    *,
    change_id: str,
    invoice_id: str,
    due_on: date | None = None,
    ladder: str | None = None,
    lines: tuple[InvoiceLine, ...] | None = None,
    draft: bool | None = None,
    by: str,
    at: datetime,
) -> Taken:
    """New terms of a running invoice: due date, ladder, lines, or a draft that is final now. None: as it was."""
    changes: dict[str, Any] = {"due_on": due_on, "ladder": ladder, "lines": lines, "draft": draft}
    changed = {name: value for name, value in changes.items() if value is not None}
    words = f"terms of {invoice_id} changed: " + ", ".join(
        f"{name} {value}" if name != "lines" else "lines" for name, value in changed.items()
    )
    fact_id = f"terms:{change_id}"
    taken = await _take(
        connection, fact_id, "terms", {"invoice_id": invoice_id, "changes": repr(changed)}, words, by, at
    )
    if taken is not None:
        return taken
    await invoices.change_terms(connection, invoice_id, **changed, at=at)
    await _line_of(connection, fact_id, invoice_id, at, words)
    return await _told(connection, fact_id, {"invoice_id": invoice_id}, "terms_changed", (invoice_id,), words, at)


async def withdraw_invoice(
    connection: AsyncConnection, *, change_id: str, invoice_id: str, because: str, by: str, at: datetime
) -> Taken:
    """The backend takes an invoice out of collection (cancelled, billed in error, collected elsewhere)."""
    words = f"{invoice_id} withdrawn: {because}"
    fact_id = f"withdrawal:{change_id}"
    taken = await _take(
        connection, fact_id, "withdrawal", {"invoice_id": invoice_id, "because": because}, words, by, at
    )
    if taken is not None:
        return taken
    await invoices.withdraw(connection, invoice_id, at=at)
    await _line_of(connection, fact_id, invoice_id, at, words)
    return await _told(connection, fact_id, {"invoice_id": invoice_id}, "terms_changed", (invoice_id,), words, at)


async def save_customer(
    connection: AsyncConnection, *, customer: Customer, change_id: str, by: str, at: datetime
) -> Taken:
    """Who a customer is and how they want to be treated. Running invoices look again."""
    words = f"customer {customer.customer_id} changed"
    fact_id = f"customer:{change_id}"
    taken = await _take(connection, fact_id, "customer", customer.model_dump(mode="json"), words, by, at)
    if taken is not None:
        return taken
    await customers.save_customer(connection, customer, at=at)
    running = await _running(connection, customer.customer_id)
    return await _told(connection, fact_id, {"customer_id": customer.customer_id}, "look_again", running, words, at)


async def report_feed(connection: AsyncConnection, *, feed: PaymentFeed, by: str, at: datetime) -> Taken:
    """The payment feed says until when it is complete; it never goes back. Whoever waited for it looks again."""
    fact_id = f"feed:{feed.feed_id}:{feed.complete_until_at.isoformat()}"
    words = f"payment feed {feed.feed_id} is complete until {feed.complete_until_at:%d %b %Y %H:%M} UTC"
    taken = await _take(connection, fact_id, "feed", feed.complete_until_at, words, by, at)
    if taken is not None:
        return taken
    await feeds.report_feed(connection, feed)
    table = tables.invoices.c
    waiting = await connection.execute(
        select(table.invoice_id).where(
            table.next_step["reason"]["rule"].as_string() == "fresh_money",
            table.stage.not_in([stage.value for stage in Stage if stage.is_final]),
        )
    )
    held_back = tuple(waiting.scalars())
    return await _told(connection, fact_id, {"feed_id": feed.feed_id}, "look_again", held_back, words, at)


async def _take(
    connection: AsyncConnection, fact_id: str, kind: str, content: object, words: str, by: str, at: datetime
) -> Taken | None:
    """None: it is new. Otherwise what was answered when it was first told."""
    taken = await facts.take_fact(
        connection, fact_id=fact_id, kind=kind, fingerprint=facts.fingerprint(content), words=words, by=by, at=at
    )
    return None if taken.is_new else Taken(is_new=False, answer=taken.answer or {})


async def _told(
    connection: AsyncConnection,
    fact_id: str,
    answer: dict[str, Any],
    news: NewsKind,
    invoice_ids: tuple[str, ...],
    words: str,
    at: datetime,
) -> Taken:
    await facts.answer_fact(connection, fact_id=fact_id, answer=answer)
    await facts.tell(connection, fact_id=fact_id, invoice_ids=invoice_ids, news=news, at=at)
    return Taken(
        is_new=True,
        answer=answer,
        tellings=tuple(
            Telling(fact_id=fact_id, invoice_id=invoice_id, news=news, words=words) for invoice_id in invoice_ids
        ),
    )


async def _running(connection: AsyncConnection, customer_id: str) -> tuple[str, ...]:
    """The customer's invoices whose run goes on, oldest due first."""
    table = tables.invoices.c
    rows = await connection.execute(
        select(table.invoice_id)
        .where(table.customer_id == customer_id, table.stage.not_in([s.value for s in Stage if s.is_final]))
        .order_by(table.due_on, table.invoice_id)
    )
    return tuple(rows.scalars())


async def _line_of(connection: AsyncConnection, fact_id: str, invoice_id: str, at: datetime, words: str) -> None:
    record = await invoices.find_invoice(connection, invoice_id)
    if record is None:
        raise UnknownInvoice(invoice_id)
    await timeline.add_line(
        connection,
        natural_key=f"{fact_id}:{invoice_id}"[:400],
        customer_id=record.invoice.customer_id,
        invoice_id=invoice_id,
        at=at,
        kind="fact",
        words=words,
    )
