"""The bench's pieces run, with numbers too small to mean anything. Nothing here is timed."""

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from receivables.invoice import Stage
from receivables.steps import Close, Contact, Reason
from tests.bench import __main__ as bench
from tests.bench.shortened_days import ShortDays

BEGUN_AT = datetime(2026, 11, 23, 8, tzinfo=UTC)
DAYS = ShortDays(BEGUN_AT, timedelta(seconds=2))


def test_a_short_day_lasts_as_long_as_it_is_told() -> None:
    assert DAYS.calendar(BEGUN_AT + timedelta(seconds=2)) == BEGUN_AT + timedelta(days=1)
    assert DAYS.real(BEGUN_AT + timedelta(days=7)) == BEGUN_AT + timedelta(seconds=14)


def test_a_step_is_never_carried_out_before_its_moment() -> None:
    due_at = BEGUN_AT + timedelta(days=3, microseconds=1)
    assert DAYS.calendar(DAYS.real(due_at)) >= due_at


def test_the_steps_of_a_policy_come_out_on_real_time() -> None:
    reason = Reason(rule="ladder", words="level 1")
    contact = Contact(message="reminder", step="level-1", at=BEGUN_AT + timedelta(days=1), reason=reason)
    close = Close(stage=Stage.SETTLED, reason=reason)
    assert DAYS.step(contact) == contact.model_copy(update={"at": BEGUN_AT + timedelta(seconds=2)})
    assert DAYS.step(close) == close


def test_parts_are_chosen_by_name_or_letter() -> None:
    assert bench._options(["--only", "b,a,replay"]).only == ["lives", "replay"]
    with pytest.raises(SystemExit):
        bench._options(["--only", "z"])


@pytest.mark.dev_server
async def test_the_bench_measures_lives_requests_sleepers_and_a_replay() -> None:
    options = argparse.Namespace(
        only=["lives", "api", "memory", "replay"],
        lives=2,
        requests=4,
        rounds=1,
        sleepers=3,
        replays=1,
        said="",
        day=timedelta(seconds=0.05),
    )
    figures = await bench.run(options)
    lives = figures["lives"]
    assert lives["lives"]["lives"] == 2  # pyright: ignore[reportIndexIssue]  as read from JSON
    assert lives["lives"]["events"] <= bench.AIMS["events"]  # pyright: ignore[reportIndexIssue]  as read from JSON
    assert lives["lives"]["events"] == lives["floor"]["events"], "the floor is as long as a life"  # pyright: ignore[reportIndexIssue]
    assert len(bench.rows(figures)) == 11
    assert bench._table(figures).row_count == 11


def test_the_bench_writes_only_where_it_is_told(tmp_path: Path) -> None:
    options = bench._options(["--quick", "--out", str(tmp_path / "figures.json")])
    assert options.out == tmp_path / "figures.json"
    assert (options.lives, options.requests) == (60, 200)
