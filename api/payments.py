"""Money: payments, credit notes, and what undoes them; money that lies on no invoice, and placing it."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from api import facts
from api.access import EVERYBODY, Caller, Role, needs
from api.bodies import StrictRoute
from api.errors import problems
from api.services import Use
from api.values import Answered, Asked, Day, KnownId, Limit, MoneyJson, OwnId, Page, PositiveMoney
from receivables.ledger import Allocation, EntryKind
from store import invoices, timeline, unapplied
from store.intake import Taken, take_money, take_reversal, take_write_off

router = APIRouter(prefix="/v1", tags=["payments"], route_class=StrictRoute)

BOOKS = (Role.SERVICE, Role.OPERATOR)
MOST_ALLOCATIONS = 500


class AllocationDetails(Asked):
    """How much of it is for an invoice; without an amount, as much as is open there."""

    invoice_id: KnownId
    amount: PositiveMoney | None = None


class MoneyDetails(Asked):
    """Money that came in. Customer and allocations may be left out, or name what we do not know: nothing is lost."""

    customer_id: KnownId | None = None
    amount: PositiveMoney
    allocations: Annotated[list[AllocationDetails], Field(max_length=MOST_ALLOCATIONS)] = Field(
        default_factory=list[AllocationDetails]
    )
    booked_on: Day


class PaymentDetails(MoneyDetails):
    payment_id: OwnId = Field(examples=["P-17"])


class CreditNoteDetails(MoneyDetails):
    credit_note_id: OwnId = Field(examples=["CN-4"])


class ReversalDetails(Asked):
    """What undoes an earlier document, whole or in part."""

    of_document_id: KnownId = Field(description="Your id of the payment, credit note or chargeback that it undoes.")
    amount: PositiveMoney | None = Field(default=None, description="Without one: all of it that is left.")
    booked_on: Day


class RefundDetails(ReversalDetails):
    refund_id: OwnId = Field(examples=["RF-1"])


class ChargebackDetails(ReversalDetails):
    chargeback_id: OwnId = Field(examples=["CB-1"])


class ChargebackReversalDetails(ReversalDetails):
    reversal_id: OwnId = Field(examples=["CBR-1"])


class CancellationDetails(ReversalDetails):
    cancellation_id: OwnId = Field(examples=["PC-1"])


class WriteOffDetails(Asked):
    """A balance, or a part of it, that the books have given up."""

    write_off_id: OwnId = Field(examples=["WO-1"])
    invoice_id: KnownId
    amount: PositiveMoney | None = Field(default=None, description="Without one: all that is open.")
    booked_on: Day


class WriteOffTaken(Answered):
    invoice_id: str
    amount: MoneyJson
    told: bool


class AllocationView(Answered):
    invoice_id: str
    amount: MoneyJson | None


class MoneyTaken(Answered):
    """Where the money went."""

    to_invoices: list[AllocationView]
    unapplied: MoneyJson = Field(description="What lies on no invoice: see GET /v1/unapplied.")
    told: bool = Field(description="Whether the workflows were told; if not, they will be.")


class ReversalTaken(Answered):
    invoices: list[str] = Field(description="The invoices that it touched.")
    told: bool


class UnappliedView(Answered):
    """Money of a document that lies on no invoice yet."""

    document_id: str
    kind: EntryKind
    customer_id: str | None
    amount: MoneyJson
    booked_on: date
    recorded_at: datetime
    named: str = Field(description="What its teller named and we do not know.")


class UnappliedPage(Page):
    unapplied: list[UnappliedView]


class PlacingDetails(Asked):
    """Put unapplied money on an invoice."""

    placement_id: OwnId = Field(examples=["PL-8"])
    document_id: KnownId
    kind: EntryKind = EntryKind.PAYMENT
    invoice_id: KnownId
    amount: PositiveMoney | None = Field(default=None, description="Without one: as much as there is and is open.")


class PlacingTaken(Answered):
    placement_id: str
    invoice_id: str
    amount: MoneyJson
    told: bool


@router.post(
    "/payments",
    operation_id="report_payment",
    summary="Report a payment",
    description="Placed on the invoices that it names, never beyond what is open there. The rest, and what names "
    "nothing that we know, stays unapplied for a person to place.",
    response_model=MoneyTaken,
    status_code=201,
    responses={**facts.stored(MoneyTaken), **problems(400, 409, 413)},
)
async def report_payment(
    payment: PaymentDetails, use: Use, caller: Annotated[Caller, Depends(needs(*BOOKS))]
) -> Response:
    return await _take_money(use, caller, EntryKind.PAYMENT, payment.payment_id, payment)


@router.post(
    "/credit-notes",
    operation_id="report_credit_note",
    summary="Report a credit note",
    description="Lowers what is owed, as a payment does.",
    response_model=MoneyTaken,
    status_code=201,
    responses={**facts.stored(MoneyTaken), **problems(400, 409, 413)},
)
async def report_credit_note(
    credit_note: CreditNoteDetails, use: Use, caller: Annotated[Caller, Depends(needs(*BOOKS))]
) -> Response:
    return await _take_money(use, caller, EntryKind.CREDIT_NOTE, credit_note.credit_note_id, credit_note)


@router.post(
    "/refunds",
    operation_id="report_refund",
    summary="Report that money was given back",
    description="What it had settled is owed again; its age counts from the due date.",
    response_model=ReversalTaken,
    status_code=201,
    responses={**facts.stored(ReversalTaken), **problems(400, 409, 413)},
)
async def report_refund(refund: RefundDetails, use: Use, caller: Annotated[Caller, Depends(needs(*BOOKS))]) -> Response:
    return await _take_reversal(use, caller, EntryKind.REFUND, refund.refund_id, refund)


@router.post(
    "/chargebacks",
    operation_id="report_chargeback",
    summary="Report that the bank took money back",
    response_model=ReversalTaken,
    status_code=201,
    responses={**facts.stored(ReversalTaken), **problems(400, 409, 413)},
)
async def report_chargeback(
    chargeback: ChargebackDetails, use: Use, caller: Annotated[Caller, Depends(needs(*BOOKS))]
) -> Response:
    return await _take_reversal(use, caller, EntryKind.CHARGEBACK, chargeback.chargeback_id, chargeback)


@router.post(
    "/chargeback-reversals",
    operation_id="report_chargeback_reversal",
    summary="Report that a chargeback was reversed",
    response_model=ReversalTaken,
    status_code=201,
    responses={**facts.stored(ReversalTaken), **problems(400, 409, 413)},
)
async def report_chargeback_reversal(
    reversal: ChargebackReversalDetails, use: Use, caller: Annotated[Caller, Depends(needs(*BOOKS))]
) -> Response:
    return await _take_reversal(use, caller, EntryKind.CHARGEBACK_REVERSED, reversal.reversal_id, reversal)


@router.post(
    "/payment-cancellations",
    operation_id="cancel_payment",
    summary="Take back a payment that was reported in error",
    response_model=ReversalTaken,
    status_code=201,
    responses={**facts.stored(ReversalTaken), **problems(400, 409, 413)},
)
async def cancel_payment(
    cancellation: CancellationDetails, use: Use, caller: Annotated[Caller, Depends(needs(*BOOKS))]
) -> Response:
    return await _take_reversal(use, caller, EntryKind.PAYMENT_CANCELLED, cancellation.cancellation_id, cancellation)


@router.post(
    "/write-offs",
    operation_id="report_write_off",
    summary="Report that the books gave up a balance",
    description="What was decided and booked elsewhere. An invoice given up whole is closed, and its chase ends.",
    response_model=WriteOffTaken,
    status_code=201,
    responses={**facts.stored(WriteOffTaken), **problems(400, 404, 409, 413)},
)
async def report_write_off(
    write_off: WriteOffDetails, use: Use, caller: Annotated[Caller, Depends(needs(*BOOKS))]
) -> Response:
    async def book(connection: AsyncConnection, at: datetime) -> Taken:
        return await take_write_off(
            connection,
            document_id=write_off.write_off_id,
            invoice_id=write_off.invoice_id,
            amount=write_off.amount.money if write_off.amount is not None else None,
            booked_on=write_off.booked_on,
            by=caller.name,
            at=at,
        )

    return await facts.take(use, f"write_off:{write_off.write_off_id}", book)


@router.get(
    "/unapplied",
    operation_id="list_unapplied",
    summary="List money that lies on no invoice",
    response_model=UnappliedPage,
    responses=problems(400),
    dependencies=[Depends(needs(*EVERYBODY))],
)
async def list_unapplied(
    use: Use,
    customer_id: Annotated[KnownId | None, Query()] = None,
    after: Annotated[KnownId | None, Query(description="The `next` of the page before.")] = None,
    limit: Annotated[Limit, Query()] = 100,
) -> UnappliedPage:
    async with use.database.reading() as connection:
        found = await unapplied.unapplied(connection, customer_id=customer_id, after=after, limit=limit)
    return UnappliedPage(
        unapplied=[
            UnappliedView.model_validate(money.model_dump() | {"amount": MoneyJson.of(money.amount)}) for money in found
        ],
        next=found[-1].cursor if len(found) == limit else None,
    )


@router.post(
    "/unapplied/placements",
    operation_id="place_unapplied",
    summary="Put unapplied money on an invoice",
    response_model=PlacingTaken,
    status_code=201,
    responses={**facts.stored(PlacingTaken), **problems(400, 409, 413)},
)
async def place_unapplied(
    placing: PlacingDetails,
    use: Use,
    caller: Annotated[Caller, Depends(needs(Role.SERVICE, Role.AGENT, Role.MANAGER, Role.OPERATOR))],
) -> Response:
    fact_id = f"placement:{placing.placement_id}"
    words = f"{placing.kind.value.replace('_', ' ')} {placing.document_id} placed on {placing.invoice_id}"

    async def book(connection: AsyncConnection, at: datetime) -> Taken:
        async def place() -> facts.Following:
            placed = await unapplied.place_unapplied(
                connection,
                placement_id=placing.placement_id,
                document_id=placing.document_id,
                kind=placing.kind,
                invoice_id=placing.invoice_id,
                amount=placing.amount.money if placing.amount is not None else None,
                recorded_at=at,
            )
            headline = await invoices.headline_of(connection, placing.invoice_id)
            await timeline.add_line(
                connection,
                natural_key=fact_id,
                customer_id=headline.customer_id,
                invoice_id=placing.invoice_id,
                at=at,
                kind="fact",
                words=f"{words}: {placed}",
            )
            answer = {
                "placement_id": placing.placement_id,
                "invoice_id": placing.invoice_id,
                "amount": placed.model_dump(),
            }
            return facts.Following(answer, (placing.invoice_id,), "payment_received")

        return await facts.store(
            connection,
            fact_id=fact_id,
            kind="placement",
            content=placing.model_dump(mode="json"),
            words=words,
            caller=caller,
            at=at,
            follow=place,
        )

    return await facts.take(use, fact_id, book)


async def _take_money(use: Use, caller: Caller, kind: EntryKind, document_id: str, details: MoneyDetails) -> Response:
    allocations = tuple(
        Allocation(
            invoice_id=allocation.invoice_id,
            amount=allocation.amount.money if allocation.amount is not None else None,
        )
        for allocation in details.allocations
    )

    async def book(connection: AsyncConnection, at: datetime) -> Taken:
        return await take_money(
            connection,
            document_id=document_id,
            kind=kind,
            customer_id=details.customer_id,
            amount=details.amount.money,
            allocations=allocations,
            booked_on=details.booked_on,
            by=caller.name,
            at=at,
        )

    return await facts.take(use, f"{kind.value}:{document_id}", book)


async def _take_reversal(
    use: Use, caller: Caller, kind: EntryKind, document_id: str, details: ReversalDetails
) -> Response:
    async def book(connection: AsyncConnection, at: datetime) -> Taken:
        return await take_reversal(
            connection,
            document_id=document_id,
            kind=kind,
            of_document_id=details.of_document_id,
            amount=details.amount.money if details.amount is not None else None,
            booked_on=details.booked_on,
            by=caller.name,
            at=at,
        )

    return await facts.take(use, f"{kind.value}:{document_id}", book)
