"""What a ledger file may look like, and what is said of one that cannot be read."""

import csv
from datetime import date
from io import StringIO

import pytest

from receivables.customer import Relationship
from receivables.ledger_file.columns import WHAT, Field, field_named
from receivables.ledger_file.reading import read_ledger, write_bad_rows
from receivables.ledger_file.rows import Fault, LedgerFile, LedgerRow, ReadingOptions, Understood
from receivables.money import Money

_HEADER = "invoice_id,customer_id,amount,currency,issued_on,due_on"
_GOOD = "INV-1,C-1,100.00,EUR,2024-03-01,2024-03-31"


def _read(*lines: str, **options: object) -> LedgerFile:
    return read_ledger("\n".join(lines), options=ReadingOptions.model_validate(options))


def _with(**changes: str) -> LedgerFile:
    """A ledger of one row, valid but for the changes."""
    cells = dict(zip(_HEADER.split(","), _GOOD.split(","), strict=True)) | changes
    out = StringIO()
    csv.writer(out, delimiter=";", lineterminator="\n").writerows([cells, cells.values()])
    return read_ledger(out.getvalue())


def _only_fault(ledger: LedgerFile) -> Fault:
    assert len(ledger.faults) == 1, [str(fault) for fault in ledger.faults]
    return ledger.faults[0]


def _only_row(ledger: LedgerFile) -> LedgerRow:
    assert [str(fault) for fault in ledger.faults] == []
    assert len(ledger.rows) == 1
    return ledger.rows[0]


def test_five_columns_and_a_currency_are_enough():
    row = _only_row(_read(_HEADER, _GOOD))
    assert row.amount == Money.of("100.00", "EUR")
    assert (row.row, row.invoice_id, row.customer_name, row.country) == (2, "INV-1", "C-1", "US")
    without = _read("invoice_id,customer_id,amount,issued_on,due_on", "1,2,3,2024-01-01,2024-01-02", currency="JPY")
    assert _only_row(without).amount == Money.of(3, "JPY")


def test_terms_stand_in_for_a_due_date():
    row = _only_row(_read(_HEADER.replace("due_on", "terms_days"), "INV-1,C-1,1,EUR,2024-01-31,30"))
    assert row.due_on == date(2024, 3, 1)


def test_every_optional_column_is_read():
    row = _only_row(
        _with(
            customer_name="Müller & Söhne",
            country="deu",
            language="de-DE",
            contact_name="Eva Müller",
            email="eva@mueller.example",
            time_zone="Europe/Berlin",
            relationship="Strategic",
            personal_only="ja",
            owner="anna",
            paid="40",
            paid_on="2024-03-20",
            disputed_on="2024-03-21",
            description="Bolts",
            purchase_order="PO 7",
            ladder="gentle",
            discount_percent="2,5 %",
            discount_until_on="2024-03-10",
        )
    )
    assert (row.customer_name, row.country, row.language) == ("Müller & Söhne", "DE", "de")
    assert (row.contact_name, row.email, row.time_zone) == ("Eva Müller", "eva@mueller.example", "Europe/Berlin")
    assert (row.relationship, row.personal_only, row.owner) == (Relationship.STRATEGIC, True, "anna")
    assert (row.paid, row.paid_on, row.settled_on) == (Money.of(40, "EUR"), date(2024, 3, 20), None)
    assert (row.disputed, row.disputed_on) == (True, date(2024, 3, 21))
    assert (row.description, row.purchase_order, row.ladder) == ("Bolts", "PO 7", "gentle")
    assert (str(row.discount_percent), row.discount_until_on) == ("2.5", date(2024, 3, 10))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"invoice_id": ""}, "an invoice number is expected"),
        ({"invoice_id": "2.96062E+09"}, "a spreadsheet made a rounded number"),
        ({"invoice_id": "9" * 101}, "at most 100 characters"),
        ({"invoice_id": "IN\x07V"}, "control characters"),
        ({"customer_id": " "}, "a customer number is expected"),
        ({"customer_name": "A\u202eB"}, "control characters"),
        ({"customer_name": "x" * 201}, "at most 200 characters"),
        ({"amount": ""}, "the cell is empty"),
        ({"amount": "NaN"}, "an amount above zero"),
        ({"amount": "inf"}, "an amount above zero"),
        ({"amount": "1e5"}, "an amount above zero"),
        ({"amount": "0.00"}, "an amount above zero"),
        ({"amount": "-5"}, "credit notes"),
        ({"amount": "(5.00)"}, "credit notes"),
        ({"amount": "5.00-"}, "credit notes"),
        ({"amount": "1.005"}, "1.005"),
        ({"amount": "10.0001"}, "at most 2 decimals"),
        ({"amount": "99999999999999999"}, "more than any amount"),
        ({"amount": "12 34.00"}, "an amount such as 1,234.50"),
        ({"amount": "100.00 USD"}, "the row's currency is EUR"),
        ({"currency": "EURO"}, "ISO 4217"),
        ({"currency": "XXX"}, "ISO 4217"),
        ({"issued_on": ""}, "the cell is empty"),
        ({"issued_on": "soon"}, "a date is expected"),
        ({"issued_on": "2024-02-30"}, "not in the calendar"),
        ({"due_on": "9999-12-31"}, "a year between 1990 and 2099"),
        ({"issued_on": "1900-01-01"}, "a year between 1990 and 2099"),
        ({"due_on": "2024-02-29"}, "on or after the invoice date (2024-03-01)"),
        ({"due_on": "today+5"}, "only where the day of reading is given"),
        ({"country": "ZZ"}, "ISO 3166-1"),
        ({"language": "German"}, "ISO 639-1"),
        ({"email": "nobody"}, "one e-mail address"),
        ({"email": "a@x.example, b@x.example"}, "one e-mail address"),
        ({"email": "a@x.example\r\nBcc: b@x.example"}, "control characters"),
        ({"invoice_id": "INV\n1"}, "control characters"),
        ({"time_zone": "Europe/Berlinn"}, "IANA"),
        ({"time_zone": "../../etc/passwd"}, "IANA"),
        ({"relationship": "friend"}, "normal, strategic, fragile"),
        ({"personal_only": "perhaps"}, "yes or no"),
        ({"disputed": "2"}, "yes or no"),
        ({"paid": "100.01"}, "at most the amount (EUR 100.00)"),
        ({"paid": "40.00", "open_amount": "50.00"}, "with what was paid (EUR 40.00)"),
        ({"open_amount": "100.01"}, "at most the amount"),
        ({"settled_on": "2024-03-30", "open_amount": "10.00"}, "while EUR 10.00 is open"),
        ({"paid_on": "2024-03-30"}, "how much was paid"),
        ({"settled_after_days": "99999"}, "whole days"),
        ({"discount_percent": "100"}, "a percentage under 100"),
    ],
)
def test_a_bad_cell_is_a_fault_with_its_row_and_what_was_expected(changes: dict[str, str], words: str):
    ledger = _with(**changes)
    assert not ledger.rows
    assert any(words in str(fault) for fault in ledger.faults), [str(fault) for fault in ledger.faults]
    if words != "1.005":
        fault = ledger.faults[0]
        assert fault.row == 2
        assert fault.column in changes
        assert [bad.row for bad in ledger.bad_rows] == [2]


def test_every_fault_of_a_row_is_told_at_once():
    ledger = _read(_HEADER, "INV-1,C-1,NaN,EURO,soon,later")
    assert [fault.column for fault in ledger.faults] == ["issued_on", "due_on", "currency"]
    ledger = _read(_HEADER, "INV-1,,NaN,EUR,soon,2024-01-01")
    assert [fault.column for fault in ledger.faults] == ["customer_id", "issued_on", "amount"]


def test_a_number_that_comes_twice_is_a_fault_of_the_second():
    ledger = _read(_HEADER, _GOOD, _GOOD.replace("100", "200"), _GOOD.replace("INV-1", "INV-2"))
    assert [row.row for row in ledger.rows] == [2, 4]
    assert "row 2 has the same" in _only_fault(ledger).expected
    assert _only_fault(ledger).row == 3


def test_an_owner_or_a_ladder_that_nobody_knows_is_a_fault_with_the_nearest():
    header, row = f"{_HEADER},owner,ladder", f"{_GOOD},ana.weber,gentel"
    assert _only_row(_read(header, row)).owner == "ana.weber"
    ledger = _read(header, row, known_owners=frozenset({"anna.weber", "joe"}), known_ladders=frozenset({"gentle"}))
    assert [fault.expected.rpartition("; ")[2] for fault in ledger.faults] == [
        "did you mean anna.weber?",
        "did you mean gentle?",
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("INV-2,C-1,100.00,EUR,2024-03-01", "6 cells are expected as in the header, 5 found"),
        ("INV-2,C-1,1,100.00,EUR,2024-03-01,2024-03-31", "7 found"),
        ('INV-2,"C"1,100.00,EUR,2024-03-01,2024-03-31', "in the middle of a cell"),
        ('"INV-2,C-1,100.00,EUR,2024-03-01,2024-03-31', "opened and not closed"),
        (f"INV-2,C-1,100.00,EUR,2024-03-01,{'x' * 10_000_000}", "a cell of 10,000,000 characters"),
        (f'INV-2,C-1,100.00,EUR,2024-03-01,"{"x" * 10_000_000}"', "a cell of more than 100,000 characters"),
    ],
)
def test_a_row_that_cannot_be_cut_costs_only_itself(line: str, words: str):
    ledger = _read(_HEADER, _GOOD, line, _GOOD.replace("INV-1", "INV-3"))
    assert [row.row for row in ledger.rows] == [2, 4]
    assert words in _only_fault(ledger).expected
    assert len(str(_only_fault(ledger))) < 400


def test_quotation_marks_hold_separators_and_line_breaks_and_rows_keep_their_line_numbers():
    ledger = _read(
        f"{_HEADER},customer_name,description",
        f'{_GOOD},"Smith, ""Bob"" & Co","two',
        'lines"',
        "",
        f"{_GOOD.replace('INV-1', 'INV-2')},B,",
    )
    assert [(row.row, row.customer_name, row.description) for row in ledger.rows] == [
        (2, 'Smith, "Bob" & Co', "two\nlines"),
        (5, "B", ""),
    ]


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_the_separator_and_the_line_ends_are_found(delimiter: str, line_end: str):
    text = line_end.join([_HEADER, _GOOD, ",,,,,"]).replace(",", delimiter) + line_end
    ledger = read_ledger(text)
    assert _only_row(ledger).invoice_id == "INV-1"
    assert ledger.notes[0].startswith("1 empty row")


def test_a_separator_line_of_a_spreadsheet_is_understood():
    assert _only_row(_read("sep=;", _HEADER.replace(",", ";"), _GOOD.replace(",", ";"))).row == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_encoding_is_found(encoding: str):
    text = f"{_HEADER},customer_name\n{_GOOD},Müller – Söhne €\n"
    ledger = read_ledger(text.encode(encoding))
    assert _only_row(ledger).customer_name == "Müller – Söhne €"
    told = [note for note in ledger.notes if "not UTF-8" in note and "row 2" in note]
    assert bool(told) == (encoding == "cp1252")


def test_bytes_and_text_may_come_in_pieces():
    text = f"{_HEADER}\n{_GOOD}\n"
    whole = read_ledger(text)
    assert read_ledger([text[:30], text[30:]]) == whole
    assert read_ledger([text.encode()[:30], text.encode()[30:]]) == whole


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (b"sep=;\n", "the file is empty"),
        (_HEADER.encode(), "no row under it"),
        (b"PK\x03\x04rest", "Excel"),
        (b"\xff\xfea", "UTF-16"),
        (b'"invoice_id,amount\n1,2', "the header cannot be read"),
    ],
)
def test_what_is_not_a_ledger_is_refused_with_a_remedy(content: bytes, words: str):
    ledger = read_ledger(content)
    assert words in _only_fault(ledger).expected
    assert not ledger.can_skip_bad


@pytest.mark.parametrize("line", ["x", "1,C,none,EUR,2024-01-01,2024-01-31", '"a'])
def test_a_file_that_is_mostly_faults_is_given_up_in_time(line: str):
    ledger = read_ledger("\n".join([_HEADER, *[line] * 100_000]))
    assert not ledger.can_skip_bad
    assert not ledger.rows
    assert "20,000 rows are faulty already" in ledger.faults[-1].expected
    assert len(ledger.faults) <= 1001


def test_thousands_of_bad_rows_are_all_listed():
    lines = (f"{row},C,{'bad' if row % 3 else 1},EUR,2024-01-01,2024-01-31" for row in range(9000))
    ledger = read_ledger("\n".join([_HEADER, *lines]))
    assert (len(ledger.rows), len(ledger.bad_rows), len(ledger.faults)) == (3000, 6000, 6000)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"currency": "EURO"}, "--currency"),
        ({"country": "Germany"}, "--country"),
        ({"language": "German"}, "--language"),
        ({"date_format": "week"}, "--date-format"),
        ({"encoding": "utf-9"}, "is not an encoding"),
        ({"delimiter": ";;"}, "cannot separate"),
        ({"map": "open-items"}, "did you mean open-items-2020?"),
        ({"map": "invoice_id=number"}, "there is no field number"),
        ({"map": "invoce_id=invoice_id"}, "did you mean invoice_id?"),
        ({"map": "invoice_id=invoice_id,amount=invoice_id"}, "was given a column before"),
        ({"map": "=amount"}, "column=field is expected"),
    ],
)
def test_a_wrong_option_is_a_fault_that_names_it(options: dict[str, str], words: str):
    ledger = read_ledger(f"{_HEADER}\n{_GOOD}".encode(), options=ReadingOptions.model_validate(options))
    assert words in str(_only_fault(ledger))
    assert not ledger.rows


def test_columns_are_guessed_by_their_names_in_other_languages_and_it_is_said():
    ledger = _read(
        "Rechnungs-Nr.;Kundennummer;Firma;Rechnungsdatum;Fällig am;Betrag (brutto);Brutto;Währung;Konto",
        "R-1;K-7;Bäckerei Süß;31.01.2024;14.02.2024;;1.234,50;EUR;4400",
    )
    row = _only_row(ledger)
    assert (row.invoice_id, row.customer_id, row.customer_name) == ("R-1", "K-7", "Bäckerei Süß")
    assert row.amount == Money.of("1234.50", "EUR")
    assert (row.issued_on, row.due_on) == (date(2024, 1, 31), date(2024, 2, 14))
    assert ledger.mapping.understood is Understood.GUESSED
    words = ledger.mapping.words()
    assert "guessed: invoice_id = Rechnungs-Nr." in words
    assert "amount = Brutto" in words
    assert "not read: Betrag (brutto), Konto" in words


@pytest.mark.parametrize(
    "header",
    [
        "Numéro de facture,N° client,Montant TTC,Devise,Date de facture,Échéance",
        "Factuurnummer,Klantnummer,Bedrag,Valuta,Factuurdatum,Vervaldatum",
        "Número de factura,Nº cliente,Importe,Moneda,Fecha de factura,Fecha de vencimiento",
        "Invoice No.,Customer No.,Total,Currency,Invoice Date,Due Date",
        "INVOICE_NUMBER,CUST_NUMBER,AMOUNT,CCY,INVOICE_DATE,DUE_DATE",
    ],
)
def test_headers_of_five_languages_are_known(header: str):
    assert _only_row(_read(header, _GOOD)).invoice_id == "INV-1"


def test_a_currency_and_an_address_are_known_by_what_stands_in_them():
    ledger = _read("invoice,customer no,total,x,y,date,due", "1,2,3,CHF,a@b.example,2024-01-01,2024-02-01")
    row = _only_row(ledger)
    assert (row.amount.currency, row.email) == ("CHF", "a@b.example")
    assert any("currency is read from x, by what stands in it" in note for note in ledger.notes)


def test_a_column_whose_cells_are_something_else_is_not_taken_for_its_name():
    ledger = _read(f"{_HEADER},settled", f"{_GOOD},yes")
    assert _only_row(ledger).paid is None
    assert any("Column settled is named like paid" in note for note in ledger.notes)


def test_two_columns_that_could_be_the_same_are_told():
    ledger = _read("invoice_id,customer_id,Total,Gross,currency,date,due", "1,2,100,119,EUR,2024-01-01,2024-02-01")
    assert _only_row(ledger).amount == Money.of(100, "EUR")
    assert any("amount is read from Total; Gross could be it too" in note for note in ledger.notes)


def test_a_missing_column_is_refused_with_the_nearest_ones():
    ledger = _read("invoice_id,customer_id,amont,currency,issued_on,due_on", _GOOD)
    fault = _only_fault(ledger)
    assert (fault.column, fault.row) == ("amount", 1)
    assert "nearest: amont" in fault.expected
    assert not ledger.can_skip_bad


def test_a_given_mapping_counts_the_rest_is_guessed_and_a_column_can_be_left_out():
    header = 'Nr,"Cust, id",amount,Betrag,currency,issued_on,due_on,language'
    line = "INV-1,C-1,100.00,119.00,EUR,2024-03-01,2024-03-31,german"
    ledger = _read(header, line, map='Nr=invoice_id,"Cust, id=customer_id",Betrag=amount,language=')
    row = _only_row(ledger)
    assert (row.customer_id, row.amount, row.language) == ("C-1", Money.of(119, "EUR"), "en")
    assert ledger.mapping.understood is Understood.GIVEN
    assert "language" not in ledger.mapping.columns


def test_a_mapping_can_be_kept_as_an_option():
    header = '"a=b, ""c""",Kunde Nr,Betrag,Curr,issued_on,due_on'
    first = _read(header, _GOOD, map='"a=b, ""c""=invoice_id",Kunde Nr=customer_id')
    again = _read(header, _GOOD, map=first.mapping.as_option())
    assert _only_row(first) == _only_row(again)


def test_the_same_column_name_twice_is_refused():
    ledger = _read(f"{_HEADER},amount", f"{_GOOD},5")
    assert "two columns have this name" in _only_fault(ledger).expected


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["13/04/2024", "05/04/2024"], date(2024, 4, 5)),
        (["04/13/2024", "05/04/2024"], date(2024, 5, 4)),
        (["04/04/2024", "04/04/2024"], date(2024, 4, 4)),
        (["05.04.2024", "06.04.2024"], date(2024, 4, 6)),
        (["13-4-24", "5-4-24"], date(2024, 4, 5)),
    ],
)
def test_day_or_month_first_is_decided_over_the_whole_column(cells: list[str], expected: date):
    header = "invoice_id,customer_id,amount,currency,due_on,issued_on"
    ledger = _read(header, *(f"{row},C,1,EUR,2024-12-31,{cell}" for row, cell in enumerate(cells)))
    assert ledger.rows[-1].issued_on == expected


def test_a_column_that_does_not_say_follows_the_other_dates_and_it_is_told():
    ledger = _read(_HEADER, "1,C,1,EUR,4/3/2024,5/13/2024")
    assert _only_row(ledger).issued_on == date(2024, 4, 3)
    assert any("issued_on could be read day first or month first" in note for note in ledger.notes)


def test_dates_that_can_be_read_two_ways_are_asked_about():
    ledger = _read(_HEADER, "1,C,1,EUR,4/3/2024,5/6/2024")
    assert [fault.column for fault in ledger.faults] == ["issued_on", "due_on"]
    assert all(fault.stops_everything and "--date-format" in fault.expected for fault in ledger.faults)
    assert _only_row(_read(_HEADER, "1,C,1,EUR,4/3/2024,5/6/2024", date_format="d/m/y")).due_on == date(2024, 6, 5)
    assert _only_row(_read(_HEADER, "1,C,1,EUR,4/3/2024,5/6/2024", date_format="%m/%d/%Y")).due_on == date(2024, 5, 6)


def test_one_slip_among_many_dates_is_a_fault_of_its_row():
    lines = [f"{day},C,1,EUR,1/{day}/2024,12/31/2024" for day in range(1, 32)]
    lines += [f"M{day},C,1,EUR,3/{day}/2024,12/31/2024" for day in range(13, 32)]
    ledger = _read(_HEADER, *lines, "99,C,1,EUR,31/1/2024,12/31/2024")
    assert len(ledger.rows) == 50
    assert (_only_fault(ledger).row, _only_fault(ledger).value) == (52, "31/1/2024")


def test_dates_that_contradict_each_other_are_asked_about():
    ledger = _read(_HEADER, "1,C,1,EUR,2024-01-01,13/1/2024", "2,C,1,EUR,2024-01-01,1/13/2024")
    assert "1 cells can only be d/m/y and 1 only m/d/y" in _only_fault(ledger).expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-31", date(2024, 3, 31)),
        ("2024/3/31", date(2024, 3, 31)),
        ("20240331", date(2024, 3, 31)),
        ("20240331.0", date(2024, 3, 31)),
        ("2024-03-31T23:59:59Z", date(2024, 3, 31)),
        ("2024-03-31 00:00:00.000", date(2024, 3, 31)),
        ("31-03-2024 11:50", date(2024, 3, 31)),
        ("3/31/24 4:15 PM", date(2024, 3, 31)),
        ("31-Mar-24", date(2024, 3, 31)),
        ("31. März 2024", date(2024, 3, 31)),
        ("31 mars 2024", date(2024, 3, 31)),
        ("31 mrt. 2024", date(2024, 3, 31)),
        ("March 31, 2024", date(2024, 3, 31)),
        ("31 août 2024", date(2024, 8, 31)),
        ("31-dic-2024", date(2024, 12, 31)),
        ("today", date(2024, 6, 1)),
        ("today+5", date(2024, 6, 6)),
        ("Today - 12", date(2024, 5, 20)),
    ],
)
def test_dates_of_many_shapes(text: str, expected: date):
    cells = f'1;C;1;EUR;2024-01-01;"{text}"'
    ledger = _read(_HEADER.replace(",", ";"), cells, as_of=date(2024, 6, 1))
    assert _only_row(ledger).due_on == expected


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1.234,56", "1.234"], "1234"),
        (["1,234.56", "1.234.567,00"], None),
        (["12,5", "1.000"], "1000"),
        (["12.5", "1,000"], "1000"),
        (["1 234,50", "1'234,50"], "1234.50"),
        (["1\u00a0234,50", "2\u202f000,10"], "2000.10"),
        (["€ 12,50", "1.000,00 €"], "1000"),
        (["12.50", "EUR 12.50"], "12.50"),
        (["12.50", "12.5000"], "12.50"),
        (["12.50", ".5"], "0.50"),
        (["12.50", "12,34,567.00"], "1234567"),
        (["12.50", "1,2345"], None),
    ],
)
def test_point_or_comma_is_decided_over_all_amounts(cells: list[str], expected: str | None):
    header = _HEADER.replace(",", ";")
    ledger = _read(header, *(f"{row};C;{cell};EUR;2024-01-01;2024-01-31" for row, cell in enumerate(cells)))
    if expected is None:
        assert len(ledger.rows) < 2
    else:
        assert [str(fault) for fault in ledger.faults] == []
        assert ledger.rows[1].amount == Money.of(expected, "EUR")


def test_amounts_that_can_be_read_two_ways_are_asked_about():
    line = "1;C;1.234;{};2024-01-01;2024-01-31"
    header = _HEADER.replace(",", ";")
    assert "--decimal" in _only_fault(_read(header, line.format("EUR"))).expected
    assert "--decimal" in _only_fault(_read(header, line.format("KWD"))).expected
    assert _only_row(_read(header, line.format("JPY"))).amount == Money.of(1234, "JPY")
    assert _only_row(_read(header, line.format("EUR"), decimal=",")).amount == Money.of(1234, "EUR")
    assert _only_row(_read(header, line.format("KWD"), decimal=".")).amount == Money.of("1.234", "KWD")


def test_float_noise_is_rounded_only_where_somebody_says_so():
    line = "1,C,2309.7899999999995,EUR,2024-01-01,2024-01-31"
    assert "--round" in _only_fault(_read(_HEADER, line)).expected
    ledger = _read(_HEADER, line, round_amounts=True)
    assert _only_row(ledger).amount == Money.of("2309.79", "EUR")
    assert any("1 amounts had more decimals" in note for note in ledger.notes)


@pytest.mark.parametrize(
    ("changes", "settled_on", "paid"),
    [
        ({"paid": "100.00", "paid_on": "2024-04-02"}, date(2024, 4, 2), None),
        ({"paid": "100.00"}, None, "100.00"),
        ({"paid": "0"}, None, None),
        ({"open_amount": "0.00", "paid_on": "2024-04-02"}, date(2024, 4, 2), None),
        ({"open_amount": "60.00", "paid_on": "2024-04-02"}, None, "40.00"),
        ({"open_amount": "100.00"}, None, None),
        ({"settled_after_days": "10"}, date(2024, 3, 11), None),
        ({"settled_after_days": "-1"}, date(2024, 2, 29), None),
        ({"settled_after_days": "10", "paid": "40"}, None, "40.00"),
        ({"settled_on": "2024-04-05", "paid": "40", "paid_on": "2024-04-02"}, date(2024, 4, 5), "40.00"),
        ({"settled_on": "null", "paid": "n/a"}, None, None),
    ],
)
def test_what_was_paid_is_put_together(changes: dict[str, str], settled_on: date | None, paid: str | None):
    row = _only_row(_with(**changes))
    assert row.settled_on == settled_on
    assert row.paid == (Money.of(paid, "EUR") if paid else None)


def test_bad_rows_can_be_written_put_right_and_read_again():
    ledger = _read(
        f"{_HEADER},customer_name",
        f"{_GOOD},Good",
        'INV-2,C-1,ten,EUR,2024-03-01,2024-03-31,"Smith, Bob"',
        "INV-3,C-1,10,EUR,2024-03-01",
        "INV-1,C-1,10,EUR,soon,2024-03-31,Twice",
    )
    out = StringIO()
    assert write_bad_rows(ledger, out) == 3
    lines = out.getvalue().splitlines()
    assert lines[0] == f"fault,ledger_row,{_HEADER},customer_name"
    assert "amount: an amount above zero" in lines[1]
    assert lines[3].startswith('"issued_on: a date is expected, such as 2024-03-31 | invoice_id: an invoice number')
    again = read_ledger(out.getvalue().replace("ten", "10.00"))
    assert [(row.row, row.customer_name) for row in again.rows] == [(3, "Smith, Bob")]
    second = StringIO()
    assert write_bad_rows(again, second) == 2
    assert second.getvalue().splitlines()[0] == lines[0]
    assert second.getvalue().splitlines()[2].split(",")[-7:] == lines[3].split(",")[-7:]


def test_rows_called_by_their_number_keep_it_when_their_bad_rows_are_read_again():
    header = "cust_number,name_customer,invoice_id,total_open_amount,due_in_date,clear_date,posting_date_est"
    ledger = _read(header, "1,A,,5,2024-01-31,,2024-01-01", "1,A,,bad,2024-01-31,,2024-01-01")
    out = StringIO()
    write_bad_rows(ledger, out)
    again = read_ledger(out.getvalue().replace("bad,2024", "5,2024"))
    assert [row.invoice_id for row in (*ledger.rows, *again.rows)] == ["closed-2", "closed-3"]


def test_template_syntax_and_formulas_are_plain_text():
    row = _only_row(_with(customer_name="{{ 7*7 }}{% raw %}", description="=HYPERLINK(1)"))
    assert (row.customer_name, row.description) == ("{{ 7*7 }}{% raw %}", "=HYPERLINK(1)")


@pytest.mark.parametrize("field", list(Field))
def test_every_field_is_described_and_known_by_its_own_name(field: Field):
    assert field in WHAT, "a new field: say in columns.WHAT what it holds, and in columns._NAMES what it is called"
    found = field_named(field.upper().replace("_", " "))
    assert found is not None
    assert found[0] is field
