"""Reading an account: one customer with everything open, for policy to judge. Asked at every turn of every invoice."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, case, exists, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.account import Account, PaymentHistory, Standing, StepTaken
from receivables.disputes import Dispute
from receivables.escalations import Case, CaseState
from receivables.ledger import EntryKind
from receivables.messages import Message, MessageItem, MessageState
from receivables.money import Money
from receivables.promises import PromiseToPay
from store import tables
from store.cases import case_of_row
from store.customers import UnknownCustomer, customer_of_row
from store.disputes import dispute_of_row
from store.feeds import STALEST, feed_of_row
from store.holds import hold_of_row
from store.invoices import FINAL_STAGES, UnknownInvoice, invoice_of_row
from store.messages import COLUMNS_OF_A_MESSAGE, message_of_row
from store.promises import promise_of_row

MESSAGES_SINCE = timedelta(days=60)
CASES_SINCE = timedelta(days=400)
HISTORY_SINCE = timedelta(days=365)


async def read_account(
    connection: AsyncConnection,
    *,
    customer_id: str,
    invoice_id: str | None = None,
    as_of: datetime,
    lock: bool = False,
) -> Account:
    """The customer with every invoice whose stage is not final or on which something is to be collected, and the one
    asked for. Raises UnknownCustomer, and UnknownInvoice where the one asked for is not theirs.

    `lock`: until the transaction ends nobody else judges or books for this customer; the lock is taken before
    anything is read. Everything is of one moment in `Database.reading()`, and in `writing()` with the lock.
    """
    values = {
        "customer_id": customer_id,
        "invoice_id": invoice_id,
        "messages_since": as_of - MESSAGES_SINCE,
        "cases_since": as_of - CASES_SINCE,
        "history_since": (as_of - HISTORY_SINCE).date(),
    }
    customer = (await connection.execute(_CUSTOMER_LOCKED if lock else _CUSTOMER, values)).one_or_none()
    if customer is None:
        raise UnknownCustomer(customer_id)
    invoices = (await connection.execute(_INVOICES, values)).all()
    if invoice_id is not None and all(row.invoice_id != invoice_id for row in invoices):
        raise UnknownInvoice(invoice_id)
    values["invoice_ids"] = [row.invoice_id for row in invoices]
    messages = _messages_of(await connection.execute(_MESSAGES, values))
    since = values["messages_since"]

    async def rows_of(statement: Select[*tuple[Any, ...]], flag: str) -> Iterable[Row[Any]]:
        """Most customers have none: then it is not asked."""
        return await connection.execute(statement, values) if _any(invoices, flag) else ()

    return Account(
        customer=customer_of_row(customer),
        standings=_standings(
            invoices,
            disputes=[dispute_of_row(row) for row in await rows_of(_DISPUTES, "has_disputes")],
            promises=[promise_of_row(row) for row in await rows_of(_PROMISES, "has_promises")],
            messages=messages,
        ),
        unapplied=tuple(
            Money(minor=int(row.minor), currency=row.currency) for row in await rows_of(_UNAPPLIED, "has_unapplied")
        ),
        messages=tuple(
            message for message in messages if message.reserved_at >= since or message.state.value in _UNSETTLED
        ),
        contacts_by_people=tuple(row.at for row in await rows_of(_CONTACTS, "has_contacts")),
        holds=tuple(hold_of_row(row) for row in await rows_of(_HOLDS, "has_holds")),
        cases=_cases_of(await rows_of(_CASES, "has_cases")),
        history=_history_of((await connection.execute(_HISTORY, values)).all(), customer),
        feed=next((feed_of_row(row) for row in await connection.execute(STALEST)), None),
    )


def _any(invoices: Sequence[Row[Any]], flag: str) -> bool:
    """Whether `_INVOICES` has seen any; without an invoice it has seen nothing, and so it may be."""
    return not invoices or any(getattr(row, flag) for row in invoices)


# The statements are made once: building them anew for each read would cost more than running them.

_customers, _invoices, _entries = tables.customers.c, tables.invoices.c, tables.entries.c
_messages, _items = tables.messages.c, tables.message_items.c
_UNSETTLED = [MessageState.RESERVED.value, MessageState.DEFERRED.value, MessageState.IN_DOUBT.value]
_OPEN_CASES = [state.value for state in CaseState if state.is_open]
_of_customer = bindparam("customer_id")

_CUSTOMER = select(tables.customers).where(_customers.customer_id == _of_customer)
_CUSTOMER_LOCKED = _CUSTOMER.with_for_update(key_share=True)


def _is_one_of(column: ColumnElement[Any], values: Iterable[str]) -> ColumnElement[bool]:
    """What IN says; but IN is written out anew each time that the statement is executed."""
    return or_(*(column == value for value in values))


def _booked(amount: ColumnElement[Any], *kinds: EntryKind, but: EntryKind | None = None) -> ColumnElement[Any]:
    query = select(amount).where(_entries.invoice_id == _invoices.invoice_id)
    if kinds:
        query = query.where(_is_one_of(_entries.kind, [kind.value for kind in kinds]))
    if but is not None:
        query = query.where(_entries.kind != but.value)
    return query.correlate(tables.invoices).scalar_subquery()


# What a customer has besides invoices and messages, which most do not: `_INVOICES` looks whether there is any.

_contacts, _holds, _cases = tables.people_contacts.c, tables.holds.c, tables.cases.c
_lies_unapplied = and_(_entries.customer_id == _of_customer, _entries.invoice_id.is_(None))
_is_recent_contact = and_(
    _contacts.customer_id == _of_customer, _contacts.at >= bindparam("messages_since", type_=_contacts.at.type)
)
_is_unreleased = and_(_holds.customer_id == _of_customer, _holds.released_at.is_(None))
_is_open_or_recent = and_(
    _cases.customer_id == _of_customer,
    or_(
        _is_one_of(_cases.state, _OPEN_CASES),
        _cases.decided_at >= bindparam("cases_since", type_=_cases.decided_at.type),
    ),
)

_INVOICES = (
    select(
        *(
            _invoices[name]
            for name in (
                "invoice_id",
                "customer_id",
                "amount_minor",
                "currency",
                "issued_on",
                "due_on",
                "lines",
                "purchase_order",
                "discount",
                "ladder",
                "draft",
                "withdrawn_at",
                "written_off_at",
                "cycle",
                "policy_version",
                "opened_at",
                "reopened_at",
                "open_minor",
            )
        ),
        _booked(func.coalesce(-func.sum(_entries.amount_minor), 0), but=EntryKind.WRITE_OFF).label("received_minor"),
        _booked(func.max(_entries.booked_on), EntryKind.PAYMENT).label("last_payment_on"),
        exists().where(tables.disputes.c.invoice_id == _invoices.invoice_id).label("has_disputes"),
        exists().where(tables.promises.c.invoice_id == _invoices.invoice_id).label("has_promises"),
        exists().where(_lies_unapplied).label("has_unapplied"),
        exists().where(_is_recent_contact).label("has_contacts"),
        exists().where(_is_unreleased).label("has_holds"),
        exists().where(_is_open_or_recent).label("has_cases"),
    )
    .where(
        _invoices.customer_id == _of_customer,
        or_(
            not_(_is_one_of(_invoices.stage, FINAL_STAGES)),
            # Owed, though its run was told otherwise: what is withdrawn, or settled but for a tolerated rest, is not.
            and_(_invoices.open_minor > 0, _invoices.settled_on.is_(None), _invoices.withdrawn_at.is_(None)),
            _invoices.invoice_id == bindparam("invoice_id", type_=_invoices.invoice_id.type),
        ),
    )
    .order_by(_invoices.due_on, _invoices.invoice_id)
)
_of_these_invoices = bindparam("invoice_ids", expanding=True)
_DISPUTES = (
    select(tables.disputes)
    .where(tables.disputes.c.invoice_id.in_(_of_these_invoices))
    .order_by(tables.disputes.c.opened_at, tables.disputes.c.dispute_id)
)
_PROMISES = (
    select(tables.promises)
    .where(tables.promises.c.invoice_id.in_(_of_these_invoices))
    .order_by(tables.promises.c.said_at, tables.promises.c.promise_id)
)
_own_items = tables.message_items.alias("own_items").c
_MESSAGES = (
    select(
        *COLUMNS_OF_A_MESSAGE,
        _items.invoice_id.label("item_invoice_id"),
        _items.step.label("item_step"),
        _items.level.label("item_level"),
        _items.cycle.label("item_cycle"),
        _items.open_minor.label("item_open_minor"),
        _items.currency.label("item_currency"),
    )
    .outerjoin_from(tables.messages, tables.message_items, _items.key == _messages.key)
    .where(
        _messages.customer_id == _of_customer,
        or_(
            _messages.reserved_at >= bindparam("messages_since", type_=_messages.reserved_at.type),
            _is_one_of(_messages.state, _UNSETTLED),
            _messages.key.in_(select(_own_items.key).where(_own_items.invoice_id.in_(_of_these_invoices))),
        ),
    )
    .order_by(_messages.reserved_at, _messages.key, _items.invoice_id, _items.step)
)
_UNAPPLIED = (
    select(_entries.currency, (-func.sum(_entries.amount_minor)).label("minor"))
    .where(_lies_unapplied)
    .group_by(_entries.currency)
    .having(func.sum(_entries.amount_minor) < 0)
    .order_by(_entries.currency)
)
_CONTACTS = select(_contacts.at).where(_is_recent_contact).order_by(_contacts.at)
_HOLDS = select(tables.holds).where(_is_unreleased).order_by(_holds.until_at, _holds.hold_id)
_CASES = (
    select(tables.cases, tables.case_invoices.c.invoice_id)
    .outerjoin_from(tables.cases, tables.case_invoices, tables.case_invoices.c.case_id == _cases.case_id)
    .where(_is_open_or_recent)
    .order_by(_cases.wanted_at, _cases.case_id, tables.case_invoices.c.invoice_id)
)
_history_since = bindparam("history_since", type_=_invoices.issued_on.type)
_HISTORY = (
    select(
        _invoices.currency,
        func.min(_invoices.issued_on).label("first_issued_on"),
        func.sum(
            case(
                (
                    _invoices.issued_on > bindparam("history_since", type_=_invoices.issued_on.type),
                    _invoices.amount_minor,
                ),
                else_=0,
            )
        ).label("invoiced_minor"),
        func.count(_invoices.settled_on).label("settled"),
        func.sum(case((_invoices.settled_on > _invoices.due_on, 1), else_=0)).label("settled_late"),
    )
    .where(_invoices.customer_id == _of_customer, _invoices.draft.is_(False))
    .group_by(_invoices.currency)
    .order_by(_invoices.currency)
)


def _messages_of(rows: Iterable[Row[Any]]) -> list[Message]:
    """One message for the rows of its items, which come one after the other."""
    found: list[tuple[Row[Any], list[MessageItem]]] = []
    for row in rows:
        if not found or found[-1][0].key != row.key:
            found.append((row, []))
        if row.item_invoice_id is not None:
            found[-1][1].append(
                MessageItem(
                    invoice_id=row.item_invoice_id,
                    step=row.item_step,
                    level=row.item_level,
                    cycle=row.item_cycle,
                    open_balance=Money(minor=row.item_open_minor, currency=row.item_currency),
                )
            )
    return [message_of_row(row, items) for row, items in found]


def _cases_of(rows: Iterable[Row[Any]]) -> tuple[Case, ...]:
    found: list[tuple[Row[Any], list[str]]] = []
    for row in rows:
        if not found or found[-1][0].case_id != row.case_id:
            found.append((row, []))
        if row.invoice_id is not None:
            found[-1][1].append(row.invoice_id)
    return tuple(case_of_row(row, invoice_ids) for row, invoice_ids in found)


def _standings(
    rows: Iterable[Row[Any]], *, disputes: list[Dispute], promises: list[PromiseToPay], messages: list[Message]
) -> tuple[Standing, ...]:
    steps: dict[str, list[StepTaken]] = {}
    for message in messages:
        for item in message.items:
            steps.setdefault(item.invoice_id, []).append(StepTaken(item=item, message=message))
    return tuple(
        Standing(
            invoice=invoice_of_row(row),
            open_balance=Money(minor=row.open_minor, currency=row.currency),
            received=Money(minor=int(row.received_minor), currency=row.currency),
            last_payment_on=row.last_payment_on,
            disputes=tuple(dispute for dispute in disputes if dispute.invoice_id == row.invoice_id),
            promises=tuple(promise for promise in promises if promise.invoice_id == row.invoice_id),
            steps_taken=tuple(steps.get(row.invoice_id, ())),
        )
        for row in rows
    )


def _history_of(rows: Iterable[Any], customer: Row[Any]) -> PaymentHistory:
    rows = list(rows)
    return PaymentHistory(
        first_issued_on=min((row.first_issued_on for row in rows), default=None),
        invoiced_last_year=tuple(
            Money(minor=int(row.invoiced_minor), currency=row.currency) for row in rows if row.invoiced_minor
        ),
        settled_count=sum(row.settled for row in rows),
        settled_late_count=sum(int(row.settled_late) for row in rows),
        last_trouble_on=customer.trouble_on,
        last_trouble=customer.trouble,
    )
