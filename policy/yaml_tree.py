"""YAML as a tree of plain texts, each with the line it stands on.

A small, strict part of YAML: mappings, lists and texts. Numbers and times stay texts until the model reads them, so
that `until: 17:00` is not 1020, `NO: Europe/Oslo` is not `false` and `EUR: 0.10` is exactly that. Duplicate keys,
aliases, tags, control characters and deep nesting are faults.
"""

from __future__ import annotations

import re
from typing import NamedTuple, cast

import yaml
from yaml.events import AliasEvent, Event, NodeEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

DEEPEST = 20
"""Levels of nesting: a policy needs eight."""

Place = tuple[str | int, ...]
"""Where in the document: `("ladders", "standard", "levels", 0)`."""
Value = str | None | list["Value"] | dict[str, "Value"]

_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_NOT_FOR_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Spot(NamedTuple):
    """A line and a column, both counted from 1."""

    line: int
    column: int


class TreeFault(NamedTuple):
    spot: Spot
    place: Place
    words: str


class Tree(NamedTuple):
    """`value` is None where the text could not be read at all; then `faults` says why."""

    value: Value
    spots: dict[Place, Spot]
    faults: tuple[TreeFault, ...]

    def spot_of(self, place: Place) -> Spot:
        """Where this stands, or the nearest thing around it that is written down."""
        while place and place not in self.spots:
            place = place[:-1]
        return self.spots.get(place, Spot(1, 1))


def read_tree(text: str) -> Tree:
    """Read a YAML text. Never raises: what cannot be read is a fault with its line."""
    spots: dict[Place, Spot] = {}
    faults: list[TreeFault] = []
    loader: _Loader | None = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except ReaderError as fault:
        # It comes from the loader's constructor, which looks the whole text over first, so the position is the text's.
        line = text.count("\n", 0, fault.position) + 1
        column = fault.position - (text.rfind("\n", 0, fault.position) + 1) + 1
        code = ord(fault.character) if isinstance(fault.character, str) else fault.character
        return Tree(None, {}, (TreeFault(Spot(line, column), (), f"the character U+{code:04X} cannot stand here"),))
    except _NotTaken as fault:
        return Tree(None, {}, (TreeFault(fault.spot, (), str(fault)),))
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        spot = Spot(mark.line + 1, mark.column + 1) if mark else Spot(1, 1)
        return Tree(None, {}, (TreeFault(spot, (), _syntax_words(fault)),))
    except (ValueError, OverflowError) as fault:
        # PyYAML passes a bad number in an escape or a %YAML line straight to int() and chr().
        line = loader.line + 1 if loader is not None else 1
        return Tree(None, {}, (TreeFault(Spot(line, 1), (), f"this is not YAML: {fault}"),))
    finally:
        if loader is not None:
            loader.dispose()
    value = None if node is None else _value_of(node, (), spots, faults)
    return Tree(value, spots, tuple(faults))


class _NotTaken(Exception):
    """YAML that we refuse although it is well formed."""

    def __init__(self, spot: Spot, words: str) -> None:
        super().__init__(words)
        self.spot = spot


class _Loader(yaml.SafeLoader):
    """Composes nodes only; refuses what makes a small text big or different from what it looks like."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        event = cast(Event, self.peek_event())  # pyright: ignore[reportUnknownMemberType]: the stubs leave it open
        words = _refused(event)
        if words is None and self._depth >= DEEPEST:
            words = f"nested more than {DEEPEST} levels deep"
        if words is not None:
            mark = event.start_mark
            raise _NotTaken(Spot(mark.line + 1, mark.column + 1) if mark else Spot(1, 1), words)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _refused(event: Event) -> str | None:
    if isinstance(event, AliasEvent):
        return f"aliases (*{event.anchor}) are not taken; write the value out"
    if isinstance(event, NodeEvent) and event.anchor is not None:
        return f"anchors (&{event.anchor}) are not taken; write the value out where it is needed"
    tag = getattr(event, "tag", None)
    if tag is not None:
        return f"tags ({tag}) are not taken; write the plain value"
    return None


def _syntax_words(fault: yaml.MarkedYAMLError) -> str:
    problem = fault.problem or "this is not YAML"
    if "'\\t'" in problem:
        return "a tab stands here; indent with spaces"
    if fault.context and "expected a single document" in fault.context:
        return "a second document begins here; a policy is one document"
    words = f"{fault.context}: {problem}" if fault.context else problem
    return f"{words}; check the indentation, colons and quotes here and on the line before"


def _value_of(node: Node, place: Place, spots: dict[Place, Spot], faults: list[TreeFault]) -> Value:
    spots.setdefault(place, _spot(node))
    if isinstance(node, MappingNode):
        return _mapping_of(node, place, spots, faults)
    if isinstance(node, SequenceNode):
        return [_value_of(item, (*place, number), spots, faults) for number, item in enumerate(node.value)]
    assert isinstance(node, ScalarNode)
    if node.style is None and node.value in _NOTHING:
        return None
    bad = _NOT_FOR_TEXT.search(node.value)
    if bad:
        faults.append(TreeFault(_spot(node), place, f"the character U+{ord(bad[0]):04X} cannot stand in a text"))
    return node.value


def _mapping_of(node: MappingNode, place: Place, spots: dict[Place, Spot], faults: list[TreeFault]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, ScalarNode) or _NOT_FOR_TEXT.search(key_node.value):
            faults.append(TreeFault(_spot(key_node), place, "the name of a field is a plain word"))
            continue
        key = key_node.value
        inner = (*place, key)
        if key in values:
            before = spots[inner].line
            faults.append(TreeFault(_spot(key_node), inner, f"{key!r} is on line {before} too; keep one of the two"))
            continue
        spots[inner] = _spot(key_node)
        values[key] = _value_of(value_node, inner, spots, faults)
    return values


def _spot(node: Node) -> Spot:
    return Spot(node.start_mark.line + 1, node.start_mark.column + 1)
