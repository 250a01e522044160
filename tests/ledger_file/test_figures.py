"""Figures of a ledger by table: each side of every boundary."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from receivables.invoice import AgingBucket
from receivables.ledger_file.figures import (
    DSO_METHOD,
    collection_effectiveness,
    days_sales_outstanding,
    figures_at,
    payment_figures,
)
from receivables.ledger_file.rows import LedgerRow
from receivables.money import Money

_TODAY = date(2024, 6, 30)


def _row(number: int = 1, **changes: object) -> LedgerRow:
    cells: dict[str, object] = {
        "row": number,
        "invoice_id": f"INV-{number}",
        "customer_id": "C-1",
        "customer_name": "Acme",
        "country": "DE",
        "amount": Money.of("100.00", "EUR"),
        "issued_on": date(2024, 6, 1),
        "due_on": date(2024, 7, 1),
    }
    return LedgerRow.model_validate(cells | changes)


@pytest.mark.parametrize(
    ("changes", "opened", "overdue"),
    [
        ({}, "100.00", "0"),
        ({"issued_on": _TODAY}, "100.00", "0"),
        ({"issued_on": date(2024, 7, 1)}, "0", "0"),
        ({"settled_on": _TODAY}, "0", "0"),
        ({"settled_on": date(2024, 7, 1)}, "100.00", "0"),
        ({"due_on": _TODAY}, "100.00", "0"),
        ({"due_on": date(2024, 6, 29)}, "100.00", "100.00"),
        ({"due_on": date(2024, 6, 29), "paid": Money.of("40.00", "EUR"), "paid_on": _TODAY}, "60.00", "60.00"),
        ({"paid": Money.of("40.00", "EUR"), "paid_on": date(2024, 7, 1)}, "100.00", "0"),
        ({"paid": Money.of("40.00", "EUR")}, "60.00", "0"),
        ({"paid": Money.of("100.00", "EUR")}, "0", "0"),
    ],
)
def test_open_and_overdue_at_the_days_end(changes: dict[str, object], opened: str, overdue: str):
    figures = figures_at(rows=[_row(**changes)], as_of=_TODAY).of("EUR")
    assert figures is not None
    assert (figures.open_amount, figures.overdue_amount) == (Money.of(opened, "EUR"), Money.of(overdue, "EUR"))
    assert figures.open_count == (opened != "0")
    assert figures.overdue_count == (overdue != "0")


@pytest.mark.parametrize(
    ("days_past_due", "bucket"),
    [
        (-1, AgingBucket.CURRENT),
        (0, AgingBucket.CURRENT),
        (1, AgingBucket.DAYS_1_30),
        (30, AgingBucket.DAYS_1_30),
        (31, AgingBucket.DAYS_31_60),
        (60, AgingBucket.DAYS_31_60),
        (61, AgingBucket.DAYS_61_90),
        (90, AgingBucket.DAYS_61_90),
        (91, AgingBucket.OVER_90),
    ],
)
def test_scenario_45_aging_of_100_due_today_is_current_and_each_day_has_its_bucket(
    days_past_due: int, bucket: AgingBucket
):
    due_on = _TODAY - timedelta(days=days_past_due)
    figures = figures_at(rows=[_row(issued_on=due_on - timedelta(days=30), due_on=due_on)], as_of=_TODAY).of("EUR")
    assert figures is not None
    assert {each.bucket: each.count for each in figures.aging if each.count} == {bucket: 1}
    assert len(figures.aging) == len(AgingBucket)


def test_scenario_45_instalments_are_aged_each_by_its_own_date():
    """An instalment comes as a row of its own: what is due ahead stays current beside what is late."""
    rows = [
        _row(1, due_on=_TODAY - timedelta(days=45), amount=Money.of("50.00", "EUR")),
        _row(2, due_on=_TODAY - timedelta(days=15), amount=Money.of("30.00", "EUR")),
        _row(3, due_on=_TODAY, amount=Money.of("20.00", "EUR")),
    ]
    figures = figures_at(rows=rows, as_of=_TODAY).of("EUR")
    assert figures is not None
    aged = {each.bucket: str(each.amount) for each in figures.aging if each.count}
    assert aged == {
        AgingBucket.CURRENT: "EUR 20.00",
        AgingBucket.DAYS_1_30: "EUR 30.00",
        AgingBucket.DAYS_31_60: "EUR 50.00",
    }
    assert figures.overdue_amount == Money.of("80.00", "EUR")


def test_scenario_47_dso_is_by_the_method_that_is_named_beside_it():
    assert DSO_METHOD == "open amount ÷ invoiced in the last 90 days × 90"
    rows = [
        _row(1, amount=Money.of("300.00", "EUR"), issued_on=_TODAY - timedelta(days=30), settled_on=_TODAY),
        _row(2, amount=Money.of("100.00", "EUR"), issued_on=_TODAY - timedelta(days=10)),
    ]
    figures = figures_at(rows=rows, as_of=_TODAY).of("EUR")
    assert figures is not None
    assert (figures.open_amount, figures.invoiced_90_days) == (Money.of("100.00", "EUR"), Money.of("400.00", "EUR"))
    assert figures.dso_90 == Decimal("22.50")  # 100 ÷ 400 × 90


def test_scenario_47_where_nothing_was_invoiced_there_is_no_dso_and_it_is_rounded_half_up():
    assert days_sales_outstanding(open_minor=100, invoiced_minor=0, days=90) is None
    assert days_sales_outstanding(open_minor=1, invoiced_minor=8, days=1) == Decimal("0.13")


@pytest.mark.parametrize(("days_ago", "counts"), [(0, True), (89, True), (90, False), (-1, False)])
def test_scenario_47_dso_counts_what_was_invoiced_on_the_day_and_the_89_before(days_ago: int, counts: bool):
    rows = [
        _row(1, issued_on=_TODAY - timedelta(days=200)),
        _row(2, issued_on=_TODAY - timedelta(days=days_ago), settled_on=_TODAY),
    ]
    figures = figures_at(rows=rows, as_of=_TODAY).of("EUR")
    assert figures is not None
    assert figures.dso_90 == (Decimal("90.00") if counts else None)


def test_currencies_are_never_added_up():
    rows = [_row(1), _row(2, amount=Money.of(100, "JPY")), _row(3, amount=Money.of("1.234", "KWD"))]
    figures = figures_at(rows=rows, as_of=_TODAY)
    assert [str(each.open_amount) for each in figures.currencies] == ["EUR 100.00", "JPY 100", "KWD 1.234"]
    assert figures.of("USD") is None


def test_collection_effectiveness_is_what_was_collected_of_what_could_be():
    rows = [
        _row(1, issued_on=date(2024, 5, 1), due_on=date(2024, 5, 31), settled_on=date(2024, 6, 10)),
        _row(2, issued_on=date(2024, 5, 1), due_on=date(2024, 5, 31)),
        _row(3, issued_on=date(2024, 6, 1), due_on=date(2024, 7, 1)),
    ]
    period = {"from_on": date(2024, 5, 31), "until_on": _TODAY}
    assert collection_effectiveness(rows=rows, currency="EUR", **period) == Decimal("50.0")
    assert collection_effectiveness(rows=rows, currency="USD", **period) is None


def test_how_late_a_ledger_is_paid_counts_settled_invoices_only():
    rows = [
        _row(1, settled_on=date(2024, 7, 1)),
        _row(2, settled_on=date(2024, 7, 4), disputed=True),
        _row(3),
    ]
    paid = payment_figures(rows)
    assert (paid.late_share, paid.days_late_mean, paid.days_late_most) == (0.5, 1.5, 3)
    assert paid.disputed_share == pytest.approx(1 / 3)
    assert (
        payment_figures([]).late_share == payment_figures([]).days_late_mean == payment_figures([]).disputed_share == 0
    )
