"""A diary on the real Temporal server with its UI, in real time: for what the time-skipping server does not have."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from channels.outbox import OutboxChannel
from channels.rendering import Renderer
from policy.reading_policy import read_policy
from receivables.messages import ChannelName
from runtime.embedded_server import EmbeddedTemporal
from runtime.settings import load_settings
from runtime.temporal import connect, ensure_search_attributes
from store import agents, policies
from store.database import Database
from tests.diary import ANNA, BEN, MIA, Diary
from tests.waiting import until
from worker import WorkerOptions, build_worker
from workflows import names
from workflows.teller import TemporalTeller

ROOT = Path(__file__).parents[2]


class _RealTime:
    """What a diary needs of its environment. Time passes by itself; tests wait for what they expect."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def get_current_time(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, _duration: timedelta) -> None:
        await asyncio.sleep(0)


class RealOffice(Diary):
    """As a diary, with the server itself at hand."""

    def __init__(self, server: EmbeddedTemporal, client: Client, database: Database, outbox: Path) -> None:
        environment = cast(WorkflowEnvironment, _RealTime(client))
        super().__init__(environment, database, outbox, TemporalTeller(client))
        self.server = server
        self.client = client

    async def sees(self, words: str, *, invoice_id: str = "INV-1") -> None:
        """Wait until the invoice's run has this in its timeline or its present reason."""

        async def is_there() -> bool:
            file = await self.case_file(invoice_id)
            reason = [file.step.reason.words] if file.step is not None else []
            return any(words in said for said in (*(line.words for line in file.timeline), *reason))

        await until(is_there, seconds=30, what=f"{words!r} in the run of {invoice_id}")


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


@asynccontextmanager
async def a_real_office(
    database: Database, folder: Path, *, ready: Callable[[EmbeddedTemporal], None] = lambda _server: None
) -> AsyncIterator[RealOffice]:
    """The demo's policy (its contact hours are always open), agents Anna, Ben and Mia, and a fresh payment feed."""
    port, ui_port = free_ports(2)
    settings = load_settings(var_dir=folder, temporal_port=port, ui_port=ui_port)
    server = EmbeddedTemporal.of(settings)
    ready(server)
    await server.start()
    try:
        client = await connect(settings)
        await ensure_search_attributes(client, names.search_attribute_types())
        text = (ROOT / "examples" / "policy.yaml").read_text(encoding="utf-8")
        policy = read_policy(text, origin="examples/policy.yaml")
        now = datetime.now(UTC)
        async with database.writing() as connection:
            await policies.activate(connection, version=policy.version, name=policy.name, text=text, at=now)
            for agent in (ANNA, BEN, MIA):
                await agents.save(connection, agent)
        outbox = folder / "outbox"
        worker = build_worker(
            client,
            database=database,
            renderer=Renderer(),
            channels={ChannelName.EMAIL: OutboxChannel(outbox)},
            options=WorkerOptions(graceful_shutdown=timedelta(seconds=1)),
        )
        office = RealOffice(server, client, database, outbox)
        async with worker:
            await office.feed_tells(now + timedelta(days=30))
            yield office
    finally:
        await server.stop()
