"""Which column is which field: as given, by a preset, or guessed by the columns' names and contents."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, field

from receivables.ledger_file.amounts import currency_named_by, looks_like_an_amount
from receivables.ledger_file.columns import AMOUNTS, DATES, WHAT, Field, closest, closest_columns, field_named
from receivables.ledger_file.dates import looks_like_a_date
from receivables.ledger_file.presets import PRESETS, Preset, preset_for
from receivables.ledger_file.rows import Fault, Mapping, ReadingOptions, Understood
from receivables.ledger_file.table import Table, shortened
from receivables.money import UnknownCurrency, decimals_of

_SAMPLE = 200
_FIELDS = [str(each) for each in Field]


@dataclass(slots=True)
class Columns:
    """Field → place in the row, how that came about, and what stands in the way."""

    places: dict[Field, int] = field(default_factory=dict[Field, int])
    preset: Preset | None = None
    understood: Understood = Understood.GUESSED
    guessed: list[Field] = field(default_factory=list[Field])
    faults: list[Fault] = field(default_factory=list[Fault])
    notes: list[str] = field(default_factory=list[str])

    def mapping(self, header: tuple[str, ...]) -> Mapping:
        used = set(self.places.values())
        return Mapping(
            understood=self.understood,
            preset=self.preset.name if self.preset else "",
            columns={str(each): header[self.places[each]] for each in Field if each in self.places},
            guessed=tuple(str(each) for each in Field if each in self.guessed),
            ignored=tuple(name for place, name in enumerate(header) if place not in used),
        )


def choose_columns(table: Table, options: ReadingOptions) -> Columns:
    """Decide on the columns; what is missing is a fault with the columns that come nearest."""
    columns = Columns()
    wanted = (options.map or "").strip()
    if wanted in PRESETS:
        columns.preset, columns.understood = PRESETS[wanted], Understood.PRESET
        _take_preset(columns, table)
    elif wanted and "=" not in wanted:
        known = list(PRESETS)
        expected = f"a preset ({', '.join(known)}) or column=field,… is expected{closest(wanted, known)}"
        columns.faults.append(_stop(table, "--map", expected, wanted))
    elif wanted:
        columns.understood = Understood.GIVEN
        left_out = _take_given(columns, table, wanted)
        _guess(columns, table, left_out)
    elif preset := preset_for(table.header):
        columns.preset, columns.understood = preset, Understood.RECOGNISED
        columns.notes.append(f"The columns are those of {preset.name} ({preset.about}): read as --map {preset.name}.")
        _take_preset(columns, table)
    else:
        _guess(columns, table, set())
    if not columns.faults:
        _check_required(columns, table, options)
    return columns


def _stop(table: Table, column: str, expected: str, value: str = "") -> Fault:
    return Fault(row=table.header_row, column=column, value=shortened(value), expected=expected, stops_everything=True)


def _take_preset(columns: Columns, table: Table) -> None:
    assert columns.preset is not None
    for each, name in columns.preset.columns.items():
        _place(columns, table, each, name)
    if str(Field.LEDGER_ROW) in table.header:
        columns.places[Field.LEDGER_ROW] = table.header.index(str(Field.LEDGER_ROW))


def _place(columns: Columns, table: Table, each: Field, name: str) -> None:
    match table.header.count(name):
        case 0:
            near = closest(name, table.header)
            columns.faults.append(
                _stop(table, shortened(name), f"there is no such column (for {each}: {WHAT[each]}){near}")
            )
        case 1:
            columns.places[each] = table.header.index(name)
        case _:
            columns.faults.append(_stop(table, name, f"two columns have this name; {each} needs one"))


def _take_given(columns: Columns, table: Table, wanted: str) -> set[int]:
    """Take `column=field` pairs; gives the places of columns that are to be left out (`column=`)."""
    left_out: set[int] = set()
    # Not strict: "Cust, no"=customer_id and "Cust, no=customer_id" both mean the column with a comma in its name.
    pairs = next(csv.reader([wanted.replace("\n", " ").replace("\r", " ")], skipinitialspace=True))
    for pair in pairs:
        name, equals, target = pair.rpartition("=")
        name, target = name.strip(), target.strip()
        if not equals or not name:
            columns.faults.append(_stop(table, "--map", "column=field is expected", pair))
        elif not target or target == "-":
            left_out.update(place for place, column in enumerate(table.header) if column == name)
        elif target not in _FIELDS:
            expected = f"there is no field {shortened(target)}{closest(target, _FIELDS)}; known: {', '.join(_FIELDS)}"
            columns.faults.append(_stop(table, name, expected))
        elif Field(target) in columns.places:
            columns.faults.append(_stop(table, name, f"{target} was given a column before; one is expected"))
        else:
            _place(columns, table, Field(target), name)
    return left_out


def _guess(columns: Columns, table: Table, left_out: set[int]) -> None:
    """Fill the fields that have no column yet, by name first, then by content, each checked against its content."""
    claims: dict[Field, list[tuple[int, int]]] = {}
    taken = set(columns.places.values()) | left_out
    for place, name in enumerate(table.header):
        found = field_named(name) if place not in taken else None
        if found is None or found[0] in columns.places:
            continue
        if name != found[0] and not _fits(found[0], table, place):
            columns.notes.append(f"Column {name} is named like {found[0]}, but its cells are not: it is not read.")
            continue
        claims.setdefault(found[0], []).append((found[1], place))
    for each, places in claims.items():
        _, place = min(places)
        name = table.header[place]
        rivals = [table.header[other] for _, other in sorted(places) if other != place]
        if name in rivals:
            columns.faults.append(_stop(table, name, f"two columns have this name; {each} needs one"))
        elif rivals:
            columns.notes.append(f"{each} is read from {name}; {', '.join(rivals)} could be it too. --map decides.")
        columns.places[each] = place
        if name != each:
            columns.guessed.append(each)
    for each, is_one in _BY_CONTENT.items():
        if each not in columns.places:
            _guess_by_content(columns, table, each, is_one, left_out)


def _guess_by_content(
    columns: Columns, table: Table, each: Field, is_one: Callable[[str], bool], left_out: set[int]
) -> None:
    taken = set(columns.places.values()) | left_out
    fitting = [
        place
        for place in range(len(table.header))
        if place not in taken and (cells := _sample(table, place)) and all(is_one(cell) for cell in cells)
    ]
    if len(fitting) == 1:
        columns.places[each] = fitting[0]
        columns.guessed.append(each)
        columns.notes.append(f"{each} is read from {table.header[fitting[0]] or '(no name)'}, by what stands in it.")


def _is_currency(cell: str) -> bool:
    try:
        return len(cell) == 3 and cell.isupper() and decimals_of(cell) >= 0
    except UnknownCurrency:
        return False


def _is_email(cell: str) -> bool:
    return cell.count("@") == 1 and " " not in cell


_BY_CONTENT: dict[Field, Callable[[str], bool]] = {Field.CURRENCY: _is_currency, Field.EMAIL: _is_email}


def _sample(table: Table, place: int) -> list[str]:
    cells = (row.cells[place].strip() for row in table.rows[: 5 * _SAMPLE] if not row.fault)
    return [cell for cell in cells if cell][:_SAMPLE]


def _fits(each: Field, table: Table, place: int) -> bool:
    """Whether at least half of a column's cells have the shape of the field (empty columns fit)."""
    if each in DATES:
        looks = looks_like_a_date
    elif each in AMOUNTS:
        looks = looks_like_an_amount
    elif each in (Field.TERMS_DAYS, Field.SETTLED_AFTER_DAYS, Field.LEDGER_ROW):
        looks = _is_whole
    else:
        return True
    cells = _sample(table, place)
    return 2 * sum(looks(cell) for cell in cells) >= len(cells)


def _is_whole(cell: str) -> bool:
    return cell.lstrip("-").isdecimal()


def _check_required(columns: Columns, table: Table, options: ReadingOptions) -> None:
    preset = columns.preset
    missing = [each for each in (Field.CUSTOMER_ID, Field.AMOUNT, Field.ISSUED_ON) if each not in columns.places]
    if Field.INVOICE_ID not in columns.places and not (preset and preset.invoice_id_made_of):
        missing.insert(0, Field.INVOICE_ID)
    if Field.DUE_ON not in columns.places and Field.TERMS_DAYS not in columns.places:
        missing.append(Field.DUE_ON)
    for each in missing:
        taken = set(columns.places.values())
        near = closest_columns(each, tuple(name for place, name in enumerate(table.header) if place not in taken))
        if each is Field.CUSTOMER_ID and Field.CUSTOMER_NAME in columns.places:
            near.insert(0, table.header[columns.places[Field.CUSTOMER_NAME]])
        if near:
            remedy = f'nearest: {", ".join(shortened(name) for name in near)} (--map "{shortened(near[0])}={each}")'
        else:
            found = ", ".join(shortened(name, most=30) or "(no name)" for name in table.header[:20])
            remedy = f'name it with --map "column={each}"; the columns are {found}'
        columns.faults.append(_stop(table, str(each), f"no column was found for {WHAT[each]}; {remedy}"))
    has_currency = Field.CURRENCY in columns.places or options.currency or (preset and preset.currency)
    if not has_currency and Field.AMOUNT in columns.places:
        cells = _sample(table, columns.places[Field.AMOUNT])
        if not any(currency_named_by(cell) for cell in cells):
            expected = f"no column was found for the currency ({WHAT[Field.CURRENCY]}); if it is one for all, say which"
            columns.faults.append(_stop(table, str(Field.CURRENCY), f"{expected} (--currency EUR)"))
