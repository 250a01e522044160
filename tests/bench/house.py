"""One house for a whole bench: the embedded server on its file, Baton's store, and the processes that work there."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from receivables.collection_policy import CollectionPolicy
from receivables.ledger import PaymentFeed
from runtime.embedded_server import EmbeddedTemporal
from runtime.settings import Settings, load_settings
from runtime.temporal import connect, ensure_search_attributes
from runtime.tied_to_parent import tied
from store import feeds, policies
from store.database import Database
from store.migrating import migrate
from tests.bench.floor import TASK_QUEUE as FLOOR
from tests.bench.shortened_days import ShortDays
from tests.diary import as_yaml
from workflows import names

ROOT = Path(__file__).parents[2]
TICKS = os.sysconf("SC_CLK_TCK")


class BenchFault(Exception):
    """A part of the bench cannot be measured; the words say why."""


@dataclass
class House:
    folder: Path
    server: EmbeddedTemporal
    client: Client
    settings: Settings
    database: Database
    days: ShortDays
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    async def start(self, name: str, command: Iterable[str], **environment: str) -> None:
        log = self.folder / f"{name}.log"
        with log.open("ab") as file:
            self.processes[name] = subprocess.Popen(  # noqa: ASYNC220  it starts at once
                tied(tuple(command)),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env={**os.environ, **self.environment(), **environment},
            )

    async def start_worker(self, kind: str, *, short_days: bool = False) -> None:
        more = {}
        if short_days:
            more = {
                "BENCH_BEGUN_AT": self.days.begun_at.isoformat(),
                "BENCH_DAY_SECONDS": str(self.days.day.total_seconds()),
            }
        if profile := os.environ.get("BENCH_PROFILE_FOLDER"):
            more["BENCH_PROFILE"] = f"{profile}/{kind}.pstats"
        await self.start(kind, (sys.executable, "-m", "tests.bench.workers", kind), **more)
        await self.until(
            lambda: self._polls(kind, FLOOR if kind == "floor" else names.TASK_QUEUE), what=f"worker {kind}"
        )

    async def stop(self, name: str) -> None:
        process = self.processes.pop(name, None)
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        await asyncio.to_thread(process.wait, 30)

    def environment(self) -> dict[str, str]:
        return {
            "PYTHONPATH": str(ROOT),
            "BATON_VAR_DIR": str(self.settings.var_dir),
            "BATON_STORE_URL": self.settings.store_url,
            "BATON_API_PORT": str(self.settings.api_port),
            "BATON_LOG_LEVEL": "warning",
            "TEMPORAL_ADDRESS": self.server.address,
        }

    async def until(self, condition: object, *, seconds: float = 600, what: str = "") -> None:
        """Asked every 400 ms. Raises BenchFault where it does not come true, or a process has ended."""
        give_up_at = time.monotonic() + seconds
        while not await condition():  # pyright: ignore[reportGeneralTypeIssues, reportCallIssue]
            for name, process in self.processes.items():
                if process.poll() is not None:
                    raise BenchFault(f"{name} ended with code {process.returncode}: {self.last_words(name)}")
            if time.monotonic() > give_up_at:
                raise BenchFault(f"waited {seconds:g} s in vain for {what}")
            for _ in range(8):  # to ask is work for the server too
                await asyncio.sleep(0.05)

    def last_words(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-600:]

    async def _polls(self, name: str, task_queue: str) -> bool:
        answer = await self.client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self.client.namespace,
                task_queue=TaskQueue(name=task_queue),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            )
        )
        return any(poller.identity.startswith(f"{self.processes[name].pid}@") for poller in answer.pollers)

    # What it costs.

    def pids(self) -> dict[str, int]:
        found = {"driver": os.getpid()}
        if self.server.pid is not None:
            found["server"] = self.server.pid
        return found | {name: process.pid for name, process in self.processes.items()}

    def look(self) -> "Look":
        return Look(time.monotonic(), {name: cpu_seconds(pid) for name, pid in self.pids().items()}, busy_seconds())

    def resident(self, name: str) -> float:
        """MiB of memory that a process holds."""
        for line in Path(f"/proc/{self.pids()[name]}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise BenchFault(f"{name} has no memory of its own")


@dataclass(frozen=True)
class Look:
    """CPU seconds so far of each process, and of the whole machine."""

    at: float
    used: Mapping[str, float]
    busy: float


@dataclass
class Cost:
    """What a stretch of the bench took. `others`: cores that programs which are not ours kept busy meanwhile."""

    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    foreign: float = 0.0

    def add(self, before: Look, after: Look) -> None:
        self.seconds += after.at - before.at
        for name, used in after.used.items():
            self.cpu[name] = self.cpu.get(name, 0.0) + used - before.used.get(name, 0.0)
        ours = sum(used - before.used.get(name, 0.0) for name, used in after.used.items())
        self.foreign += max(0.0, after.busy - before.busy - ours)

    @property
    def cpu_seconds(self) -> float:
        return sum(self.cpu.values())

    @property
    def others(self) -> float:
        return self.foreign / self.seconds if self.seconds else 0.0


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def busy_seconds() -> float:
    numbers = [int(number) for number in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (sum(numbers[:8]) - numbers[3] - numbers[4]) / TICKS


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@asynccontextmanager
async def a_house(folder: Path, policy: CollectionPolicy, *, day: timedelta) -> AsyncIterator[House]:
    """Fresh: the server slows down as history piles up in it."""
    temporal_port, api_port, ui_port = free_ports(3)
    settings = load_settings(
        var_dir=folder,
        store_url=f"sqlite:///{folder / 'baton.db'}",
        temporal_port=temporal_port,
        api_port=api_port,
        ui_port=ui_port,
        task_queue=names.TASK_QUEUE,
        channel="outbox",
    )
    await migrate(settings.store_url)
    server = EmbeddedTemporal(folder=folder, port=temporal_port, log_level="error")
    await server.start()
    database = Database(settings.store_url)
    house: House | None = None
    try:
        client = await connect(settings, wait_seconds=20)
        await ensure_search_attributes(client, names.search_attribute_types())
        begun_at = datetime.now(UTC)
        text = as_yaml(policy)
        async with database.writing() as connection:
            await policies.activate(connection, version="bench", name=policy.name, text=text, at=begun_at)
            await feeds.report_feed(
                connection,
                PaymentFeed(feed_id="bank", complete_until_at=begun_at + timedelta(days=36500), told_at=begun_at),
            )
        house = House(folder, server, client, settings, database, ShortDays(begun_at, day))
        yield house
    finally:
        for name in list(house.processes) if house is not None else ():
            await house.stop(name)
        await database.close()
        await server.stop()
