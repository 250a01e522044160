"""Bytes or text in, rows of cells out: encoding, delimiter, quotation marks. It never raises on what a file holds."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import StringIO

from receivables.ledger_file.rows import Fault

MOST_CELL = 10_000
"""Characters in one cell: more is a broken quotation mark or an attack, no cell of a ledger."""

MOST_BAD_ROWS = 20_000
MOST_LINES_OF_A_ROW = 50
_MOST_RUNAWAY_QUOTES = 20
_DELIMITERS = ",;\t|"
_NOT_TEXT = {
    b"PK\x03\x04": "this is an Excel or OpenDocument file; save it as CSV (UTF-8) and read that",
    b"\xd0\xcf\x11\xe0": "this is an old Excel file; save it as CSV (UTF-8) and read that",
    b"%PDF": "this is a PDF; export the ledger as CSV",
}


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row of cells, or what is wrong with it before any cell is looked at."""

    row: int
    cells: tuple[str, ...]
    fault: str = ""


@dataclass(slots=True)
class Table:
    """A file cut into cells. `faults` that stop everything leave it without rows."""

    header: tuple[str, ...] = ()
    header_row: int = 0
    rows: list[RawRow] = field(default_factory=list[RawRow])
    delimiter: str = ","
    faults: list[Fault] = field(default_factory=list[Fault])
    notes: list[str] = field(default_factory=list[str])


def read_table(
    source: bytes | str | Iterable[bytes] | Iterable[str], *, delimiter: str | None = None, encoding: str | None = None
) -> Table:
    """Cut a file into its header and rows. Rows that are wholly empty are left out and counted in a note."""
    table = Table()
    text = _text_of(source, encoding=encoding, table=table)
    if text is None:
        return table
    lines = list(StringIO(text.removeprefix("\ufeff"), newline=""))
    start = next((at for at, line in enumerate(lines) if line.strip()), None)
    if start is None:
        table.faults.append(_stop("the file is empty; a header line and at least one row are expected"))
        return table
    if lines[start].strip().lower().startswith("sep=") and len(lines[start].strip()) <= 5:
        delimiter = delimiter or lines[start].strip("\r\n")[4:5] or None
        start += 1
        if start == len(lines):
            table.faults.append(_stop("the file is empty; a header line and at least one row are expected"))
            return table
    if delimiter is not None and (
        len(delimiter) != 1 or delimiter in ' "' or not (delimiter.isprintable() or delimiter == "\t")
    ):
        table.faults.append(_stop(f"{delimiter!r} cannot separate columns; give one character, such as , or ;"))
        return table
    table.delimiter = delimiter or max(_DELIMITERS, key=lambda sign: _outside_quotes(lines[start]).count(sign))
    _cut(lines, start, table)
    return table


def shortened(value: str, *, most: int = 60) -> str:
    """A cell's value for a message: control characters made visible, long ones cut."""
    cut = value if len(value) <= most else f"{value[:most]}…"
    shown = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in cut)
    return f"{shown} ({len(value):,} characters)" if len(value) > most else shown


def is_hopeless(*, bad: int, of: int) -> bool:
    """Whether so much is wrong that listing it helps nobody: tens of thousands of rows, and most of what was read."""
    return bad >= MOST_BAD_ROWS and 2 * bad > of


def hopeless(bad: int, *, column: str) -> Fault:
    return _stop(
        f"a ledger is expected; {bad:,} rows are faulty already, more than are good: is it another file?",
        column=column,
    )


def _stop(expected: str, *, row: int = 0, column: str = "", value: str = "") -> Fault:
    return Fault(row=row, column=column, value=shortened(value), expected=expected, stops_everything=True)


def _text_of(
    source: bytes | str | Iterable[bytes] | Iterable[str], *, encoding: str | None, table: Table
) -> str | None:
    if isinstance(source, str):
        return source
    if not isinstance(source, bytes | bytearray | memoryview):
        parts: list[bytes | str] = list(source)
        texts = [part for part in parts if isinstance(part, str)]
        if texts:
            return "".join(texts)
        source = b"".join(part for part in parts if not isinstance(part, str))
    content = bytes(source)
    for start, words in _NOT_TEXT.items():
        if content.startswith(start):
            table.faults.append(_stop(words))
            return None
    if encoding is not None:
        try:
            return content.decode(encoding)
        except LookupError:
            table.faults.append(_stop("is not an encoding; use utf-8, cp1252, latin-1 or utf-16", value=encoding))
        except ValueError as fault:
            where = content[: fault.start].count(b"\n") + 1 if isinstance(fault, UnicodeDecodeError) else 0
            table.faults.append(_stop(f"the file is not in {shortened(encoding)}; try without --encoding", row=where))
        return None
    return _guessed_text(content, table)


def _guessed_text(content: bytes, table: Table) -> str | None:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError:
            table.faults.append(_stop("the file begins like UTF-16 and is not; save it as CSV (UTF-8)"))
            return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        row = content[: fault.start].count(b"\n") + 1
    try:
        text, name = content.decode("cp1252"), "Windows-1252"
    except UnicodeDecodeError:
        text, name = content.decode("latin-1"), "Latin-1"
    line = content.split(b"\n")[row - 1].decode("latin-1" if name == "Latin-1" else "cp1252")
    table.notes.append(
        f'The file is not UTF-8 (first seen in row {row}: "{shortened(line.strip())}"); '
        f"it was read as {name}. If names look wrong, save it as UTF-8 or give --encoding."
    )
    return text


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])


def _cut(lines: list[str], start: int, table: Table) -> None:
    empty = bad = width = 0
    for row in _raw_rows(lines, start, table.delimiter):
        if not table.header_row:
            table.header_row = row.row
            if row.fault:
                table.faults.append(_stop(f"the header cannot be read: {row.fault}", row=row.row, value=row.cells[0]))
                return
            table.header = tuple(cell.strip() for cell in row.cells)
            width = len(table.header)
            continue
        if not row.fault and not any(cell.strip() for cell in row.cells):
            empty += 1
            continue
        fitted = row if row.fault else _fitted(row, width)
        table.rows.append(fitted)
        bad += bool(fitted.fault)
        if is_hopeless(bad=bad, of=len(table.rows)):
            table.faults.append(hopeless(bad, column=""))
            table.rows.clear()
            return
    if empty:
        table.notes.append(f"{empty:,} empty {'row was' if empty == 1 else 'rows were'} left out.")
    if not table.rows:
        table.faults.append(_stop("there is a header and no row under it", row=table.header_row))


def _fitted(row: RawRow, width: int) -> RawRow:
    """The row with as many cells as the header; empty ones beyond it are nothing, as spreadsheets add them."""
    cells = row.cells
    if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
        cells = cells[:width]
    if len(cells) != width:
        separator = "a separator inside a cell without quotation marks, or a line break" if len(cells) > width else ""
        found = f"{width} cells are expected as in the header, {len(cells)} found"
        return RawRow(row.row, row.cells, f"{found}; look for {separator or 'a line break inside a cell'}")
    too_long = next((cell for cell in cells if len(cell) > MOST_CELL), None)
    if too_long is not None:
        words = f"a cell of {len(too_long):,} characters; at most {MOST_CELL:,} are expected"
        return RawRow(row.row, row.cells, words)
    return RawRow(row.row, cells)


def _raw_rows(lines: list[str], start: int, delimiter: str) -> Iterator[RawRow]:
    """Rows with the line they begin at. A quotation mark that is never closed costs its own line, not the file."""
    at = start
    runaways = 0
    while at < len(lines):
        line = lines[at]
        if '"' not in line:
            yield RawRow(at + 1, tuple(line.rstrip("\r\n").split(delimiter)))
            at += 1
            continue
        most = MOST_LINES_OF_A_ROW if runaways < _MOST_RUNAWAY_QUOTES else 1
        pulled = _Pulled(lines, at, most)
        try:
            cells = next(csv.reader(pulled, delimiter=delimiter, strict=True, skipinitialspace=delimiter != "\t"))
        except (csv.Error, StopIteration) as fault:
            runaways += "unexpected end" in str(fault)
            yield RawRow(at + 1, tuple(line.rstrip("\r\n").split(delimiter)), _why(fault))
            at += 1
        else:
            yield RawRow(at + 1, tuple(cells))
            at += pulled.count


class _Pulled:
    """Lines for the csv module, at most so many, counted: how it says where a row ended."""

    def __init__(self, lines: list[str], at: int, most: int) -> None:
        self._lines = lines
        self._at = at
        self._most = most
        self.count = 0

    def __iter__(self) -> _Pulled:
        return self

    def __next__(self) -> str:
        if self.count >= self._most or self._at + self.count >= len(self._lines):
            raise StopIteration
        self.count += 1
        return self._lines[self._at + self.count - 1]


def _why(fault: Exception) -> str:
    words = str(fault)
    if "unexpected end" in words:
        return "a quotation mark is opened and not closed; close it, or double it where it belongs to the text"
    if "field larger" in words:
        return f"a cell of more than 100,000 characters; at most {MOST_CELL:,} are expected"
    if "expected after" in words:
        return "a quotation mark in the middle of a cell; double it where it belongs to the text"
    return f"the row cannot be cut into cells ({words or 'nothing there'})"
