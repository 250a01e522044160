"""`baton rehearse`: a policy over a whole ledger on a test clock, before it is activated."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from commands.opening import run
from commands.terminal import CommandFault, err, out, say
from receivables.ledger_file.rows import ReadingOptions

if TYPE_CHECKING:
    from rehearsal.days import Progress as HowFar

app = typer.Typer()


@app.command("rehearse")
def rehearse(
    ledger: Annotated[Path, typer.Argument(metavar="LEDGER.csv", help="The ledger.", show_default=False)],
    policy: Annotated[Path | None, typer.Option(metavar="FILE", help="The policy; else the built-in one.")] = None,
    columns: Annotated[
        str | None, typer.Option("--map", help="A preset's name, or column=field,column=field. Else it is recognised.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="For rows that name none, as EUR.")] = None,
    country: Annotated[str | None, typer.Option(help="For rows that name none, as DE.")] = None,
    date_format: Annotated[
        str | None, typer.Option(help="d/m/y, m/d/y or y-m-d, where it could be read two ways.")
    ] = None,
    round_amounts: Annotated[bool, typer.Option(help="Round what has more decimals than its currency.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out the rows that have faults.")] = False,
    within: Annotated[
        int, typer.Option(min=0, max=60, help="A reminder was unnecessary where all of it was paid in so many days.")
    ] = 3,
    into: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Writes HTML, CSV and JSON there.")] = None,
) -> None:
    """Run a policy over a ledger on a test clock, with the real workflows, and report what it does. Nothing leaves.

    Ends with code 1 where a promise was broken or a figure is not the ledger's own.

    Example: baton rehearse ledger.csv --policy policy.yaml --out report
    """
    from rehearsal.command import CannotRehearse
    from rehearsal.command import rehearse as run_rehearsal
    from rehearsal.days import Stuck
    from rehearsal.output import show_report

    logging.getLogger("alembic").setLevel(logging.WARNING)
    options = ReadingOptions(
        map=columns,
        currency=currency,
        country=country,
        date_format=date_format,
        round_amounts=round_amounts,
        as_of=datetime.now(tz=UTC).date(),  # what "today-12" in a ledger counts from
    )
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("days"), TimeElapsedColumn(),
        TextColumn("{task.fields[more]}"), console=err, transient=True,
    ) as bar:  # fmt: skip  # columns of one line
        task = bar.add_task("rehearsing", total=None, more="")

        def show(how_far: "HowFar") -> None:
            more = f"{how_far.on}  {how_far.letters:,} letters"
            bar.update(task, total=how_far.days, completed=how_far.day, more=more)

        try:
            report = run(
                run_rehearsal(
                    ledger,
                    policy=policy,
                    options=options,
                    skip_bad=skip_bad,
                    out=into,
                    unnecessary_within_days=within,
                    on_progress=show,
                )
            )
        except (CannotRehearse, Stuck) as fault:
            raise CommandFault(str(fault)) from fault
    show_report(report, out)
    if into is not None:
        say(f"the report is in {into / 'report.html'}", style="dim")
    if report.broken or not report.agrees:
        raise typer.Exit(code=1)
