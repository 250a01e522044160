"""A ledger runs in shares of whole customers, each in a process of its own; together they are one run."""

import asyncio
from pathlib import Path

import pytest

from rehearsal.command import prepare, rehearse_prepared
from rehearsal.days import Progress
from rehearsal.feeding import tell_by_days
from rehearsal.shares import ShareFailed, split, worthwhile_shares
from tests.rehearsal.small_ledger import a_day, small_ledger, small_rows


@pytest.mark.parametrize("count", [1, 2, 3, 6, 40])
def test_shares_are_of_whole_customers_about_equal_and_lose_nothing(count: int) -> None:
    story = tell_by_days(small_rows())
    shares = split(story, count)
    assert len(shares) == min(count, 6)
    assert sorted(row.invoice_id for share in shares for row in share.rows) == sorted(
        row.invoice_id for row in story.rows
    )
    of_each = [{customer.customer_id for customer in share.customers} for share in shares]
    assert sum(len(own) for own in of_each) == len(set().union(*of_each)) == 6
    assert sum(share.fact_count for share in shares) == story.fact_count
    assert {(share.first_on, share.last_on) for share in shares} == {(story.first_on, story.last_on)}
    sizes = [len(share.rows) for share in shares]
    assert max(sizes) - min(sizes) <= 4  # no customer has more than four invoices


def test_a_small_ledger_is_not_worth_a_second_process() -> None:
    assert worthwhile_shares(tell_by_days(small_rows())) == 1


def test_two_shares_report_what_one_run_reports(tmp_path: Path) -> None:
    told: list[Progress] = []
    report = asyncio.run(rehearse_prepared(prepare(small_ledger(tmp_path)), shares=2, on_progress=told.append))
    assert report.broken == 0
    assert report.agrees
    assert (report.invoices, report.customers, report.letters) == (15, 6, 33)
    assert sum(each.cases for each in report.cases) == 5
    assert [each.day for each in told] == sorted({each.day for each in told})
    assert (told[-1].on, told[-1].facts) == (a_day("2012-04-17"), 32)


def test_a_share_that_fails_fails_the_run_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_TEMPORAL_TEST_SERVER_BIN", str(tmp_path / "no-such-server"))
    with pytest.raises(ShareFailed, match="no-such-server: not a program"):
        asyncio.run(rehearse_prepared(prepare(small_ledger(tmp_path)), shares=2))
