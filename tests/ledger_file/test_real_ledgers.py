"""Ledgers that others wrote, read whole."""

from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from receivables.ledger_file.figures import figures_at, payment_figures
from receivables.ledger_file.opening import customers_of
from receivables.ledger_file.presets import PRESETS
from receivables.ledger_file.reading import read_ledger
from receivables.ledger_file.rows import LedgerFile, LedgerRow, ReadingOptions, Understood
from receivables.money import Money
from tests.shared_data import SharedData

_FILES = {
    "receivables-2012": "receivables-2012-2013.csv",
    "open-items-2020": "open-items-2020.csv",
    "closed-items-2019-2020": "closed-items-2019-2020.csv",
    "mixed-terms-2011-2017": "mixed-terms-2011-2017.csv",
}


def _read(shared_data: SharedData, name: str, options: ReadingOptions | None = None) -> LedgerFile:
    return read_ledger(shared_data(f"ledgers/{name}").read_bytes(), options=options or ReadingOptions())


def _total(rows: tuple[LedgerRow, ...]) -> Decimal:
    return sum((row.amount.amount for row in rows), Decimal(0))


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_presets_ledger_is_recognised_by_its_columns_and_reads_the_same_as_by_its_name(
    preset: str, shared_data: SharedData
):
    recognised = _read(shared_data, _FILES[preset])
    named = _read(shared_data, _FILES[preset], ReadingOptions(map=preset))
    assert (recognised.mapping.understood, recognised.mapping.preset) == (Understood.RECOGNISED, preset)
    assert named.mapping.understood is Understood.PRESET
    assert named.rows == recognised.rows
    assert named.faults == recognised.faults
    assert any(preset in note for note in recognised.notes)


@pytest.mark.parametrize(
    ("as_of", "known"),
    [
        (date(2012, 6, 30), (98, "5504.09", 15, "909.73", "27.23")),
        (date(2013, 6, 30), (84, "5119.85", 12, "835.56", "23.15")),
    ],
)
def test_the_figures_of_receivables_2012_are_the_known_ones(
    as_of: date, known: tuple[int, str, int, str, str], shared_data: SharedData
):
    ledger = _read(shared_data, "receivables-2012-2013.csv")
    figures = figures_at(rows=ledger.rows, as_of=as_of).of("USD")
    assert figures is not None
    open_count, open_amount, overdue_count, overdue_amount, dso = known
    assert (figures.open_count, figures.overdue_count) == (open_count, overdue_count)
    assert figures.open_amount == Money.of(open_amount, "USD")
    assert figures.overdue_amount == Money.of(overdue_amount, "USD")
    assert figures.dso_90 == Decimal(dso)
    assert sum(each.count for each in figures.aging) == open_count
    assert sum(each.amount.minor for each in figures.aging) == figures.open_amount.minor


def test_how_receivables_2012_was_paid_is_what_is_known_of_it(shared_data: SharedData):
    ledger = _read(shared_data, "receivables-2012-2013.csv")
    paid = payment_figures(ledger.rows)
    assert ledger.is_clean
    assert (paid.count, paid.settled_count, paid.days_late_most) == (2466, 2466, 45)
    assert round(100 * paid.late_share, 1) == 35.6
    assert round(100 * paid.disputed_share, 1) == 22.7
    assert round(paid.days_late_mean, 2) == 3.44
    assert {(row.due_on - row.issued_on).days for row in ledger.rows} == {30}
    assert len(customers_of(ledger.rows)) == 100


def test_country_numbers_of_receivables_2012_are_not_decoded_but_filled_in_and_said(shared_data: SharedData):
    ledger = _read(shared_data, "receivables-2012-2013.csv")
    assert {row.country for row in ledger.rows} == {"US"}
    assert any("391, 406, 770, 818, 897" in note and "US" in note for note in ledger.notes)
    swiss = _read(shared_data, "receivables-2012-2013.csv", ReadingOptions(country="CH", currency="CHF"))
    assert {(row.country, row.amount.currency) for row in swiss.rows} == {("CH", "CHF")}


def test_the_dirty_second_import_has_the_numbers_of_the_first_again_and_empty_cells_nobody_needs(
    shared_data: SharedData,
):
    first = _read(shared_data, "receivables-2012-2013.csv")
    second = _read(shared_data, "receivables-2012-2013-gaps.csv")
    assert second.is_clean
    assert len(second.rows) == 2586
    assert {row.invoice_id for row in first.rows} < {row.invoice_id for row in second.rows}
    assert any("386 invoice numbers had lost leading zeros" in note for note in second.notes)


def test_an_empty_cell_in_a_column_that_counts_is_a_fault_of_its_row(shared_data: SharedData):
    lines = shared_data("ledgers/receivables-2012-2013-gaps.csv").read_text("utf-8").splitlines()
    header = lines[0].split(",")
    for line, column in ((3, "DueDate"), (5, "InvoiceAmount"), (9, "customerID"), (9, "InvoiceDate")):
        cells = lines[line - 1].split(",")
        cells[header.index(column)] = ""
        lines[line - 1] = ",".join(cells)
    ledger = read_ledger("\n".join(lines))
    found = [(fault.row, fault.column) for fault in ledger.faults]
    assert found == [(3, "DueDate"), (5, "InvoiceAmount"), (9, "customerID"), (9, "InvoiceDate")]
    assert len(ledger.rows) == 2583
    assert ledger.can_skip_bad


def test_open_items_are_read_to_the_cent_with_their_noise_rounded(shared_data: SharedData):
    ledger = _read(shared_data, "open-items-2020.csv")
    assert len(ledger.rows) + len(ledger.bad_rows) == 9681
    assert {fault.column for fault in ledger.faults} == {"due_in_date"}
    assert len(ledger.faults) == 27, "27 items fall due before they were posted"
    first = ledger.rows[0]
    assert (first.invoice_id, first.customer_id) == ("2960623488", "140105686")
    assert first.amount == Money.of("2309.79", "USD"), "the file says 2309.7899999999995"
    assert any("630 amounts had more decimals" in note for note in ledger.notes)
    assert not any(row.settled_on for row in ledger.rows)
    assert not any(row.customer_id.startswith("0") for row in ledger.rows)


def test_one_customer_in_many_spellings_becomes_one_customer_under_the_most_frequent(shared_data: SharedData):
    ledger = _read(shared_data, "open-items-2020.csv")
    spellings = Counter(row.customer_name for row in ledger.rows if row.customer_id == "200769623")
    customer = next(each for each in customers_of(ledger.rows) if each.customer_id == "200769623")
    assert len(spellings) > 1
    assert customer.name == spellings.most_common(1)[0][0]


def test_closed_items_without_a_number_are_called_by_their_row(shared_data: SharedData):
    ledger = _read(shared_data, "closed-items-2019-2020.csv")
    assert len(ledger.rows) == 39986
    assert len(ledger.bad_rows) == 14
    assert ledger.rows[0].invoice_id == "closed-2"
    assert len({row.invoice_id for row in ledger.rows}) == len(ledger.rows)
    assert any("32,761 rows have no invoice number" in note for note in ledger.notes)
    assert any("estimate" in note for note in ledger.notes)
    nameless = next(row for row in ledger.rows if row.row == 3)
    assert nameless.customer_name == nameless.customer_id


def test_mixed_terms_know_part_settlements_and_payments_by_days(shared_data: SharedData):
    ledger = _read(shared_data, "mixed-terms-2011-2017.csv")
    assert ledger.is_clean
    assert len(ledger.rows) == 8753
    assert _total(ledger.rows) == sum(
        (
            Decimal(line.rsplit(",", 4)[1])
            for line in shared_data("ledgers/mixed-terms-2011-2017.csv").read_text().splitlines()[1:]
        ),
        Decimal(0),
    )
    part = [row for row in ledger.rows if row.paid is not None]
    assert len(part) == 634
    assert all(row.settled_on is None and row.paid_on is not None for row in part)
    paid = payment_figures(ledger.rows)
    assert paid.settled_count == 8753 - 634
    first = ledger.rows[0]
    assert (first.customer_id, first.customer_name) == ("DAVID-TAYLOR", "David Taylor")
    assert (first.issued_on, first.settled_on) == (date(2011, 4, 26), date(2011, 5, 9))


def test_without_its_preset_a_foreign_ledger_is_refused_with_what_is_missing(shared_data: SharedData):
    header, *rows = shared_data("ledgers/mixed-terms-2011-2017.csv").read_text("utf-8").splitlines()
    ledger = read_ledger("\n".join([header.replace("Outstanding", "Rest"), *rows]))
    assert not ledger.rows
    assert not ledger.can_skip_bad
    missing = {fault.column: fault.expected for fault in ledger.faults}
    assert set(missing) == {"invoice_id", "customer_id", "currency"}
    assert "the columns are Description, Vendor_Name" in missing["customer_id"]
