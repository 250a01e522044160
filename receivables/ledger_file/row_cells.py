"""One row's cells by field, and the faults that reading them brings to light."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TypeVar

from receivables.ledger_file.columns import Field
from receivables.ledger_file.dates import DateReader
from receivables.ledger_file.faults import BadCell
from receivables.ledger_file.rows import Fault
from receivables.ledger_file.table import RawRow, shortened

Value = TypeVar("Value")


class RowCells:
    """The row while it is being read: every reading either gives a value or adds a fault."""

    def __init__(
        self, *, raw: RawRow, places: dict[Field, int], header: tuple[str, ...], dates: dict[Field, DateReader]
    ) -> None:
        self.row = raw.row
        self.faults: list[Fault] = []
        self._cells = raw.cells
        self._places = places
        self._header = header
        self._dates = dates

    def has(self, each: Field) -> bool:
        """Whether the file has a column for it."""
        return each in self._places

    def text(self, each: Field) -> str:
        """The cell as it stands, trimmed; empty where there is no column."""
        place = self._places.get(each)
        return self._cells[place].strip() if place is not None else ""

    def name(self, each: Field) -> str:
        """What the file calls the column; our name where it has none."""
        place = self._places.get(each)
        return self._header[place] if place is not None else str(each)

    def refuse(self, each: Field, expected: str) -> None:
        """Add a fault at the field's cell."""
        fault = Fault(row=self.row, column=self.name(each), value=shortened(self.text(each)), expected=expected)
        self.faults.append(fault)

    def take(self, each: Field, read: Callable[[str], Value]) -> Value | None:
        """The cell as its reader has it; None, and a fault, where it cannot be read."""
        try:
            return read(self.text(each))
        except BadCell as fault:
            self.refuse(each, fault.expected)
            return None

    def date(self, each: Field) -> date | None:
        """None where there is no column, where the cell is empty, and, with a fault, where it cannot be read."""
        reader = self._dates.get(each)
        return None if reader is None else self.take(each, reader.read_optional)

    def required_date(self, each: Field) -> date | None:
        """As `date`; an empty cell is a fault too."""
        before = len(self.faults)
        found = self.date(each)
        if found is None and len(self.faults) == before:
            self.refuse(each, "a date is expected; the cell is empty")
        return found
