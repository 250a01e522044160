"""Pages by keyset: a cursor names the place of the last row that was seen, so that a page never shifts or repeats."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

MOST_ON_A_PAGE = 1000


class BadCursor(ValueError):
    """The text is no cursor of ours."""


def cursor(at: datetime, key: str) -> str:
    """The place of a row in a list that is sorted by an instant and then by a key."""
    return f"{at.isoformat()}|{key}"


def read_cursor(text: str) -> tuple[datetime, str]:
    """What `cursor` made; raises BadCursor."""
    at, _, key = text.partition("|")
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or not key:
        raise BadCursor(f"{text!r} is no cursor; give back the one that came with the page before")
    return instant, key


def comes_after(at: ColumnElement[Any], key: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Rows after the cursor in a list sorted by (at, key) upwards."""
    instant, last = read_cursor(text)
    return or_(at > instant, and_(at == instant, key > last))


def comes_before(at: ColumnElement[Any], key: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Rows after the cursor in a list sorted by (at, key) downwards."""
    instant, last = read_cursor(text)
    return or_(at < instant, and_(at == instant, key < last))


def page_size(limit: int) -> int:
    """At least one row, at most MOST_ON_A_PAGE."""
    return max(1, min(limit, MOST_ON_A_PAGE))
