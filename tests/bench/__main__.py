"""`make bench`: measures Baton beside bare Temporal, prints a table, and writes var/bench.json.

All of (a) to (d) runs on one fresh embedded server, as `baton run` starts it. Rates depend on the machine and on what
else it does; ratios hold better, those of CPU time best.
"""

import argparse
import asyncio
import json
import logging
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from runtime.exits import leave
from tests.bench import api, lives, rehearsing, replaying, sleeping
from tests.bench.house import BenchFault, a_house

PARTS = {
    "lives": "(a, b) whole lives beside the floor",
    "api": "(c) the API beside bare start and signal",
    "memory": "(d) memory of sleeping invoices",
    "rehearsal": "(e) a ledger of 2,466 invoices",
    "replay": "(f) replay of the longest recorded history",
}
LETTERS = {"a": "lives", "b": "lives", "c": "api", "d": "memory", "e": "rehearsal", "f": "replay"}
AIMS = {"lives": 0.8, "events": 50, "api": 0.7, "rehearsal_seconds": 180}

console = Console(highlight=False)


def main(arguments: Sequence[str]) -> None:
    options = _options(arguments)
    logging.basicConfig(level=logging.ERROR)
    figures = asyncio.run(run(options))
    console.print(_table(figures))
    for words in _remarks(figures):
        console.print(f"· {words}", style="dim")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(figures, indent=1) + "\n")
    console.print(f"written to {options.out}")


async def run(options: argparse.Namespace) -> dict[str, object]:
    """All figures, by part."""
    found: dict[str, object] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "day_seconds": options.day.total_seconds(),
        "command": "make bench" + (f" ARGS='{options.said}'" if options.said else ""),
    }
    chosen: list[str] = options.only
    if {"lives", "api", "memory"} & set(chosen):
        with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
            async with a_house(Path(folder), lives.bench_policy(), day=options.day) as house:
                if "lives" in chosen:
                    with console.status(f"{PARTS['lives']}: {options.rounds} rounds of 3 × {options.lives} …"):
                        measured = [
                            lived async for lived in lives.measure(house, lives=options.lives, rounds=options.rounds)
                        ]
                    found["lives"] = {lived.name: lived.figures() for lived in measured}
                if "api" in chosen:
                    with console.status(f"{PARTS['api']}: {options.requests} requests of each …"):
                        asked = await api.measure(house, requests=options.requests, rounds=options.rounds)
                    found["api"] = {each.name: each.figures() for each in asked}
                if "memory" in chosen:
                    with console.status(f"{PARTS['memory']}: {options.sleepers} …"):
                        found["memory"] = (await sleeping.measure(house, sleepers=options.sleepers)).figures()
    if "rehearsal" in chosen:
        ledger = options.ledger or rehearsing.the_ledger()
        if ledger is None:
            console.print(f"(e) left out: needs {rehearsing.LEDGER} of the shared data, or --ledger FILE")
        else:
            with console.status(PARTS["rehearsal"]):
                found["rehearsal"] = (await rehearsing.measure(ledger, most=options.rows)).figures()
    if "replay" in chosen:
        with console.status(PARTS["replay"]):
            found["replay"] = (await replaying.measure(times=options.replays)).figures()
    return found


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.split("\n")[0])
    parser.add_argument("--only", help=f"parts, by comma: {', '.join(PARTS)}, or their letters a to f")
    parser.add_argument("--quick", action="store_true", help="small numbers: a quick look, no figures to quote")
    parser.add_argument("--lives", type=int, help="workflows of each kind in a round (300)")
    parser.add_argument("--requests", type=int, help="requests of each kind in a round (1000)")
    parser.add_argument("--rounds", type=int, help="rounds (2)")
    parser.add_argument("--sleepers", type=int, help="sleeping invoices (2000; the table scales to 10,000)")
    parser.add_argument("--rows", type=int, help="rehearse only so many invoices of the ledger")
    parser.add_argument("--ledger", type=Path, help="the ledger to rehearse")
    parser.add_argument("--out", type=Path, default=Path("var/bench.json"))
    options = parser.parse_args(arguments)
    options.said = " ".join(arguments)
    options.day = lives.DAY
    usual = (
        {"lives": 60, "requests": 200, "rounds": 1, "sleepers": 300, "rows": 200, "replays": 3}
        if options.quick
        else {"lives": 300, "requests": 1000, "rounds": 2, "sleepers": 2000, "rows": None, "replays": 10}
    )
    for name, value in usual.items():
        if getattr(options, name, None) is None:
            setattr(options, name, value)
    words = [word.strip() for word in (options.only or ",".join(PARTS)).split(",")]
    unknown = [word for word in words if word not in PARTS and word not in LETTERS]
    if unknown:
        parser.error(f"--only {', '.join(unknown)}: no such part; choose of {', '.join(PARTS)} or a to f")
    options.only = list(dict.fromkeys(LETTERS.get(word, word) for word in words))
    return options


def _table(figures: dict[str, object]) -> Table:
    table = Table(title="Baton beside bare Temporal", title_justify="left")
    for name, justify in (
        ("measured", "left"),
        ("Baton", "right"),
        ("floor", "right"),
        ("ratio", "right"),
        ("aim", "right"),
    ):
        table.add_column(name, justify=justify)
    for row in rows(figures):
        table.add_row(*row)
    return table


def rows(figures: dict) -> list[tuple[str, str, str, str, str]]:  # pyright: ignore[reportMissingTypeArgument]  read from JSON
    """The table, row by row: what, Baton's figure, the floor's, their ratio (more is better), the aim."""
    found: list[tuple[str, str, str, str, str]] = []
    if of := figures.get("lives"):
        life, floor, bare = of["lives"], of["floor"], of["bare floor"]
        for name, other in (("floor", floor), ("floor without search attributes", bare)):
            found.append(
                (
                    f"(a) whole lives a second, beside the {name}",
                    f"{life['per_second']}",
                    f"{other['per_second']}",
                    f"{life['per_second'] / other['per_second']:.2f}",
                    f"≥ {AIMS['lives']}" if other is floor else "",
                )
            )
        found += [
            (
                "(a) CPU ms of a life, all processes",
                f"{life['cpu_ms_each']}",
                f"{floor['cpu_ms_each']}",
                f"{floor['cpu_ms_each'] / life['cpu_ms_each']:.2f}",
                f"≥ {AIMS['lives']}",
            ),
            ("(b) events of a life", f"{life['events']}", f"{floor['events']}", "", f"≤ {AIMS['events']}"),
        ]
    if of := figures.get("api"):
        for ending in (api.CARRIED_THROUGH, api.ANSWERED):
            for mine, bare in ((api.OPEN, api.START), (api.PAY, api.SIGNAL)):
                ours, theirs = of[f"{mine}, {ending}"]["per_second"], of[f"{bare}, {ending}"]["per_second"]
                words = f"(c) {mine} a second, {ending}, beside {bare}"
                found.append((words, f"{ours}", f"{theirs}", f"{ours / theirs:.2f}", f"≥ {AIMS['api']}"))
    if of := figures.get("memory"):
        more = of["server_mib_more_for_10000"]
        found += [
            (f"(d) server, MiB more for 10,000 sleepers ({of['sleepers']} measured)", f"{more}", "", "", ""),
            ("(d) worker, MiB more (its cache, however many sleep)", f"{of['worker_mib_more']}", "", "", ""),
        ]
    if of := figures.get("rehearsal"):
        aim = f"≤ {AIMS['rehearsal_seconds']} s"
        found += [
            (f"(e) rehearsal of {of['invoices']} invoices, seconds", f"{of['seconds']}", "", "", aim),
            ("(e) invoices a second", f"{of['invoices_per_second']}", "", "", ""),
        ]
    if of := figures.get("replay"):
        found.append((f"(f) replay of {of['history']}, {of['events']} events, ms", f"{of['ms']}", "", "", ""))
    return found


def _remarks(figures: dict) -> list[str]:  # pyright: ignore[reportMissingTypeArgument]  read from JSON
    found: list[str] = []
    if of := figures.get("lives"):
        busy = max(kind["cores_of_others"] for kind in of.values())
        found += [
            "a life: opened, three levels sent as files to the outbox, paid, settled; real but for a day's length, "
            f"which is {figures['day_seconds']:g} s at the activities' edge. The floor has the same waits, signals, "
            "activities and upserts, with empty bodies, in a worker with the same settings.",
        ]
        if busy > 0.2:
            found.append(f"other programs kept up to {busy} cores busy meanwhile: trust the CPU ratio, not the rates")
    if "api" in figures:
        found.append(
            "(c) the API in its own process, 50 requests at a time; answered: until the answer, no worker at work; "
            "carried through: until the workers have put each to sleep, or closed it"
        )
    return found


if __name__ == "__main__":
    began = time.monotonic()
    try:
        main(sys.argv[1:])
    except BenchFault as fault:
        console.print(f"[red]the bench stopped:[/red] {fault}")
        leave(1)
    console.print(f"took {time.monotonic() - began:.0f} s")
    leave(0)
