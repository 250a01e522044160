"""The run itself: the real worker on the time-skipping server, a store of its own, and a ledger told day by day."""

import gc
import resource
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.service import GrpcCompression
from temporalio.testing import WorkflowEnvironment

from channels.rendering import Renderer
from receivables.collection_policy import CollectionPolicy
from receivables.messages import ChannelName
from rehearsal.days import Days, OnProgress, stand_ins
from rehearsal.feeding import Shift, Story
from rehearsal.record import Record, read_record
from rehearsal.sink import SinkChannel
from runtime.binaries import find_binary
from runtime.temporal import ensure_search_attributes, pydantic_data_converter
from store.database import Database
from store.migrating import migrate
from worker import WorkerOptions, build_worker
from workflows import names


@dataclass
class Cost:
    """What a run took. CPU is of this process with its worker, and of the server."""

    wall_seconds: float = 0.0
    own_cpu_seconds: float = 0.0
    server_cpu_seconds: float = 0.0


@dataclass
class Rehearsal:
    """What a run leaves behind."""

    record: Record
    cost: Cost


async def run_in_this_process(
    story: Story,
    *,
    policy: CollectionPolicy,
    policy_text: str,
    shift: Shift,
    templates: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Rehearsal:
    """Run a ledger through Baton: its own server, store and worker, gone afterwards. Raises Stuck."""
    started, own_before, server_before = time.monotonic(), _cpu(resource.RUSAGE_SELF), _cpu(resource.RUSAGE_CHILDREN)
    owners = {customer.owner for customer in story.customers if customer.owner is not None}
    people = stand_ins(owners)
    sink = SinkChannel(sender=policy.sender, people=[policy.sender.person, *(agent.name for agent in people)])
    async with _store() as database, _server() as environment:
        client = await Client.connect(
            environment.client.service_client.config.target_host,
            data_converter=pydantic_data_converter,
            grpc_compression=GrpcCompression.NONE,
        )
        await ensure_search_attributes(client, names.search_attribute_types())
        worker = build_worker(
            client,
            database=database,
            renderer=Renderer(templates),
            channels={ChannelName.EMAIL: sink},
            options=WorkerOptions(graceful_shutdown=timedelta(seconds=5), is_sandboxed=False, cached_workflows=5000),
        )
        days = Days(client, database, story, shift, policy)
        with _garbage_seldom():
            async with worker:
                await days.begin(policy_text, people)
                await days.live_through(on_progress, sink)
                record = await read_record(database, sink=sink, feeds=tuple(days.feeds), facts=tuple(days.facts))
    cost = Cost(
        wall_seconds=time.monotonic() - started,
        own_cpu_seconds=_cpu(resource.RUSAGE_SELF) - own_before,
        server_cpu_seconds=_cpu(resource.RUSAGE_CHILDREN) - server_before,
    )
    return Rehearsal(record=record, cost=cost)


@contextmanager
def _garbage_seldom() -> Iterator[None]:
    """Millions of short-lived values and few cycles: looking for cycles all the time costs a tenth of the run."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@asynccontextmanager
async def _server() -> AsyncIterator[WorkflowEnvironment]:
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(find_binary("temporal-test-server")), data_converter=pydantic_data_converter
    )
    try:
        yield environment
    finally:
        await environment.shutdown()


@asynccontextmanager
async def _store() -> AsyncIterator[Database]:
    """A store of its own, gone afterwards."""
    own = Path(tempfile.mkdtemp(prefix="baton-rehearsal-"))
    url = f"sqlite:///{own / 'rehearsal.db'}"
    try:
        await migrate(url)
        database = Database(url, durable=False, at_once=True)
        try:
            yield database
        finally:
            await database.close()
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime
