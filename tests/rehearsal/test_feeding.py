"""A ledger is told day by day, in its own order, on its own dates; what it leaves open is filled in as documented."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from receivables.ledger_file.rows import ReadingOptions
from rehearsal.feeding import (
    STAND_IN_DOMAIN,
    CannotRehearse,
    Shift,
    dispute_day,
    payments_of,
    read_ledger_file,
    shifted_invoice,
    tell_by_days,
)
from rehearsal.ledger_dates import in_ledger_dates
from tests.rehearsal.small_ledger import small_rows

BY_ID = {row.invoice_id: row for row in small_rows()}


def test_each_fact_comes_on_its_own_day_in_the_order_of_the_ledger() -> None:
    story = tell_by_days(small_rows())
    assert (story.first_on, story.last_on) == (date(2012, 1, 2), date(2012, 4, 10))
    assert [row.invoice_id for row in story.days[date(2012, 2, 20)].opened] == ["B-3", "E-2", "E-3"]
    assert [payment.invoice_id for payment in story.days[date(2012, 2, 20)].payments] == ["B-1"]
    assert story.fact_count == 15 + 2 + 15  # one invoice is paid in two parts, one never


def test_a_part_payment_comes_on_its_day_and_the_rest_on_the_day_it_is_settled() -> None:
    parts = [(str(payment.amount), payment.booked_on) for payment in payments_of(BY_ID["C-1"])]
    assert parts == [("EUR 400.00", date(2012, 2, 27)), ("EUR 600.00", date(2012, 4, 10))]
    assert payments_of(BY_ID["C-2"]) == []


def test_a_part_payment_without_a_day_comes_with_the_invoice() -> None:
    row = BY_ID["C-1"].model_copy(update={"paid_on": None})
    assert [payment.booked_on for payment in payments_of(row)] == [row.issued_on, row.settled_on]
    assert any("part payments have no day" in note for note in tell_by_days([row]).notes)


def test_money_dated_before_its_invoice_comes_with_the_invoice() -> None:
    row = BY_ID["A-1"].model_copy(update={"settled_on": date(2011, 12, 28)})
    story = tell_by_days([row])
    assert list(story.days) == [row.issued_on]
    assert [payment.booked_on for payment in story.days[row.issued_on].payments] == [date(2011, 12, 28)]


@pytest.mark.parametrize(
    ("disputed_on", "settled_on", "expected"),
    [
        (date(2012, 2, 6), date(2012, 2, 20), date(2012, 2, 6)),  # its own day
        (None, date(2012, 2, 20), date(2012, 2, 1)),  # the due day
        (None, None, date(2012, 2, 1)),
        (None, date(2012, 2, 1), date(2012, 1, 31)),  # settled on the due day: the day before
        (None, date(2012, 1, 10), date(2012, 1, 9)),
        (None, date(2012, 1, 2), date(2012, 1, 2)),  # never before the invoice
    ],
)
def test_a_dispute_comes_on_its_day_or_before_the_money_that_ends_it(
    disputed_on: date | None, settled_on: date | None, expected: date
) -> None:
    row = BY_ID["B-1"].model_copy(update={"disputed_on": disputed_on, "settled_on": settled_on})
    assert dispute_day(row) == expected


@pytest.mark.parametrize("first_on", [date(2012, 1, 1) + timedelta(days=number) for number in range(8)])
def test_days_move_by_whole_weeks_beyond_the_clock(first_on: date) -> None:
    clock = datetime(2026, 11, 23, 2, 40, tzinfo=UTC)
    shift = Shift.beyond(first_on=first_on, clock=clock)
    moved = shift.into(first_on)
    assert moved > clock.date()
    assert moved.weekday() == first_on.weekday()
    assert (moved - clock.date()).days <= 8
    assert shift.back(moved) == first_on


def test_a_ledger_of_the_future_is_not_moved() -> None:
    shift = Shift.beyond(first_on=date(2040, 1, 2), clock=datetime(2026, 11, 23, tzinfo=UTC))
    assert shift.by == timedelta(0)


def test_an_invoice_keeps_its_terms_on_the_moved_dates() -> None:
    row = BY_ID["A-1"].model_copy(update={"discount_percent": 2, "discount_until_on": date(2012, 1, 12)})
    shift = Shift(by=timedelta(weeks=800))
    invoice = shifted_invoice(row, shift=shift, opened_at=datetime(2027, 5, 3, 6, tzinfo=UTC))
    assert (invoice.due_on - invoice.issued_on).days == 30
    assert invoice.discount is not None
    assert shift.back(invoice.discount.until_on) == date(2012, 1, 12)


def test_words_of_the_run_are_told_in_the_ledgers_dates() -> None:
    shift = Shift(by=timedelta(weeks=778))
    words = "held until Thu 31 December 2026, 05:00; key C-1:level-1:2027-01-04; order 9999-99-99 of 31 February 2026"
    assert in_ledger_dates(words, shift=shift) == (
        "held until Thu 2 February 2012, 05:00; key C-1:level-1:2012-02-06; order 9999-99-99 of 31 February 2026"
    )


def test_a_ledger_without_any_address_gets_stand_ins_and_says_so() -> None:
    story = tell_by_days(row.model_copy(update={"email": None}) for row in small_rows())
    assert {(customer.contact.email or "").partition("@")[2] for customer in story.customers} == {STAND_IN_DOMAIN}
    assert any("no e-mail address" in note for note in story.notes)


def test_where_some_have_addresses_the_others_stay_without() -> None:
    story = tell_by_days(small_rows())
    assert {customer.customer_id for customer in story.customers if not customer.contact.email} == {"C-6"}


def test_an_empty_ledger_and_one_with_an_absurd_date_are_refused() -> None:
    with pytest.raises(CannotRehearse, match="no invoice"):
        tell_by_days([])
    with pytest.raises(CannotRehearse, match=r"2012-01-02 to 2099-01-01.*wrong"):
        tell_by_days([BY_ID["A-1"].model_copy(update={"settled_on": date(2099, 1, 1)})])


def test_a_missing_file_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(CannotRehearse, match=r"none\.csv cannot be read"):
        read_ledger_file(tmp_path / "none.csv", options=ReadingOptions())
