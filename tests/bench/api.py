"""(c): invoices opened and payments reported over the API, beside the engine's own start and signal, a second.

The API is `baton api`, a process of its own; both are asked 50 at a time. Measured twice: until the requests are
answered, with no worker at work; and, with the workers at work, until what was asked has been carried through: the
invoice (the floor's workflow) judged and asleep, or paid and closed.

HTTP is spoken by the plain client below, which costs the machine little; that of a backend runs on another one.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from receivables.access import Role
from store.keys import make_key
from tests.bench.floor import FloorWorkflow, Nothing
from tests.bench.house import BenchFault, Cost, House
from tests.bench.lives import AT_ONCE, bare_starts, count_of
from workflows import names

START, OPEN, SIGNAL, PAY = "bare start_workflow", "POST /v1/invoices", "bare signal", "POST /v1/payments"
ANSWERED, CARRIED_THROUGH = "answered", "carried through"

Request = Callable[[int], Coroutine[Any, Any, None]]


@dataclass
class Asked:
    name: str
    requests: int = 0
    cost: Cost = field(default_factory=Cost)

    @property
    def a_second(self) -> float:
        return self.requests / self.cost.seconds

    def figures(self) -> dict[str, object]:
        return {
            "requests": self.requests,
            "per_second": round(self.a_second, 1),
            "cpu_ms_by_process": {
                name: round(1000 * used / self.requests, 2) for name, used in sorted(self.cost.cpu.items())
            },
            "cores_of_others": round(self.cost.others, 2),
        }


async def measure(house: House, *, requests: int, rounds: int) -> list[Asked]:
    """Bare starts, opened over the API, bare signals, paid over the API; they take turns `rounds` times."""
    now = datetime.now(UTC)
    async with house.database.writing() as connection:
        _, secret = await make_key(connection, role=Role.SERVICE, name="bench", at=now)
    await house.start("api", (sys.executable, "-m", "cli", "api"))
    await house.until(lambda: _answers(house), what="the API")
    async with Posts(house.settings.api_port, secret) as posts:
        answered = await _take_turns(house, posts, requests=requests, rounds=rounds, ending=ANSWERED)
        await asyncio.gather(house.start_worker("floor"), house.start_worker("lives"))
        for left in (ANSWERED, names.invoice_workflow_id(ANSWERED)):
            await house.until(lambda: _all_done(house, left), what="what the first part left")  # noqa: B023  awaited here
        carried = await _take_turns(house, posts, requests=requests, rounds=rounds, ending=CARRIED_THROUGH)
    for name in ("api", "floor", "lives"):
        await house.stop(name)
    return [*answered, *carried]


async def _take_turns(house: House, posts: "Posts", *, requests: int, rounds: int, ending: str) -> list[Asked]:
    of = {name: Asked(f"{name}, {ending}") for name in (START, OPEN, SIGNAL, PAY)}
    for number in range(-1, rounds):  # the first fills caches and pools, and does not count
        count = requests if number >= 0 else min(AT_ONCE, requests)
        run = f"{ending.split(maxsplit=1)[0]}-{number}"
        for name, request in (
            (START, bare_starts(house.client, run, waits=())),
            (OPEN, _opens(posts, run)),
            (SIGNAL, _signals(house, run)),
            (PAY, _pays(posts, run)),
        ):
            workflows = run if name in (START, SIGNAL) else names.invoice_workflow_id(run)
            posts.hang_up()
            before = house.look()
            await _in_lanes(request, range(count))
            if ending == CARRIED_THROUGH and name in (START, OPEN):
                await house.until(lambda: _all_asleep(house, workflows, count), what=f"{workflows} asleep")  # noqa: B023  awaited here
            elif ending == CARRIED_THROUGH:
                await house.until(lambda: _all_done(house, workflows), what=f"{workflows} closed")  # noqa: B023  awaited here
            after = house.look()
            if number >= 0:
                of[name].requests += count
                of[name].cost.add(before, after)
    return list(of.values())


async def _all_asleep(house: House, run: str, count: int) -> bool:
    return await count_of(house.client, run, "NextLookAt IS NOT NULL") == count


async def _all_done(house: House, run: str) -> bool:
    return await count_of(house.client, run, 'ExecutionStatus = "Running"') == 0


async def _in_lanes(request: Request, numbers: Iterable[int]) -> None:
    waiting = iter(numbers)

    async def lane() -> None:
        for number in waiting:
            await request(number)

    await asyncio.gather(*(lane() for _ in range(AT_ONCE)))


def _signals(house: House, run: str) -> Request:
    async def signal(number: int) -> None:
        await house.client.get_workflow_handle(f"{run}-{number}").signal(FloorWorkflow.paid, Nothing(number=number))

    return signal


def _opens(posts: "Posts", run: str) -> Request:
    today = datetime.now(UTC).date()

    async def open_one(number: int) -> None:
        await posts.post(
            "/v1/invoices",
            {
                "invoice_id": f"{run}-{number}",
                "customer": {
                    "customer_id": f"{run}-{number}",
                    "name": f"Customer {number} Ltd",
                    "country": "GB",
                    "time_zone": "Europe/London",
                    "contact": {"name": "Ann Example", "email": f"ann-{number}@customer.example"},
                },
                "amount": {"amount": "1200.00", "currency": "EUR"},
                "issued_on": today.isoformat(),
                "due_on": (today + timedelta(days=30)).isoformat(),
            },
        )

    return open_one


def _pays(posts: "Posts", run: str) -> Request:
    today = datetime.now(UTC).date().isoformat()

    async def pay(number: int) -> None:
        await posts.post(
            "/v1/payments",
            {
                "payment_id": f"{run}-{number}",
                "customer_id": f"{run}-{number}",
                "amount": {"amount": "1200.00", "currency": "EUR"},
                "allocations": [{"invoice_id": f"{run}-{number}"}],
                "booked_on": today,
            },
        )

    return pay


async def _answers(house: House) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", house.settings.api_port)
    except OSError:
        return False
    writer.close()
    return True


class Posts:
    """POSTs JSON over kept connections, and checks that each is taken, and its workflow told."""

    def __init__(self, port: int, secret: str) -> None:
        self._port = port
        self._head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {secret}\r\nContent-Type: application/json\r\n"
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def __aenter__(self) -> "Posts":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        """The server closes what is idle for some seconds; new connections are opened as they are needed."""
        while self._idle:
            self._idle.pop()[1].close()

    async def post(self, path: str, body: object) -> None:
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        content = json.dumps(body).encode()
        writer.write(f"POST {path} HTTP/1.1\r\n{self._head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        answer = await reader.readexactly(length)
        status = int(head.split()[1])
        if status not in (200, 201, 202):
            raise BenchFault(f"POST {path} was answered {status}: {answer[:400].decode()}")
        self._idle.append((reader, writer))
        if status == 202:  # stored, and the engine did not answer in time: told the same again, it tells its workflow
            await self.post(path, body)
