"""Importing a ledger from CSV: every fault is listed, and nothing is started unless the bad rows may be skipped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from api.access import Caller, Role, needs
from api.bodies import StrictRoute
from api.errors import FaultDocument, problems
from api.refusals import Fault, RefusedByRule
from api.services import Services, Use
from api.values import Answered, CountryCode, LanguageCode, ShortWords
from receivables.customer import Contact, Customer
from receivables.disputes import Dispute
from receivables.invoice import EarlyPaymentDiscount, Invoice, InvoiceLine
from receivables.ledger import Allocation
from receivables.ledger_file.reading import read_ledger
from receivables.ledger_file.rows import LedgerFile, LedgerRow, ReadingOptions
from receivables.money import Money
from store import agents, customers, disputes, intake, invoices
from store.facts import Telling

router = APIRouter(prefix="/v1", tags=["ledger import"], route_class=StrictRoute)

ROWS_A_TRANSACTION = 50
MOST_FAULTS_SHOWN = 1000


class ImportAnswer(Answered):
    """What became of the file."""

    rows: int = Field(description="Rows that could be read.")
    opened: int = Field(description="Invoices that were new.")
    known: int = Field(description="Invoices that were here already, as the file has them.")
    skipped: list[FaultDocument] = Field(description="What was wrong with the rows that were left out.")
    understood: str = Field(description="Which column was read as what.")
    notes: list[str]
    told: bool = Field(description="Whether every workflow was started; if not, they will be.")


@dataclass
class Progress:
    """How far an import has come."""

    opened: int = 0
    known: int = 0
    told: bool = True


CSV_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {
                "schema": {"type": "string"},
                "example": "invoice_id,customer_id,customer_name,country,amount,currency,issued_on,due_on\n"
                "INV-1,C-1,Acme GmbH,DE,1200.00,EUR,2026-01-05,2026-02-04\n",
            }
        },
    }
}


@router.post(
    "/ledger-imports",
    operation_id="import_ledger",
    summary="Import a ledger from CSV",
    description="Columns are recognised, or mapped by `map`. Every fault is listed with its row and column, and "
    "nothing is started, unless `skip_bad` is given. Import the same file again as often as you like: each invoice is "
    "opened once.",
    response_model=ImportAnswer,
    status_code=200,
    responses={
        202: {"description": "Stored; not every workflow was started yet.", "model": ImportAnswer},
        **problems(400, 413),
    },
    openapi_extra=CSV_BODY,
)
async def import_ledger(
    *,
    request: Request,
    use: Use,
    caller: Annotated[Caller, Depends(needs(Role.SERVICE, Role.OPERATOR))],
    skip_bad: Annotated[bool, Query(description="Import the good rows only.")] = False,
    columns: Annotated[
        ShortWords | None, Query(alias="map", description="A preset, or column=field,column=field.")
    ] = None,
    currency: Annotated[str | None, Query(pattern="^[A-Z]{3}$", description="For rows that name none.")] = None,
    country: Annotated[CountryCode | None, Query(description="For rows that name none.")] = None,
    language: Annotated[LanguageCode, Query(description="For rows that name none.")] = "en",
    date_format: Annotated[Literal["d/m/y", "m/d/y", "y-m-d"] | None, Query()] = None,
) -> Response:
    body = await request.body()
    at = use.clock()
    async with use.database.reading() as connection:
        owners = frozenset(agent.agent_id for agent in await agents.list_agents(connection))
    options = ReadingOptions(
        map=columns,
        currency=currency,
        country=country,
        language=language,
        date_format=date_format,
        as_of=at.date(),
        known_owners=owners or None,
    )
    ledger: LedgerFile = await run_in_threadpool(read_ledger, body, options=options)
    faults = [
        Fault(place=_place(fault.row, fault.column), words=_words(fault.value, fault.expected))
        for fault in ledger.faults
    ]
    rows, known, contradictions = await against_what_we_know(use, ledger.rows)
    faults += contradictions
    if faults and not (skip_bad and ledger.can_skip_bad):
        raise RefusedByRule(
            f"{len(faults)} faults; nothing was imported."
            + (" With skip_bad=true the good rows are." if ledger.can_skip_bad else ""),
            kind="bad_ledger",
            faults=faults[:MOST_FAULTS_SHOWN],
        )
    progress = await take_rows(use, rows, by=caller.name, at=at)
    answer = ImportAnswer(
        rows=len(ledger.rows),
        opened=progress.opened,
        known=known + progress.known,
        skipped=[FaultDocument(place=fault.place, words=fault.words) for fault in faults[:MOST_FAULTS_SHOWN]],
        understood=ledger.mapping.words(),
        notes=list(ledger.notes),
        told=progress.told,
    )
    return JSONResponse(answer.model_dump(mode="json"), status_code=200 if progress.told else 202)


async def take_rows(use: Services, rows: Sequence[LedgerRow], *, by: str, at: datetime) -> Progress:
    """Open the invoices of these rows, with the money and disputes that their rows tell of; asked again, nothing."""
    progress = Progress()
    for start in range(0, len(rows), ROWS_A_TRANSACTION):
        tellings: list[Telling] = []
        async with use.database.writing() as connection:
            for row in rows[start : start + ROWS_A_TRANSACTION]:
                told = await _take_row(connection, row, by=by, at=at)
                progress.opened += bool(told)
                progress.known += not told
                tellings += told
            cases = {
                telling.invoice_id: await invoices.case_file_of(connection, telling.invoice_id) for telling in tellings
            }
        progress.told &= await use.herald.tell(tellings, cases)
    return progress


async def _take_row(connection: AsyncConnection, row: LedgerRow, *, by: str, at: datetime) -> tuple[Telling, ...]:
    """Empty where the invoice was here already."""
    customer = None
    if await customers.find_customer(connection, row.customer_id) is None:
        customer = customer_of(row)
    taken = await intake.open_invoice(
        connection, invoice=invoice_of(row, opened_at=at), customer=customer, by=by, at=at
    )
    if not taken.is_new:
        return ()
    told = list(taken.tellings)
    for document_id, amount, booked_on in money_of(row, as_of=at.date()):
        money = await intake.take_money(
            connection,
            document_id=document_id,
            customer_id=row.customer_id,
            amount=amount,
            allocations=[Allocation(invoice_id=row.invoice_id, amount=amount)],
            booked_on=booked_on,
            by=by,
            at=at,
        )
        told += money.tellings
    if row.disputed:
        await disputes.add(
            connection,
            Dispute(
                dispute_id=f"ledger:{row.invoice_id}",
                invoice_id=row.invoice_id,
                customer_id=row.customer_id,
                words="disputed, as the imported ledger says",
                opened_at=datetime.combine(row.disputed_on, time(), UTC) if row.disputed_on is not None else at,
            ),
        )
    return tuple(told)


def customer_of(row: LedgerRow) -> Customer:
    return Customer(
        customer_id=row.customer_id,
        name=row.customer_name,
        country=row.country,
        language=row.language,
        time_zone=row.time_zone,
        contact=Contact(name=row.contact_name, email=row.email),
        owner=row.owner,
        relationship=row.relationship,
        personal_only=row.personal_only,
    )


def invoice_of(row: LedgerRow, *, opened_at: datetime) -> Invoice:
    discount = None
    if row.discount_percent is not None and row.discount_until_on is not None:
        discount = EarlyPaymentDiscount(percent=row.discount_percent, until_on=row.discount_until_on)
    return Invoice(
        invoice_id=row.invoice_id,
        customer_id=row.customer_id,
        amount=row.amount,
        issued_on=row.issued_on,
        due_on=row.due_on,
        lines=(InvoiceLine(description=row.description, amount=row.amount),) if row.description else (),
        purchase_order=row.purchase_order,
        discount=discount,
        ladder=row.ladder,
        opened_at=opened_at,
    )


def money_of(row: LedgerRow, *, as_of: date) -> Iterable[tuple[str, Money, date]]:
    """The payments that a row tells of up to a day: document id, amount, day. An unnamed day is `as_of`."""
    left = row.amount
    if row.paid is not None and row.paid.minor > 0 and (row.paid_on is None or row.paid_on <= as_of):
        left = left - row.paid
        yield f"{row.invoice_id}:paid", row.paid, row.paid_on or as_of
    if row.settled_on is not None and row.settled_on <= as_of and left.minor > 0:
        yield f"{row.invoice_id}:settled", left, row.settled_on


async def against_what_we_know(use: Services, rows: Sequence[LedgerRow]) -> tuple[list[LedgerRow], int, list[Fault]]:
    """The rows that are new, how many are known as they are, and what the others contradict."""
    new: list[LedgerRow] = []
    known = 0
    faults: list[Fault] = []
    async with use.database.reading() as connection:
        for row in rows:
            record = await invoices.find_invoice(connection, row.invoice_id)
            wanted = invoice_of(row, opened_at=record.invoice.opened_at) if record is not None else None
            if record is not None and wanted is not None and _terms(record.invoice) != _terms(wanted):
                faults.append(
                    Fault(
                        place=_place(row.row, "invoice_id"),
                        words=f'"{row.invoice_id}": is known with another customer, amount or date; a new invoice '
                        f"needs an id of its own, and new terms go to POST /v1/invoices/{{invoice_id}}/terms",
                    )
                )
            elif record is None:
                new.append(row)
            else:
                known += 1
    return new, known, faults


def _terms(invoice: Invoice) -> tuple[str, Money, date]:
    return invoice.customer_id, invoice.amount, invoice.issued_on


def _place(row: int, column: str) -> str:
    return ", ".join(part for part in (f"row {row}" if row else "file", f"column {column}" if column else "") if part)


def _words(value: str, expected: str) -> str:
    return f'"{value}": {expected}' if value else expected
