"""The parts of Baton that run for good, a process each: `baton worker`, `baton api`; and `baton migrate`."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, NoReturn

import typer

from api.serving import serve
from commands.opening import file_of, now, renderer_of, require_migrated, run
from commands.policies import first_policy
from commands.terminal import EXPECTED, code_of, say, show_fault
from runtime.exits import leave
from runtime.logging import set_up_logging
from runtime.metrics import runtime_with_metrics
from runtime.settings import Settings, load_settings
from runtime.temporal import SearchAttributeRefused, address_of, connect, ensure_search_attributes
from store.database import Database
from store.migrating import current_revision, migrate
from worker import build_channels, build_worker, ensure_schedules, options_of, run_until_told_to_stop
from workflows.names import search_attribute_types

log = logging.getLogger("baton.worker")

PATIENCE_SECONDS = 60
"""How long a process that starts waits for Temporal, before it ends and is started again by whoever watches it."""

app = typer.Typer()


@app.command("worker")
def worker_command() -> None:
    """Carry work out: workflows, messages, cases. Start as many as are needed.

    Example: BATON_STORE_URL=postgresql://baton:secret@db/baton TEMPORAL_ADDRESS=temporal:7233 baton worker
    """
    settings = load_settings()
    set_up_logging(level=settings.log_level, log_format=settings.log_format)
    run_for_good(_work(settings))


@app.command("api")
def api_command() -> None:
    """Serve the HTTP API for backend services, agents and operators; its documentation is at /docs.

    Example: BATON_API_PORT=8040 baton api
    """
    settings = load_settings()
    set_up_logging(level=settings.log_level, log_format=settings.log_format)
    run_for_good(_serve(settings))


@app.command("migrate")
def migrate_command() -> None:
    """Make the store's tables, or bring them up to date; a new store gets its first policy. Again: nothing changes.

    The first policy is BATON_POLICY_FILE, or the built-in one.

    Example: BATON_STORE_URL=sqlite:///var/baton.db baton migrate
    """
    settings = load_settings()

    async def work() -> tuple[str | None, str | None, str | None]:
        # Sibling processes may migrate at once: the second finds it done.
        before = await migrated(settings)
        after = await current_revision(settings.store_url)
        return before, after, await first_policy(settings, at=now())

    before, after, activated = run(work())
    change = "is up to date" if before == after else "is ready" if before is None else f"was brought from {before}"
    say(f"the store {settings.shown_store_url} {change} ({after})")
    if activated is not None:
        say(f"its first policy is active: {activated}")


async def migrated(settings: Settings) -> str | None:
    """Bring the store up to date; gives what it stood at before."""
    file = file_of(settings.store_url)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    before = await current_revision(settings.store_url)
    await migrate(settings.store_url)
    return before


def run_for_good(work: Coroutine[Any, Any, None]) -> NoReturn:
    """Run a process's work to its end, and leave without the interpreter's own shutdown (see `runtime.exits`)."""
    try:
        asyncio.run(work)
    except EXPECTED as fault:
        show_fault(fault)
        leave(code_of(fault))
    except KeyboardInterrupt:
        leave(130)
    except Exception:
        logging.getLogger("baton").exception("this is a fault of ours")
        leave(70)
    leave(0)


async def _work(settings: Settings) -> None:
    renderer = renderer_of(settings)
    channels = build_channels(settings)
    await require_migrated(settings)
    client = await connect(settings, wait_seconds=PATIENCE_SECONDS, runtime=runtime_with_metrics(settings))
    try:
        await ensure_search_attributes(client, search_attribute_types())
    except SearchAttributeRefused as fault:  # whoever runs the namespace may have made them without letting us look
        log.warning("%s", fault)
    await ensure_schedules(client, task_queue=settings.task_queue)
    database = Database(settings.store_url)
    try:
        options = options_of(settings)
        await run_until_told_to_stop(
            build_worker(client, database=database, renderer=renderer, channels=channels, options=options)
        )
    finally:
        for channel in channels.values():
            await channel.close()
        await database.close()


async def _serve(settings: Settings) -> None:
    await require_migrated(settings)
    # Lazily: the API takes facts while Temporal is away, and tells its workflows later.
    client = await connect(settings, lazy=True)
    database = Database(settings.store_url)
    try:
        await serve(settings, database=database, client=client, temporal_ui=temporal_ui_of(settings))
    finally:
        await database.close()


def temporal_ui_of(settings: Settings) -> str | None:
    """The address of the Temporal UI where it is the embedded server's own."""
    return f"http://127.0.0.1:{settings.ui_port}" if address_of(settings).is_embedded else None
