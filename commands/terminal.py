"""What commands print: results on standard output, what went wrong on standard error, never a traceback for either."""

import unicodedata
from collections.abc import Iterator, Sequence

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from activities.rulebook import NoPolicy
from activities.telling import EngineAway
from api.case_desk import DecisionTurnedDown, EscalationOver
from channels.template_files import BadTemplate
from policy.decisions import DecisionRefused
from policy.reading_policy import BadPolicy
from receivables.money import BadAmount, UnknownCurrency
from runtime.embedded_server import PortTaken, ServerDidNotStart
from runtime.leftovers import AlreadyRunning
from runtime.metrics import MetricsPortTaken
from runtime.settings import BadSetting
from runtime.supervisor import ChildDidNotStart
from runtime.temporal import BadTemporalSetting, BinaryMissing, SearchAttributeRefused, TemporalAway
from store.cases import CaseNotOpen, NoSuchCase
from store.database import StoreAway
from store.facts import FactConflict
from store.keys import KeyOfNobody, NoSuchKey
from store.messages import NoSuchMessage, WrongMessageState
from store.migrating import StoreIsNewer

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


LONGEST_UNFOLDED = 36


class CommandFault(Exception):
    """A command cannot do what it was asked for. The text says what, where, and what to do; it may have lines."""

    def __init__(self, words: str, *, remedy: str = "", code: int = 1) -> None:
        super().__init__(words)
        self.remedy = remedy
        self.code = code


WRONG_SETTINGS: tuple[type[Exception], ...] = (BadSetting, BadTemporalSetting)
"""These end with code 2, like a wrong option: nothing was tried."""

EXPECTED: tuple[type[Exception], ...] = (
    *WRONG_SETTINGS,
    *(CommandFault, BadPolicy, BadTemplate, NoPolicy, BadAmount, UnknownCurrency),
    *(StoreAway, StoreIsNewer, TemporalAway, EngineAway, SearchAttributeRefused),
    *(PortTaken, ServerDidNotStart, AlreadyRunning, MetricsPortTaken, ChildDidNotStart, BinaryMissing),
    *(NoSuchCase, CaseNotOpen, NoSuchMessage, WrongMessageState, NoSuchKey, KeyOfNobody, FactConflict),
    *(DecisionRefused, DecisionTurnedDown, EscalationOver),
)
"""Faults that are told in words. Whatever else is raised is a bug of ours and keeps its traceback."""

REMEDIES: dict[type[Exception], str] = {
    StoreAway: "Is BATON_STORE_URL right, the server up, the disk not full? Then ask again: nothing was lost.",
    EngineAway: "Start it (`baton run` brings its own), or set TEMPORAL_ADDRESS to one that runs; then ask again.",
    NoSuchCase: "`baton cases --all` lists them.",
    NoSuchMessage: "`baton in-doubt list` lists what is in doubt.",
    NoSuchKey: "`baton keys list` lists them.",
}


class Guarded(TyperGroup):
    """The root of all commands: what is expected to go wrong is said in words, with an exit code."""

    def invoke(self, ctx: typer.Context) -> object:  # pyright: ignore[reportIncompatibleMethodOverride]  typer's own context
        try:
            return super().invoke(ctx)
        except EXPECTED as fault:
            show_fault(fault)
            raise typer.Exit(code_of(fault)) from fault


def show_fault(fault: Exception) -> None:
    """What went wrong, where, and what to do, on standard error."""
    lines = str(fault).splitlines() or [type(fault).__name__]
    err.print(Text("baton: ", style="bold red") + Text(plain(lines[0])))
    for line in lines[1:]:
        err.print(Text("       " + plain(line)))
    remedy = fault.remedy if isinstance(fault, CommandFault) else _remedy_of(fault)
    if remedy:
        err.print(Text(f"       {remedy}", style="dim"))


def code_of(fault: Exception) -> int:
    if isinstance(fault, CommandFault):
        return fault.code
    return 2 if isinstance(fault, WRONG_SETTINGS) else 1


def say(words: str | Text, *, style: str = "") -> None:
    out.print(words if isinstance(words, Text) else Text(plain(words), style=style))


def table_of(*columns: str, rows: Sequence[Sequence[str | Text]], title: str | None = None) -> Table:
    """A table whose cells are taken as they are: no markup, no control characters.

    Ids are never cut, however narrow the terminal: they are there to be copied. Only long cells are folded.
    """
    table = Table(title=title, box=None, header_style="bold", title_justify="left", pad_edge=False)
    cells = [[cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row] for row in rows]
    for place, name in enumerate(columns):
        widest = max((len(row[place]) for row in cells), default=0)
        table.add_column(name, overflow="fold", min_width=max(len(name), min(widest, LONGEST_UNFOLDED)))
    for row in cells:
        table.add_row(*row)
    return table


def plain(words: str) -> str:
    """Text from elsewhere, so that it cannot move the cursor or colour the terminal: control signs become visible."""
    return "".join(_visible(words))


def first_fault_of(refusal: ValidationError) -> str:
    """All that a model refuses, in a line each: the field, what is wrong."""
    return "\n".join(
        f"{'.'.join(str(part) for part in error['loc'])}: {error['msg'].removeprefix('Value error, ')}"
        for error in refusal.errors(include_url=False)
    )


def _remedy_of(fault: Exception) -> str:
    return next((words for kind, words in REMEDIES.items() if isinstance(fault, kind)), "")


def _visible(words: str) -> Iterator[str]:
    for sign in words:
        if sign == "\t":
            yield " "
        elif sign == "\n":
            yield sign
        elif unicodedata.category(sign) in ("Cc", "Cs", "Cf"):
            yield f"\\x{ord(sign):02x}" if ord(sign) < 256 else f"\\u{ord(sign):04x}"
        else:
            yield sign
