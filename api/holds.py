"""Holds: a backend or a person pauses automated contact, for a reason and until an end."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from api import facts
from api.access import EVERYBODY, Caller, Role, needs
from api.bodies import StrictRoute
from api.errors import problems
from api.refusals import NotFound, RefusedByRule
from api.services import Use
from api.values import Answered, Asked, Instant, KnownId, Name, OwnId
from receivables.holds import Hold, HoldReason
from store import customers, holds, invoices, timeline
from store.intake import Taken

router = APIRouter(prefix="/v1", tags=["holds"], route_class=StrictRoute)

PEOPLE_AND_BACKENDS = (Role.SERVICE, Role.AGENT, Role.MANAGER, Role.OPERATOR)


class HoldDetails(Asked):
    """A pause. One without an end is refused."""

    hold_id: OwnId = Field(examples=["H-5"])
    customer_id: KnownId
    invoice_id: KnownId | None = Field(default=None, description="Left out: all of the customer.")
    until_at: Instant = Field(description="Automation goes on alone at this instant.")
    words: Name = Field(description="Why.", examples=["audit until the end of the month"])
    owner: KnownId | None = Field(default=None, description="Who must act on it; left out: you.")


class Release(Asked):
    release_id: OwnId = Field(examples=["RL-5"])
    because: Name


class HoldTaken(Answered):
    hold_id: str
    told: bool = Field(description="Whether the workflows were told; if not, they will be.")


class HoldView(Answered):
    hold_id: str
    customer_id: str
    invoice_id: str | None
    reason: HoldReason
    words: str
    owner: str
    from_at: datetime
    until_at: datetime
    released_at: datetime | None


class HoldList(Answered):
    holds: list[HoldView]


@router.get(
    "/holds",
    operation_id="list_holds",
    summary="List the holds of a customer",
    description="`active=true`: those in force now.",
    response_model=HoldList,
    responses=problems(404),
    dependencies=[Depends(needs(*EVERYBODY))],
)
async def list_holds(
    use: Use,
    customer_id: Annotated[KnownId, Query()],
    active: Annotated[bool, Query()] = False,
) -> HoldList:
    async with use.database.reading() as connection:
        if await customers.find_customer(connection, customer_id) is None:
            raise NotFound(f"There is no customer {customer_id}.")
        if active:
            found = await holds.active_holds(connection, customer_id=customer_id, as_of=use.clock())
        else:
            found = await holds.holds_of(connection, customer_id=customer_id)
    return HoldList(holds=[HoldView.model_validate(hold.model_dump()) for hold in found])


@router.post(
    "/holds",
    operation_id="place_hold",
    summary="Pause automated contact until an end",
    response_model=HoldTaken,
    status_code=201,
    responses={**facts.stored(HoldTaken), **problems(400, 409, 413)},
)
async def place_hold(
    details: HoldDetails, use: Use, caller: Annotated[Caller, Depends(needs(*PEOPLE_AND_BACKENDS))]
) -> Response:
    fact_id = f"hold:{details.hold_id}"
    words = f"hold until {details.until_at:%d %b %Y %H:%M} UTC: {details.words}"

    async def book(connection: AsyncConnection, at: datetime) -> Taken:
        async def place() -> facts.Following:
            if details.until_at <= at:
                raise RefusedByRule(
                    f"until_at {details.until_at:%Y-%m-%dT%H:%M:%SZ} has passed; a hold ends later than now.",
                    kind="hold_without_end",
                )
            if await customers.find_customer(connection, details.customer_id) is None:
                raise RefusedByRule(f"There is no customer {details.customer_id}.", kind="unknown_customer")
            running = await invoices.running_of(connection, customer_id=details.customer_id)
            if details.invoice_id is not None:
                record = await invoices.find_invoice(connection, details.invoice_id)
                if record is None or record.invoice.customer_id != details.customer_id:
                    raise RefusedByRule(
                        f"Customer {details.customer_id} has no invoice {details.invoice_id}.", kind="unknown_invoice"
                    )
                running = (details.invoice_id,)
            await customers.lock_customer(connection, details.customer_id)
            await holds.place(
                connection,
                Hold(
                    hold_id=details.hold_id,
                    customer_id=details.customer_id,
                    invoice_id=details.invoice_id,
                    reason=HoldReason.BACKEND if caller.key.agent_id is None else HoldReason.AGENT_DECISION,
                    words=details.words,
                    owner=details.owner or caller.name,
                    from_at=at,
                    until_at=details.until_at,
                ),
            )
            await timeline.add_line(
                connection,
                natural_key=fact_id,
                customer_id=details.customer_id,
                invoice_id=details.invoice_id,
                at=at,
                kind="hold",
                words=words,
            )
            return facts.Following({"hold_id": details.hold_id}, running)

        return await facts.store(
            connection,
            fact_id=fact_id,
            kind="hold",
            content=details.model_dump(mode="json"),
            words=words,
            caller=caller,
            at=at,
            follow=place,
        )

    return await facts.take(use, fact_id, book)


@router.post(
    "/holds/{hold_id:path}/release",
    operation_id="release_hold",
    summary="End a hold before its time",
    response_model=HoldTaken,
    status_code=201,
    responses={**facts.stored(HoldTaken), **problems(400, 404, 409, 413)},
)
async def release_hold(
    hold_id: KnownId, details: Release, use: Use, caller: Annotated[Caller, Depends(needs(*PEOPLE_AND_BACKENDS))]
) -> Response:
    fact_id = f"release:{details.release_id}"

    async def book(connection: AsyncConnection, at: datetime) -> Taken:
        hold = await holds.find_hold(connection, hold_id)
        if hold is None:
            raise NotFound(f"There is no hold {hold_id}.")

        async def release() -> facts.Following:
            await holds.release(connection, hold_id=hold_id, at=at, because=details.because)
            await timeline.add_line(
                connection,
                natural_key=fact_id,
                customer_id=hold.customer_id,
                invoice_id=hold.invoice_id,
                at=at,
                kind="hold",
                words=f"hold released: {details.because}",
            )
            running = await invoices.running_of(connection, customer_id=hold.customer_id)
            return facts.Following({"hold_id": hold_id}, running if hold.invoice_id is None else (hold.invoice_id,))

        return await facts.store(
            connection,
            fact_id=fact_id,
            kind="release",
            content={"hold_id": hold_id, **details.model_dump(mode="json")},
            words=f"hold {hold_id} released",
            caller=caller,
            at=at,
            follow=release,
        )

    return await facts.take(use, fact_id, book)
