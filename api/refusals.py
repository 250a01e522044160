"""Why the API itself refuses: raised by its routes, turned into problem documents by `api.errors`."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, and where: "body.amount", "row 12, column due_on"."""

    place: str
    words: str


class Refusal(Exception):
    """`kind` is the problem's stable type, where it is more exact than its status."""

    def __init__(self, words: str, *, kind: str = "", faults: Sequence[Fault] = ()) -> None:
        super().__init__(words)
        self.kind = kind
        self.faults = tuple(faults)


class BadRequest(Refusal):
    """It cannot be read."""


class BadKey(Refusal):
    """No key, or none that is valid."""


class MayNot(Refusal):
    """A valid key, of somebody who may not do this."""


class NotFound(Refusal):
    """Nothing has this id."""


class TakenAlready(Refusal):
    """It contradicts what is known."""


class TooLarge(Refusal):
    """More than we take in one request."""


class RefusedByRule(Refusal):
    """Understood, and against a rule."""


class NobodyAtWork(Refusal):
    """What must carry it out does not answer now."""
