"""Text from outside, made fit for headers and letters: no control characters, one line where there is one line."""

import re
from typing import Annotated

from pydantic import AfterValidator

MOST_IN_A_LINE = 300

_CONTROLS_BUT_NEWLINE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f"  # C0 but the line feed, DEL, C1
    "\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that turn the reading direction, by which a text can lie
    "\u2028\u2029\ufeff\ufffe\uffff]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_SPACES = re.compile(" {2,}")


def one_line(text: str, *, most: int = MOST_IN_A_LINE) -> str:
    """The text on one line, of at most so many characters. Line breaks and control characters become a space."""
    text = _without_controls(text.replace("\n", " "))
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def some_lines(text: str, *, most: int = 2000) -> str:
    """The text with its line breaks, without other control characters, cut at so many characters."""
    lines = (_without_controls(line) for line in text.replace("\r\n", "\n").split("\n"))
    return "\n".join(lines).strip("\n")[:most]


def _without_controls(text: str) -> str:
    if text.isascii() and text.isprintable():
        return _SPACES.sub(" ", text).strip(" ")
    text = _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", _CONTROLS_BUT_NEWLINE.sub(" ", text))
    return _SPACES.sub(" ", text).strip(" ")


OneLine = Annotated[str, AfterValidator(one_line)]
"""A text that stays on one line whatever was put into it."""

SomeLines = Annotated[str, AfterValidator(some_lines)]
"""A text of several lines, without other control characters."""
