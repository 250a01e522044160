"""(e): a whole ledger through the real workflows on the time-skipping server."""

import os
from dataclasses import dataclass
from pathlib import Path

from policy.reading_policy import default_policy_text, read_policy
from receivables.ledger_file.rows import ReadingOptions
from rehearsal.feeding import read_ledger_file, tell_by_days
from rehearsal.running import Cost, run_story

LEDGER = "ledgers/receivables-2012-2013.csv"


def the_ledger() -> Path | None:
    """2,466 invoices of two years. It is no part of the project: beside it, or where BATON_SHARED_DATA says."""
    told = os.environ.get("BATON_SHARED_DATA")
    folder = Path(told) if told else Path(__file__).resolve().parents[3] / "shared" / "data"
    return folder / LEDGER if (folder / LEDGER).exists() else None


@dataclass(frozen=True)
class Rehearsed:
    invoices: int
    letters: int
    cost: Cost

    def figures(self) -> dict[str, object]:
        return {
            "invoices": self.invoices,
            "letters": self.letters,
            "seconds": round(self.cost.wall_seconds, 1),
            "invoices_per_second": round(self.invoices / self.cost.wall_seconds, 1),
            "own_cpu_seconds": round(self.cost.own_cpu_seconds, 1),
            "server_cpu_seconds": round(self.cost.server_cpu_seconds, 1),
        }


async def measure(ledger: Path, *, most: int | None = None) -> Rehearsed:
    """With the built-in policy. `most`: only so many of its invoices."""
    text = default_policy_text()
    story = tell_by_days(read_ledger_file(ledger, options=ReadingOptions()).rows[:most])
    rehearsal = await run_story(story, policy=read_policy(text, origin="the built-in policy"), policy_text=text)
    return Rehearsed(len(story.rows), len(rehearsal.record.left), rehearsal.cost)
