"""(a) and (b): whole lives a second beside the floor, and the events of one.

Floor and lives take turns on one server, each with a worker process of its own and the worker's own settings. All
workflows of a round are started at once, 50 requests at a time; when each has had its third reminder, all are paid.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from statistics import median
from typing import Any

from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from api.telling import Herald
from receivables.case_file import CaseFile
from receivables.collection_policy import CollectionPolicy, ContactRules, EscalationRule, Ladder, LadderEnd
from receivables.customer import Contact, Customer
from receivables.escalations import Trigger
from receivables.invoice import Invoice
from receivables.ledger import Allocation
from receivables.money import Money
from store import intake
from store.facts import Telling
from store.invoices import case_file_of
from tests.bench.floor import TASK_QUEUE as FLOOR
from tests.bench.floor import FloorCase, FloorWorkflow, Nothing
from tests.bench.house import BenchFault, Cost, House
from tests.builders import a_level, a_policy, always_open
from workflows import names
from workflows.teller import TemporalTeller

AT_ONCE = 50
DAY = timedelta(seconds=0.5)
"""How long a day lasts here."""
DUE_IN_DAYS = 6
"""Long enough that an invoice sleeps before its first level also when many are opened at once."""
DAYS_BETWEEN = 8
"""Long enough that under load there is still something to wait for when a message has left."""
LONG_AFTER = 3650
"""Days after the last level until a person takes over: long after the bench."""


def waits_of(day: timedelta) -> tuple[float, ...]:
    """The floor's, in seconds: an invoice's begin within a day, and so are up to a day shorter."""
    return tuple((day * days).total_seconds() for days in (DUE_IN_DAYS + 1, DAYS_BETWEEN, DAYS_BETWEEN))


def bench_policy() -> CollectionPolicy:
    """Three levels, two days apart, at any hour; no receipt, so that a life has three messages."""
    return a_policy(
        ladder=Ladder(
            levels=(
                a_level(1, days=1),
                a_level(2, days=DAYS_BETWEEN, counted_from="previous"),
                a_level(3, days=DAYS_BETWEEN, counted_from="previous"),
            ),
            least_working_days_between_levels=0,
            end=LadderEnd(after_days=LONG_AFTER),
        ),
        contact=ContactRules(hours=always_open(), most=31, in_days=31, days_between=0),
        escalations=(EscalationRule(trigger=Trigger.ATTEMPTS_USED_UP), EscalationRule(trigger=Trigger.CONTACT_REPAIR)),
        receipts=False,
    )


@dataclass
class Lived:
    """What the rounds of one kind came to."""

    name: str
    lives: int = 0
    cost: Cost = field(default_factory=Cost)
    events: list[int] = field(default_factory=list)

    @property
    def a_second(self) -> float:
        return self.lives / self.cost.seconds

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cost.cpu_seconds / self.lives

    def figures(self) -> dict[str, object]:
        return {
            "lives": self.lives,
            "per_second": round(self.a_second, 2),
            "cpu_ms_each": round(self.cpu_ms, 1),
            "cpu_ms_by_process": {
                name: round(1000 * used / self.lives, 1) for name, used in sorted(self.cost.cpu.items())
            },
            "events": int(median(self.events)) if self.events else None,
            "events_most": max(self.events, default=None),
            "cores_of_others": round(self.cost.others, 2),
        }


async def together(coroutines: Iterable[Coroutine[Any, Any, None]], at_once: int = AT_ONCE) -> None:
    gate = asyncio.Semaphore(at_once)

    async def one(coroutine: Coroutine[Any, Any, None]) -> None:
        async with gate:
            await coroutine

    await asyncio.gather(*(one(coroutine) for coroutine in coroutines))


NUMBERS = count(1)


async def measure(house: House, *, lives: int, rounds: int) -> AsyncIterator[Lived]:
    """Yields what was measured of the barest floor, the floor, and whole lives; they take turns `rounds` times."""
    await asyncio.gather(house.start_worker("floor"), house.start_worker("lives", short_days=True))
    bare, floor, whole = Lived("bare floor"), Lived("floor"), Lived("lives")
    # The first of each fills caches and the worker's pools; it does not count.
    for lived in (bare, floor, whole):
        await _round(house, lived, min(10, lives), counts=False)
    for number in range(rounds):
        # There and back, so that a server that slows down as history piles up slows all of them alike.
        order = (bare, floor, whole) if number % 2 == 0 else (whole, floor, bare)
        for lived in order:
            await _round(house, lived, lives)
    await house.stop("floor")
    await house.stop("lives")
    for lived in (bare, floor, whole):
        yield lived


async def _round(house: House, lived: Lived, lives: int, *, counts: bool = True) -> None:
    name = f"{lived.name.replace(' ', '-')}-{next(NUMBERS)}"
    if lived.name == "lives":
        run = names.invoice_workflow_id(name)
        open_one, pay_one = _invoices(house, name)
    else:
        run = name
        open_one, pay_one = _floors(house, run, shows=lived.name == "floor")
    before = house.look()
    await together(open_one(number) for number in range(lives))
    after_the_bench = datetime.now(UTC) + LONG_AFTER / 2 * house.days.day
    await house.until(
        lambda: _all_reminded(house.client, run, lives, after_the_bench), what=f"the third reminders of {run}"
    )
    await together(pay_one(number) for number in range(lives))
    await house.until(lambda: _none_runs(house.client, run), what=f"the end of {run}")
    after = house.look()
    if counts:
        lived.lives += lives
        lived.cost.add(before, after)
        for number in range(0, lives, max(1, lives // 10)):
            history = await house.client.get_workflow_handle(f"{run}-{number}").fetch_history()
            lived.events.append(len(history.events))


async def _all_reminded(client: Client, run: str, lives: int, after_the_bench: datetime) -> bool:
    """Each waits for money now, and for nothing else that comes during the bench."""
    return await count_of(client, run, f'NextLookAt > "{after_the_bench.isoformat()}"') == lives


async def _none_runs(client: Client, run: str) -> bool:
    return await count_of(client, run, 'ExecutionStatus = "Running"') == 0


async def count_of(client: Client, run: str, which: str) -> int:
    """Workflows of a run of the bench; the server's own lists say it."""
    return (await client.count_workflows(f'WorkflowId STARTS_WITH "{run}-" AND {which}')).count


Act = Callable[[int], Coroutine[Any, Any, None]]


def bare_starts(client: Client, run: str, *, waits: tuple[float, ...], shows: bool = True) -> Act:
    async def start(number: int) -> None:
        await client.start_workflow(
            FloorWorkflow.run,
            FloorCase(waits=waits, shows=shows),
            id=f"{run}-{number}",
            task_queue=FLOOR,
            static_summary="does nothing",
            search_attributes=TypedSearchAttributes(
                [SearchAttributePair(names.CUSTOMER_ID, run), SearchAttributePair(names.STAGE, "not_due")]
            ),
        )

    return start


def _floors(house: House, run: str, *, shows: bool) -> tuple[Act, Act]:
    client = house.client

    async def pay(number: int) -> None:
        await client.get_workflow_handle(f"{run}-{number}").signal(FloorWorkflow.paid, Nothing(number=number))

    return bare_starts(client, run, waits=waits_of(house.days.day), shows=shows), pay


def _invoices(
    house: House, run: str, *, due_in_days: int = DUE_IN_DAYS, now: Callable[[], datetime] | None = None
) -> tuple[Act, Act]:
    """Opened and paid as the API does it: the fact is stored, its workflow told, and that noted."""
    clock = now or house.days.now
    herald = Herald(house.database, TemporalTeller(house.client), clock=clock, patience_seconds=60)

    async def open_one(number: int) -> None:
        at = clock()
        customer = a_customer_of(run, number)
        invoice = Invoice(
            invoice_id=f"{run}-{number}",
            customer_id=customer.customer_id,
            amount=Money.of("1200.00", "EUR"),
            issued_on=at.date() - timedelta(days=14),
            due_on=at.date() + timedelta(days=due_in_days),
            opened_at=at,
        )
        async with house.database.writing() as connection:
            taken = await intake.open_invoice(connection, invoice=invoice, customer=customer, by="bench", at=at)
            case = await case_file_of(connection, invoice.invoice_id)
        await _told(herald, taken.tellings, case)

    async def pay_one(number: int) -> None:
        at = clock()
        async with house.database.writing() as connection:
            taken = await intake.take_money(
                connection,
                document_id=f"{run}-{number}",
                customer_id=a_customer_of(run, number).customer_id,
                amount=Money.of("1200.00", "EUR"),
                allocations=(Allocation(invoice_id=f"{run}-{number}"),),
                booked_on=at.date(),
                by="bench",
                at=at,
            )
            case = await case_file_of(connection, f"{run}-{number}")
        await _told(herald, taken.tellings, case)

    return open_one, pay_one


async def _told(herald: Herald, tellings: tuple[Telling, ...], case: CaseFile) -> None:
    if not await herald.tell(tellings, {case.invoice_id: case}):
        raise BenchFault(f"the workflow of {case.invoice_id} could not be told: the engine did not answer")


async def open_sleepers(house: House, sleepers: int) -> None:
    """Invoices due in a month, on real days; returns when the worker has put each of them to sleep."""
    name = f"sleepers-{next(NUMBERS)}"
    open_one, _ = _invoices(house, name, due_in_days=30, now=lambda: datetime.now(UTC))
    await together(open_one(number) for number in range(sleepers))
    run = names.invoice_workflow_id(name)

    async def asleep() -> bool:
        return await count_of(house.client, run, "NextLookAt IS NOT NULL") == sleepers

    await house.until(asleep, what=f"{sleepers} sleepers")


def a_customer_of(run: str, number: int) -> Customer:
    return Customer(
        customer_id=f"{run}-{number}",
        name=f"Customer {number} Ltd",
        country="GB",
        time_zone="Europe/London",
        contact=Contact(name="Ann Example", email=f"ann-{number}@customer.example"),
    )
