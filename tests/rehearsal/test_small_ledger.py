"""A small ledger rehearsed from end to end: the real worker on the time-skipping server, its figures and its files."""

import asyncio
import csv
import json
import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from rehearsal.command import rehearse
from rehearsal.days import Progress
from rehearsal.output import show_report, write_report
from rehearsal.report import MonthEnd, Report
from tests.rehearsal.small_ledger import a_day, small_ledger

seen_progress: list[Progress] = []


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Rehearsed once for all tests of this file."""
    folder = tmp_path_factory.mktemp("rehearsed")
    seen_progress.clear()
    return asyncio.run(rehearse(small_ledger(folder), out=folder / "out", on_progress=seen_progress.append))


def month_end(report: Report, day: str, currency: str) -> MonthEnd:
    return next(each for each in report.month_ends if each.as_of == a_day(day) and each.currency == currency)


def test_every_promise_is_kept_and_every_figure_is_the_ledgers(report: Report) -> None:
    assert [(each.number, each.examples) for each in report.promises if each.broken] == []
    assert report.broken == 0
    assert report.agrees
    looked_at = {each.number: each.checked for each in report.promises}
    assert all(looked_at[number] > 0 for number in (1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14)), looked_at
    assert [each.number for each in report.promises if not each.is_rehearsed] == [3, 12]


def test_open_overdue_and_dso_stand_at_each_months_end_in_the_ledgers_own_dates(report: Report) -> None:
    assert sorted({each.as_of for each in report.month_ends}) == [
        a_day("2012-01-31"),
        a_day("2012-02-29"),
        a_day("2012-03-31"),
        a_day("2012-04-10"),  # the ledger's last day
    ]
    february = month_end(report, "2012-02-29", "EUR")
    # B-2, B-3, F-1 whole, and what is left of C-1, which is overdue
    assert (february.open_count, str(february.open_amount)) == (6, "EUR 1,620.00")
    assert (february.overdue_count, str(february.overdue_amount)) == (1, "EUR 600.00")
    assert str(february.dso_90) == "59.03"  # 1620 ÷ 2470 × 90
    assert str(month_end(report, "2012-02-29", "USD").open_amount) == "USD 750.00"
    assert str(month_end(report, "2012-03-31", "GBP").overdue_amount) == "GBP 5.00"


def test_what_customers_received_is_counted_by_step_segment_and_month(report: Report) -> None:
    by_step: dict[str, tuple[int, int]] = {}
    for each in report.messages:
        letters, invoices = by_step.get(each.step, (0, 0))
        by_step[each.step] = (letters + each.letters, invoices + each.invoices)
    # share each of their letters; the dispute, the personal-only and the one without address get none
    assert by_step["level-1"] == (4, 5)
    assert by_step["level-2"] == (2, 3)
    assert "level-3" not in by_step
    assert sum(letters for letters, _ in by_step.values()) == report.letters
    assert [each.month for each in report.contacts] == ["2012-01", "2012-02", "2012-03", "2012-04"]
    assert sum(each.reminders for each in report.contacts) == 6
    assert {each.customer_id for each in report.contacts_by_customer} == {"C-1", "C-2", "C-3", "C-5"}


def test_reminders_that_crossed_with_the_payment_are_counted(report: Report) -> None:
    assert report.unnecessary_within_days == 3
    # were paid on 20 March, three days after their second reminder of Monday the 19th at the latest
    crossed = {each.step: (each.letters, each.unnecessary) for each in report.unnecessary}
    assert crossed == {"level-1": (4, 1), "level-2": (2, 1)}


def test_cases_are_counted_by_trigger_and_money_ends_them(report: Report) -> None:
    assert {each.trigger: (each.cases, each.open_at_the_end) for each in report.cases} == {
        "attempts_used_up": (1, 0),
        "contact_repair": (1, 0),
        "personal_only": (1, 0),
        "reply": (2, 0),
    }


def test_what_was_held_back_says_by_which_rule(report: Report) -> None:
    rules = {each.rule: each for each in report.held_back}
    assert "GBP 5.00 is under the minimum" in rules["minimum"].example
    assert rules["with_agent"].invoices >= 3
    # The run's own dates lie years later; what is reported speaks of the ledger's.
    assert not any(re.search(r"\b20[3-9]\d\b", each.example) for each in report.held_back)


def test_the_notes_say_how_the_run_was_made(report: Report) -> None:
    notes = " ".join(report.notes)
    for words in ("weeks", "disputes have no day", "money ends it", "7 days after"):
        assert words in notes


def test_progress_is_told_day_by_day_in_the_ledgers_dates(report: Report) -> None:
    assert seen_progress[0].on == a_day("2012-01-02")
    assert seen_progress[-1].on == a_day("2012-04-17")
    assert seen_progress[-1].day == seen_progress[-1].days
    assert [each.day for each in seen_progress] == list(range(1, len(seen_progress) + 1))
    assert seen_progress[-1].facts == 32


def test_the_terminal_shows_the_tables_and_ends_with_the_verdict(report: Report) -> None:
    terminal = StringIO()
    show_report(report, Console(file=terminal, width=140))
    words = terminal.getvalue()
    for title in ("Promises over the whole run", "Letters by step and segment", "Cases opened", "Held back, by reason"):
        assert title in words
    assert "0 promises broken" in "".join(words.splitlines()[-4:])
    narrow = StringIO()
    show_report(report, Console(file=narrow, width=60))
    assert "Never twice" in narrow.getvalue().replace("\n", " ")


class _Page(HTMLParser):
    """What the page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag


def test_the_page_is_whole_loads_nothing_and_every_chart_is_told_in_words(report: Report, tmp_path: Path) -> None:
    write_report(report, tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert page.loads == []
    assert "script" not in page.tags
    # one chart a currency, and one of the months
    assert page.tags.count("svg") == page.tags.count("desc") == page.tags.count("figcaption") == 4
    assert page.tags.count("table") == page.tags.count("caption") == 8
    assert '<html lang="en">' in text


def test_json_and_csv_files_hold_the_same_figures(report: Report, tmp_path: Path) -> None:
    written = write_report(report, tmp_path)
    assert {file.name for file in written} == {
        "report.html", "report.json", "promises.csv", "month_ends.csv", "messages.csv", "contacts.csv",
        "unnecessary.csv", "held_back.csv", "cases.csv", "contacts_by_customer.csv",
    }  # fmt: skip  # a list of names
    data = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert data["promises_broken"] == 0
    assert data["figures_agree"] is True
    assert data["invoices"] == 15
    assert Report.model_validate({name: data[name] for name in Report.model_fields}) == report
    with (tmp_path / "month_ends.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    february = next(row for row in rows if row["as of"] == "2012-02-29" and row["currency"] == "EUR")
    assert february["open amount"] == "1620.00"
