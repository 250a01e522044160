"""`baton import`: a ledger from a CSV file; every fault is listed, and nothing is started unless bad rows may go."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from api.access import KeyRing
from api.case_desk import TemporalCaseDesk
from api.ledger_import import Progress, against_what_we_know, take_rows
from api.refusals import Fault as Contradiction
from api.services import AppOptions, Services
from api.telling import Herald
from commands.opening import bytes_of, now, opened_store, run
from commands.telling import TOLD_LATER
from commands.terminal import CommandFault, err, say, table_of
from receivables.ledger_file.reading import read_ledger, write_bad_rows
from receivables.ledger_file.rows import LedgerFile, ReadingOptions
from runtime.settings import Settings, load_settings
from runtime.temporal import connect
from store import agents
from store.database import Database
from workflows.teller import TemporalTeller

app = typer.Typer()

MOST_FAULTS_SHOWN = 50
TELL_SECONDS = 5.0


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(metavar="LEDGER.csv", help="The ledger.", show_default=False)],
    columns: Annotated[
        str | None, typer.Option("--map", help="A preset's name, or column=field,column=field. Else it is recognised.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="For rows that name none, as EUR.")] = None,
    country: Annotated[str | None, typer.Option(help="For rows that name none, as DE.")] = None,
    language: Annotated[str, typer.Option(help="For rows that name none.")] = "en",
    date_format: Annotated[
        str | None, typer.Option(help="d/m/y, m/d/y or y-m-d, where it could be read two ways.")
    ] = None,
    decimal: Annotated[str | None, typer.Option(help='The decimal sign: "." or ",".')] = None,
    round_amounts: Annotated[bool, typer.Option(help="Round what has more decimals than its currency.")] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Import the good rows; the others go to a file, to be put right.")
    ] = False,
    bad_rows: Annotated[
        Path | None, typer.Option(help="The file for them; else LEDGER.bad.csv beside the ledger.")
    ] = None,
    check_only: Annotated[
        bool, typer.Option("--check", help="Only say what would be imported, and all faults.")
    ] = False,
) -> None:
    """Import a ledger: its customers, invoices, payments and disputes. The same file again changes nothing.

    Examples:

        baton import examples/ledger.csv --check

        baton import open-items.csv --map "Rechnungsnr=invoice_id,Betrag=amount" --currency EUR --skip-bad
    """
    settings, today = load_settings(), now().date()
    sign = _decimal_sign(decimal)
    content = bytes_of(file, what="a ledger in CSV")
    options = ReadingOptions(
        map=columns,
        currency=currency,
        country=country,
        language=language,
        date_format=date_format,
        decimal=sign,
        round_amounts=round_amounts,
        as_of=today,
    )
    progress, ledger, is_written = run(_import(settings, content, options, file, bad_rows, skip_bad, check_only))
    say(f"columns    {ledger.mapping.words()}", style="dim")
    for note in ledger.notes:
        say(f"note       {note}", style="dim")
    if progress is None:
        say(f"{len(ledger.rows)} invoices could be imported; nothing was", style="green")
        return
    say(f"{progress.opened} invoices opened, {progress.known} were here already", style="green")
    if is_written is not None:
        say(f"the rows that were left out, each with its faults: {is_written}", style="yellow")
    if not progress.told:
        say(TOLD_LATER, style="yellow")


async def _import(
    settings: Settings,
    content: bytes,
    options: ReadingOptions,
    file: Path,
    bad_rows: Path | None,
    skip_bad: bool,
    check_only: bool,
) -> tuple[Progress | None, LedgerFile, Path | None]:
    async with opened_store(settings) as database:
        async with database.reading() as connection:
            owners = frozenset(agent.agent_id for agent in await agents.list_agents(connection))
        ledger = read_ledger(content, options=options.model_copy(update={"known_owners": owners or None}))
        use = await _services(settings, database)
        rows, known, contradictions = await against_what_we_know(use, ledger.rows)
        if ledger.faults or contradictions:
            _show_faults(file, ledger, contradictions)
            if not (skip_bad and ledger.can_skip_bad and rows):
                raise CommandFault(
                    f"{file}: {len(ledger.faults) + len(contradictions)} faults; nothing was imported",
                    remedy=f"Put them right, or leave {_rows_in_words(ledger, contradictions)} out with --skip-bad."
                    if ledger.can_skip_bad and rows
                    else "No row can be imported until they are put right.",
                )
        if check_only:
            return None, ledger, None
        is_written = _write_bad(ledger, file, bad_rows) if ledger.bad_rows else None
        progress = await take_rows(use, rows, by="import at the command line", at=now())
        await use.herald.noted()
        progress.known += known
        return progress, ledger, is_written


async def _services(settings: Settings, database: Database) -> Services:
    """What the API's own import works with: one way in for ledgers, whichever door they come by."""
    client = await connect(settings, lazy=True)
    teller = TemporalTeller(client, task_queue=settings.task_queue)
    return Services(
        database=database,
        herald=Herald(database, teller, clock=now, patience_seconds=TELL_SECONDS),
        desk=TemporalCaseDesk(client),
        clock=now,
        options=AppOptions(),
        keys=KeyRing(database),
    )


def _show_faults(file: Path, ledger: LedgerFile, contradictions: list[Contradiction]) -> None:
    rows = [
        (str(fault.row) if fault.row else "file", fault.column, fault.value, fault.expected) for fault in ledger.faults
    ]
    rows += [(fault.place, "", "", fault.words) for fault in contradictions]
    err.print(table_of("row", "column", "value", "expected", rows=rows[:MOST_FAULTS_SHOWN], title=str(file)))
    if len(rows) > MOST_FAULTS_SHOWN:
        err.print(f"… and {len(rows) - MOST_FAULTS_SHOWN} more", style="dim")


def _rows_in_words(ledger: LedgerFile, contradictions: list[Contradiction]) -> str:
    count = len(ledger.bad_rows) + len(contradictions)
    return f"{count} bad row{'s' if count != 1 else ''}"


def _write_bad(ledger: LedgerFile, file: Path, chosen: Path | None) -> Path:
    target = chosen or file.with_name(f"{file.stem}.bad.csv")
    try:
        with target.open("w", encoding="utf-8", newline="") as into:
            write_bad_rows(ledger, into)
    except OSError as fault:
        raise CommandFault(
            f"{target}: the bad rows cannot be written there ({fault.strerror}); nothing was imported",
            remedy="Choose another file with --bad-rows.",
        ) from fault
    return target


def _decimal_sign(text: str | None) -> Literal[".", ","] | None:
    match text:
        case None:
            return None
        case "." | ",":
            return text
        case _:
            raise CommandFault(f'--decimal {text}: "." or "," is expected', code=2)
