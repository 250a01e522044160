"""`baton run`: all of Baton on this machine, with nothing installed beside it."""

import asyncio
import logging
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from activities.rulebook import RuleBook
from commands.backend import Backend
from commands.example import Example, report_feed
from commands.example_memory import MemoryFile
from commands.first_keys import FirstKeys, first_keys
from commands.onlooker import Onlooker
from commands.opening import bytes_of, now, renderer_of
from commands.people import read_agents, save_agents
from commands.policies import checked, first_policy, hours_in_words, is_always_open, put_in_force
from commands.processes import PATIENCE_SECONDS, migrated, run_for_good, temporal_ui_of
from commands.terminal import CommandFault, out, plain, say
from receivables.collection_policy import CollectionPolicy
from runtime.embedded_server import EmbeddedTemporal, require_free_port
from runtime.logging import set_up_logging
from runtime.settings import Settings, load_settings, variable_of
from runtime.supervisor import Child, Supervisor
from runtime.temporal import address_of, connect, ensure_namespace, ensure_search_attributes
from store.database import Database
from workflows.names import search_attribute_types

app = typer.Typer()

KEYS, MEMORY = "keys.json", "example.json"
FEED_EVERY_SECONDS = 600


@app.command("run")
def run_command(
    example: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Load the example in this folder, and let some of its customers act."),
    ] = None,
) -> None:
    """Run all of Baton here: Temporal with its UI, the store, worker and API; what dies is started again.

    Ctrl-C stops it. Started again it goes on where it was, and sends nothing twice. All state is in BATON_VAR_DIR.

    Example: baton run --example examples
    """
    settings = load_settings()
    if example is not None and not example.is_dir():
        raise CommandFault(
            f"there is no folder {example}", remedy="The example that comes with Baton: examples", code=2
        )
    run_for_good(_run(settings, example))


async def _run(settings: Settings, example: Path | None) -> None:
    log_file = settings.var_dir / "log" / "run.log"
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("a", encoding="utf-8") as log:
        set_up_logging(level=settings.log_level, log_format=settings.log_format, stream=log)
        where = address_of(settings)
        temporal = EmbeddedTemporal.of(settings) if where.is_embedded else None
        house = Supervisor([_temporal(temporal)] if temporal else [], folder=settings.var_dir, say=_notice)
        house.stop_on_signals()
        say(f"starting Baton; what its parts say is in {log_file.parent}", style="dim")
        try:
            await _until_stopped(settings, house, example)
        finally:
            set_up_logging()  # what goes wrong now is for the terminal
        say("stopped. Started again, it goes on where it was")


async def _until_stopped(settings: Settings, house: Supervisor, example: Path | None) -> None:
    async with house:
        life = asyncio.create_task(_live(settings, house, example))
        asked_to_stop = asyncio.create_task(house.wait())
        await asyncio.wait({life, asked_to_stop}, return_when=asyncio.FIRST_COMPLETED)
        life.cancel()
        try:
            await life
        except asyncio.CancelledError:
            say("\nstopping: what is under way is finished first", style="dim")
        finally:
            asked_to_stop.cancel()


async def _live(settings: Settings, house: Supervisor, example_folder: Path | None) -> None:
    """Everything from the first preparations until it is cancelled."""
    if house.is_stopping:
        return
    client = await connect(settings, wait_seconds=PATIENCE_SECONDS)
    if address_of(settings).is_embedded:
        await ensure_namespace(client)
    await ensure_search_attributes(client, search_attribute_types())
    await migrated(settings)
    database = Database(settings.store_url, pool_size=4)
    backend: Backend | None = None
    try:
        renderer = renderer_of(settings)
        example = None
        if example_folder is not None:
            example = Example(example_folder, MemoryFile(settings.var_dir / MEMORY), _story)
            if not await example.begin(database):
                await _prepare(settings, database, example)
        await first_policy(settings, at=now())
        keys, _ = await first_keys(database, settings.var_dir / KEYS, at=now())
        policy = await _policy_in_force(database)
        backend = Backend(settings.api_url, keys.service)
        await house.add(_api(settings, backend))
        _introduce(settings, policy, keys, example_folder)
        if example is not None:
            await example.load(backend)
            await report_feed(backend)
        onlooker = Onlooker(database)
        await onlooker.skip()
        if example is not None:
            await example.put_one_in_doubt(database, renderer)
        # Last, when all of the ledger is known: so the first messages speak of all that a customer owes.
        await house.add(_worker(settings))
        if example is None:
            _what_to_try(is_example=False)
        try:
            async with asyncio.TaskGroup() as together:
                together.create_task(onlooker.watch())
                if example is not None:
                    together.create_task(_act(example, backend, database))
                    together.create_task(_keep_the_feed_fresh(backend))
        except ExceptionGroup as faults:  # the first is what went wrong; the others were cancelled for it
            raise faults.exceptions[0] from faults
    finally:
        if backend is not None:
            await backend.close()
        await database.close()


async def _prepare(settings: Settings, database: Database, example: Example) -> None:
    """The example's policy and people, before its first fact."""
    content = bytes_of(example.policy_file, what="the example's policy")
    policy = checked(content, origin=str(example.policy_file), settings=settings)
    await put_in_force(settings, database, policy, content.decode("utf-8-sig"), by="baton run", at=now())
    people = read_agents(bytes_of(example.agents_file, what="the example's agents"), origin=str(example.agents_file))
    await save_agents(database, people)


async def _act(example: Example, backend: Backend, database: Database) -> None:
    await example.play(backend, database)
    _story("the example's customers have acted; from here on Baton waits for time, money and people")
    _what_to_try()


async def _keep_the_feed_fresh(backend: Backend) -> None:
    while True:
        await asyncio.sleep(FEED_EVERY_SECONDS)
        await report_feed(backend)


async def _policy_in_force(database: Database) -> CollectionPolicy:
    async with database.reading() as connection:
        return (await RuleBook().rules(connection)).current


def _temporal(server: EmbeddedTemporal) -> Child:
    server.folder.mkdir(parents=True, exist_ok=True)
    return Child("temporal", server.command, check_first=server.check_ports, is_ready=server.is_ready)


def _api(settings: Settings, backend: Backend) -> Child:
    def has_its_port() -> None:
        require_free_port(settings.api_host, settings.api_port, variable=variable_of("api_port"), what="the API")

    return Child(
        "api",
        _baton("api"),
        check_first=has_its_port,
        is_ready=backend.is_ready,
        stop_seconds=settings.shutdown_seconds + 5,
    )


def _worker(settings: Settings) -> Child:
    quickly: dict[str, str] = {}
    if settings.channel == "outbox" and not {"send_timeout_seconds", "lease_seconds"} & settings.model_fields_set:
        # A file is written in no time: what a killed worker was sending need not rest as long as with a mail server.
        quickly = {variable_of("send_timeout_seconds"): "5", variable_of("lease_seconds"): "10"}
    return Child("worker", _baton("worker"), environment=quickly, stop_seconds=settings.shutdown_seconds + 10)


def _baton(command: str) -> tuple[str, ...]:
    """Our own command in a process of its own. -P: a cli.py in the folder where we were started is not ours."""
    return (sys.executable, "-P", "-m", "cli", command)


def _introduce(settings: Settings, policy: CollectionPolicy, keys: FirstKeys, example: Path | None) -> None:
    ui = temporal_ui_of(settings)
    outbox = f"{settings.outbox_dir} (.eml files)" if settings.channel == "outbox" else f"leave by {settings.channel}"
    rows = [
        ("API", f"{settings.api_url}/docs (its documentation)"),
        ("Temporal UI", ui or f"that of {address_of(settings).address}"),
        ("messages", outbox),
        ("API keys", f"{settings.var_dir / KEYS} (service, operator, {', '.join(keys.agents) or 'no agents yet'})"),
        ("policy", f"{policy.name}"),
        ("contact hours", hours_in_words(policy)),
    ]
    if is_always_open(policy):
        rows.append(("", "so that you see it move now; the default policy keeps to working days and office hours"))
    say("")
    say("Baton is up" + (f", with the example in {example}" if example else ""), style="bold green")
    for name, words in rows:
        out.print(Text(f"  {name:<14}", style="bold") + Text(plain(words)))
    say("")


def _what_to_try(*, is_example: bool = True) -> None:
    command = _own_name()
    say("")
    say("to try, in another terminal:", style="bold")
    for words in (
        (
            "why INV-2028                       what comes next, when, and by which rule",
            "cases                              who has what on their desk",
            "decide CASE resume --as AGENT      decide one of them",
            "in-doubt list                      what may or may not have left",
        )
        if is_example
        else (
            "policy activate FILE               the rules that you want, instead of these",
            "agents load FILE                   who collects",
            "import LEDGER.csv --check          what a ledger would bring; without --check it is imported",
            "status                             how things stand",
        )
    ):
        say(f"  {command} {words}")
    say("Ctrl-C stops it.\n")


def _own_name() -> str:
    """How this very command is called from here: .venv/bin/baton, where it is not on the PATH."""
    called = Path(sys.argv[0])
    if called.name != "baton":
        return "baton"
    with suppress(ValueError):
        return str(called.absolute().relative_to(Path.cwd()))
    return "baton"


def _story(words: str) -> None:
    say(f"{now().astimezone():%H:%M:%S}  {words}", style="bold cyan")


def _notice(words: str) -> None:
    logging.getLogger("baton.run").warning("%s", words)
    say(f"{now().astimezone():%H:%M:%S}  {words}", style="bold yellow")
