"""`baton rehearse`: a policy over a whole ledger on a test clock, before it is activated."""

from pathlib import Path
from typing import Annotated

import typer

from commands.terminal import out

app = typer.Typer()


@app.command("rehearse")
def rehearse(
    ledger: Annotated[Path, typer.Argument(metavar="LEDGER.csv", help="The ledger.", show_default=False)],
    policy: Annotated[Path | None, typer.Option(metavar="FILE", help="The policy; else the built-in one.")] = None,
    columns: Annotated[
        str | None, typer.Option("--map", help="A preset's name, or column=field,column=field. Else it is recognised.")
    ] = None,
    into: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Writes HTML, CSV and JSON there.")] = None,
) -> None:
    """Run a policy over a ledger on a test clock, with the real workflows, and report what it does. Nothing leaves.

    Example: baton rehearse ledger.csv --policy policy.yaml --out report
    """
    from rehearsal.command import rehearse as run_rehearsal

    run_rehearsal(ledger, policy, columns, into, out)
