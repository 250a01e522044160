"""(e): a whole ledger through the real workflows on the time-skipping server."""

import os
from dataclasses import dataclass
from pathlib import Path

from receivables.ledger_file.rows import ReadingOptions
from rehearsal.command import prepare, prepare_rows, rehearse_prepared
from rehearsal.feeding import read_ledger_file
from rehearsal.report import Report

LEDGER = "ledgers/receivables-2012-2013.csv"


def the_ledger() -> Path | None:
    """2,466 invoices of two years. It is no part of the project: beside it, or where BATON_SHARED_DATA says."""
    told = os.environ.get("BATON_SHARED_DATA")
    folder = Path(told) if told else Path(__file__).resolve().parents[3] / "shared" / "data"
    return folder / LEDGER if (folder / LEDGER).exists() else None


@dataclass(frozen=True)
class Rehearsed:
    report: Report

    def figures(self) -> dict[str, object]:
        report = self.report
        return {
            "invoices": report.invoices,
            "letters": report.letters,
            "broken_promises": report.broken,
            "seconds": report.wall_seconds,
            "invoices_per_second": round(report.invoices / report.wall_seconds, 1),
            "own_cpu_seconds": report.cpu_seconds,
            "server_cpu_seconds": report.server_cpu_seconds,
        }


async def measure(ledger: Path, *, most: int | None = None) -> Rehearsed:
    """As `baton rehearse` with the built-in policy. `most`: only so many of its invoices."""
    prepared = prepare(ledger)
    if most is not None:
        rows = read_ledger_file(ledger, options=ReadingOptions()).rows[:most]
        prepared = prepare_rows(rows, name=ledger.name, policy=prepared.policy, policy_text=prepared.policy_text)
    return Rehearsed(await rehearse_prepared(prepared))
