"""The port through which a letter leaves, and what can honestly be said of each attempt.

A send ends in one of four ways. Only `Delivered` is a return value; the others are raised, so that nobody overlooks
them. When in doubt a channel says `InDoubt`: a wrong `NotSent` would make a customer receive the same reminder twice.
"""

from typing import Protocol

from receivables.frozen import Frozen
from receivables.messages import ChannelName, Letter


class Delivered(Frozen):
    """The other side took responsibility for the letter. `reference` is what it calls it (queue id, file name)."""

    reference: str


class SendFailed(Exception):
    """A letter was not delivered, or not surely. `words` say what happened, for an operator."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class NotSent(SendFailed):
    """It surely did not leave, and the cause lies with us or is temporary: it may be tried again."""


class Refused(SendFailed):
    """This letter was refused for good; it did not leave. `is_address_fault`: the recipient's address is the cause."""

    def __init__(self, words: str, *, is_address_fault: bool) -> None:
        super().__init__(words)
        self.is_address_fault = is_address_fault


class InDoubt(SendFailed):
    """It may or may not have left. Send again only where the channel `is_idempotent`, and under the same key."""


class Channel(Protocol):
    """Takes letters out of the house."""

    @property
    def name(self) -> ChannelName: ...

    @property
    def is_idempotent(self) -> bool:
        """Whether a letter sent again under the same key reaches the customer once."""
        ...

    async def send(self, letter: Letter) -> Delivered:
        """Send it now. Raises `NotSent`, `Refused` or `InDoubt`, and nothing else that is expected."""
        ...

    async def close(self) -> None:
        """Let go of connections; the channel is not used afterwards."""
        ...
