"""The real ledger of 2,466 invoices, whole, where it lies beside the project. Takes minutes: `BATON_SLOW=1` runs it."""

import asyncio
import os
from pathlib import Path

import pytest

from rehearsal.command import rehearse
from tests.rehearsal.small_ledger import a_day

LEDGER = Path(__file__).parents[3] / "shared" / "data" / "ledgers" / "receivables-2012-2013.csv"


@pytest.mark.skipif(not LEDGER.exists(), reason="the real ledgers do not lie in ../shared/data")
@pytest.mark.skipif(not os.environ.get("BATON_SLOW"), reason="takes minutes: BATON_SLOW=1 runs it")
def test_two_years_of_a_real_ledger_break_no_promise_and_end_with_its_own_figures() -> None:
    report = asyncio.run(rehearse(LEDGER))
    assert [(each.number, each.examples) for each in report.promises if each.broken] == []
    assert report.invoices == 2466
    assert report.agrees
    known = {
        "2012-06-30": (98, "5504.09", 15, "909.73", "27.23"),
        "2013-06-30": (84, "5119.85", 12, "835.56", "23.15"),
    }
    for day, figures in known.items():
        own = next(each for each in report.month_ends if each.as_of == a_day(day))
        assert (
            own.open_count,
            str(own.open_amount.amount),
            own.overdue_count,
            str(own.overdue_amount.amount),
            str(own.dso_90),
        ) == figures
