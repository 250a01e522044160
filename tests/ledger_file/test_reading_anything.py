"""Properties: whatever a file holds, reading it ends in rows and faults; what is good is exact."""

from datetime import date, timedelta
from decimal import Decimal
from io import StringIO

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from receivables.ledger_file.figures import figures_at
from receivables.ledger_file.reading import read_ledger, write_bad_rows
from receivables.ledger_file.rows import LedgerFile, ReadingOptions
from receivables.money import Money, decimals_of

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # loaded machines are slow

_HEADER = "invoice_id,customer_id,amount,currency,issued_on,due_on,settled_on,paid,country,email"
_DAYS = st.dates(min_value=date(1995, 1, 1), max_value=date(2090, 1, 1))
_cells = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", "INV-1", "12.50", "1.234,5", "NaN", "EUR", "JPY", "2024-01-31", "31/1/24", "1/31/24", "today+3"]
    ),
    st.sampled_from(['"', '""', '"a', "a\nb", "\r", "\x00", "\ud800", "9999-12-31", "-1", "1e9", "DE", "a@b.example"]),
)
_lines = st.lists(_cells, min_size=8, max_size=12).map(",".join)


def _ends_well(ledger: LedgerFile) -> None:
    """Each row is good or bad; each bad one has a fault; all can be said and written."""
    assert ledger.rows or ledger.faults
    stopped = any(fault.stops_everything for fault in ledger.faults)
    if stopped:
        assert not ledger.rows
    else:
        assert {bad.row for bad in ledger.bad_rows} == {fault.row for fault in ledger.faults}
        assert not {bad.row for bad in ledger.bad_rows} & {row.row for row in ledger.rows}
    assert all(str(fault).isprintable() for fault in ledger.faults)
    ledger.mapping.words()
    out = StringIO()
    write_bad_rows(ledger, out)
    out.getvalue().encode("utf-8")
    ids = [row.invoice_id for row in ledger.rows]
    assert len(set(ids)) == len(ids)
    assert all(row.amount.minor > 0 and row.due_on >= row.issued_on for row in ledger.rows)


@unhurried
@given(st.binary(max_size=300))
def test_reading_never_raises_on_any_bytes(content: bytes):
    _ends_well(read_ledger(content))


@unhurried
@given(st.text(max_size=300), st.text(max_size=20) | st.none(), st.text(max_size=3) | st.none())
def test_reading_never_raises_on_any_text_and_options(content: str, mapping: str | None, other: str | None):
    options = ReadingOptions(map=mapping, currency=other, country=other, date_format=other, delimiter=other)
    _ends_well(read_ledger(content, options=options))


@unhurried
@given(st.lists(_lines, max_size=12), st.booleans())
def test_reading_never_raises_on_any_rows_and_each_ends_as_good_or_as_fault(lines: list[str], rounds: bool):
    options = ReadingOptions(as_of=date(2024, 6, 1), round_amounts=rounds, date_format="d/m/y", decimal=".")
    _ends_well(read_ledger("\n".join([_HEADER, *lines]), options=options))


@unhurried
@given(st.text(max_size=200), st.sampled_from(["utf-8", "utf-16", "latin-1", "cp1252", "rot13", "idna", "a\0b", "zip"]))
def test_reading_never_raises_on_any_encoding(content: str, encoding: str):
    raw = content.encode("utf-8", "surrogatepass")
    _ends_well(read_ledger(raw, options=ReadingOptions(encoding=encoding)))


@st.composite
def _ledgers(draw: st.DrawFn) -> list[tuple[Money, date, int]]:
    currencies = st.sampled_from(["EUR", "USD", "JPY", "KWD"])
    moneys = st.builds(Money, minor=st.integers(1, 10**12), currency=currencies)
    return draw(st.lists(st.tuples(moneys, _DAYS, st.integers(0, 400)), min_size=1, max_size=20))


def _written(money: Money, mark: str) -> str:
    text = f"{money.amount:,.{decimals_of(money.currency)}f}"
    return text if mark == "." else text.translate(str.maketrans(",.", ".,"))


@unhurried
@given(_ledgers(), st.sampled_from([".", ","]), st.sampled_from(["%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d", "%d-%b-%Y"]))
def test_totals_are_exact_however_amounts_and_dates_are_written(
    ledger: list[tuple[Money, date, int]], mark: str, shape: str
):
    lines = [
        f"{row};C;{_written(money, mark)};{money.currency};{day.strftime(shape)};"
        f"{(day + timedelta(days=terms)).strftime(shape)}"
        for row, (money, day, terms) in enumerate(ledger)
    ]
    options = ReadingOptions.model_validate({"decimal": mark, "date_format": shape if "b" not in shape else None})
    read = read_ledger("\n".join(["invoice_id;customer_id;amount;currency;issued_on;due_on", *lines]), options=options)
    assert [str(fault) for fault in read.faults] == []
    assert [(row.amount, row.issued_on, row.due_on) for row in read.rows] == [
        (money, day, day + timedelta(days=terms)) for money, day, terms in ledger
    ]


@unhurried
@given(_ledgers(), _DAYS)
def test_figures_add_up_per_currency(ledger: list[tuple[Money, date, int]], as_of: date):
    lines = [f"{row},C,{money.amount},{money.currency},{day},{day}" for row, (money, day, _) in enumerate(ledger)]
    rows = read_ledger("\n".join(["invoice_id,customer_id,amount,currency,issued_on,due_on", *lines])).rows
    for each in figures_at(rows=rows, as_of=as_of).currencies:
        opened = [money.minor for money, day, _ in ledger if money.currency == each.currency and day <= as_of]
        assert each.open_amount.minor == sum(opened) == sum(bucket.amount.minor for bucket in each.aging)
        assert each.open_count == len(opened)
        assert each.overdue_amount.minor == sum(bucket.amount.minor for bucket in each.aging[1:])
        if each.dso_90 is not None:
            exact = Decimal(each.open_amount.minor) * 90 / each.invoiced_90_days.minor
            assert abs(each.dso_90 - exact) <= Decimal("0.005")
