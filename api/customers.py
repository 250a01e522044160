"""Customers: who owes, whom we write to, how they want to be treated."""

from datetime import datetime
from functools import cache
from typing import Annotated
from uuid import uuid4
from zoneinfo import available_timezones

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AfterValidator, Field, StrictBool
from sqlalchemy.ext.asyncio import AsyncConnection

from api import facts
from api.access import EVERYBODY, Caller, Role, needs
from api.bodies import StrictRoute
from api.errors import problems
from api.lines import TimelinePage, timeline_page
from api.refusals import NotFound
from api.services import Use
from api.values import (
    Answered,
    Asked,
    CountryCode,
    EmailAddress,
    KnownId,
    LadderName,
    LanguageCode,
    Limit,
    Name,
    OneLine,
    OwnId,
    Page,
)
from receivables.customer import Contact, Customer, Relationship
from store import customers, intake
from store.intake import Taken

router = APIRouter(prefix="/v1", tags=["customers"], route_class=StrictRoute)


@cache
def _zones() -> set[str]:
    """Listing them reads the whole zone database."""
    return available_timezones()


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("is no IANA time zone such as Europe/Berlin")
    return name


TimeZone = Annotated[str, Field(max_length=64), AfterValidator(_known_zone)]


class ContactDetails(Asked):
    name: Annotated[str, Field(max_length=200), OneLine] = ""
    email: EmailAddress | None = Field(default=None, examples=["anna@acme.example"])


class CustomerDetails(Asked):
    """A customer as the backend knows them. What is left out takes its default: a PUT says the whole."""

    name: Name = Field(examples=["Acme GmbH"])
    country: CountryCode
    language: LanguageCode = "en"
    time_zone: TimeZone | None = Field(
        default=None, description="IANA; without one, the policy's for the country.", examples=["Europe/Berlin"]
    )
    contact: ContactDetails = ContactDetails()
    owner: OwnId | None = Field(default=None, description="The agent who looks after them.")
    relationship: Relationship = Relationship.NORMAL
    personal_only: StrictBool = Field(default=False, description="No automated message, ever.")
    excluded: StrictBool = Field(default=False, description="No collection at all until lifted.")
    ladder: LadderName | None = Field(default=None, description="A ladder of the policy in place of the segment's.")

    def customer(self, customer_id: str, *, known: Customer | None = None) -> Customer:
        """As a noun of ours. An address that bounced stays bounced until another one is given."""
        contact = Contact(name=self.contact.name, email=self.contact.email)
        if known is not None and known.contact.email == contact.email:
            contact = contact.model_copy(update={"bounced_at": known.contact.bounced_at})
        return Customer(customer_id=customer_id, contact=contact, **self.model_dump(exclude={"contact", "customer_id"}))


class CustomerWithInvoice(CustomerDetails):
    """A customer that comes with their invoice: stored where we do not know them yet, else left as they are."""

    customer_id: OwnId


class ContactView(Answered):
    name: str
    email: str | None
    bounced_at: datetime | None = Field(description="When the address last refused mail.")


class CustomerView(Answered):
    customer_id: str
    name: str
    country: str
    language: str
    time_zone: str | None
    contact: ContactView
    owner: str | None
    relationship: Relationship
    personal_only: bool
    excluded: bool
    ladder: str | None

    @classmethod
    def of(cls, customer: Customer) -> "CustomerView":
        return cls.model_validate(customer.model_dump())


class CustomerPage(Page):
    customers: list[CustomerView]


class CustomerTaken(Answered):
    customer_id: str
    changed: bool = Field(description="Whether anything was other than before.")
    told: bool = Field(description="Whether the running invoices were told.")


@router.put(
    "/customers/{customer_id}",
    operation_id="save_customer",
    summary="Tell of a customer, new or changed",
    description="Says the whole of a customer. The same again changes nothing. A change makes their running invoices "
    "look again at once.",
    response_model=CustomerTaken,
    status_code=200,
    responses={
        201: {"description": "A customer whom we did not know.", "model": CustomerTaken},
        202: {"description": "Stored; the engine is away and their invoices are told later.", "model": CustomerTaken},
        **problems(400, 413),
    },
)
async def save_customer(
    customer_id: OwnId,
    details: CustomerDetails,
    use: Use,
    caller: Annotated[Caller, Depends(needs(Role.SERVICE, Role.MANAGER, Role.OPERATOR))],
) -> Response:
    known: Customer | None = None

    async def book(connection: AsyncConnection, at: datetime) -> Taken:
        nonlocal known
        await customers.lock_customer(connection, customer_id)
        known = await customers.find_customer(connection, customer_id)
        customer = details.customer(customer_id, known=known)
        if known == customer:
            return Taken(is_new=False, answer={"customer_id": customer_id, "changed": False})
        # A customer may change to and fro: each change is a fact of its own, and saying the same twice is none.
        taken = await intake.save_customer(
            connection, customer=customer, change_id=f"{customer_id}:{uuid4().hex}", by=caller.name, at=at
        )
        return taken.model_copy(update={"answer": taken.answer | {"changed": True}})

    answer = await facts.take(use, None, book)
    if answer.status_code == 201 and known is not None:
        answer.status_code = 200
    return answer


@router.get(
    "/customers",
    operation_id="list_customers",
    summary="List customers",
    response_model=CustomerPage,
    dependencies=[Depends(needs(*EVERYBODY))],
    responses=problems(400),
)
async def list_customers(
    use: Use,
    after: Annotated[KnownId | None, Query(description="The `next` of the page before.")] = None,
    limit: Annotated[Limit, Query()] = 100,
) -> CustomerPage:
    async with use.database.reading() as connection:
        found = await customers.list_customers(connection, after=after, limit=limit)
    last = found[-1].customer_id if len(found) == limit else None
    return CustomerPage(customers=[CustomerView.of(customer) for customer in found], next=last)


@router.get(
    "/customers/{customer_id:path}/timeline",
    operation_id="read_customer_timeline",
    summary="The readable history of a customer",
    description="Facts, steps, messages, cases and decisions over all their invoices, oldest first.",
    response_model=TimelinePage,
    dependencies=[Depends(needs(*EVERYBODY))],
    responses=problems(400, 404),
)
async def read_customer_timeline(
    customer_id: KnownId,
    use: Use,
    after: Annotated[int | None, Query(ge=0, le=2**53, description="The `next` of the page before.")] = None,
    limit: Annotated[Limit, Query()] = 100,
) -> TimelinePage:
    async with use.database.reading() as connection:
        if await customers.find_customer(connection, customer_id) is None:
            raise NotFound(f"There is no customer {customer_id}.")
        return await timeline_page(connection, customer_id=customer_id, after=after, limit=limit)


@router.get(
    "/customers/{customer_id:path}",
    operation_id="read_customer",
    summary="Read a customer",
    response_model=CustomerView,
    dependencies=[Depends(needs(*EVERYBODY))],
    responses=problems(404),
)
async def read_customer(customer_id: KnownId, use: Use) -> CustomerView:
    async with use.database.reading() as connection:
        customer = await customers.find_customer(connection, customer_id)
    if customer is None:
        raise NotFound(f"There is no customer {customer_id}.")
    return CustomerView.of(customer)
