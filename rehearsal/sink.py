"""Where a rehearsal's letters end: looked at, counted, and let go. Nothing leaves the machine."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from channels.channel import Delivered
from receivables.collection_policy import Sender
from receivables.messages import ChannelName, Letter

_AUTOMATIC = re.compile(r"autom[aá]t", re.IGNORECASE)


@dataclass(frozen=True)
class Left:
    """A letter that left: its key, and what it lacked of what every automated message must have."""

    key: str
    to: str
    message_id: str
    lacks: tuple[str, ...]


@dataclass
class SinkChannel:
    """A channel like any other, which keeps of each letter one line only."""

    sender: Sender
    people: Sequence[str]
    """Names of the persons whom a letter may name."""
    left: list[Left] = field(default_factory=list)

    name: ChannelName = ChannelName.EMAIL
    is_idempotent: bool = False
    """As with most mail servers: a letter handed over twice would be received twice, and is counted twice."""

    async def send(self, letter: Letter) -> Delivered:
        lacks = tuple(missing_in(letter, sender=self.sender, people=self.people))
        self.left.append(Left(key=letter.key, to=letter.to, message_id=letter.message_id, lacks=lacks))
        return Delivered(reference=f"rehearsed-{len(self.left)}")

    async def close(self) -> None:
        """Nothing is held open."""


def missing_in(letter: Letter, *, sender: Sender, people: Sequence[str]) -> list[str]:
    """What promise 11 asks for and the letter, as the customer would read it, does not have."""
    lacks: list[str] = []
    headers = {name.lower(): value for name, value in letter.headers}
    if headers.get("auto-submitted") != "auto-generated":
        lacks.append("no Auto-Submitted header (RFC 3834)")
    if not letter.reply_to.endswith(f"@{sender.reply_domain}"):
        lacks.append(f"replies go to {letter.reply_to}")
    for part, text in (("text", letter.text), ("HTML", html.unescape(letter.html))):
        if not _AUTOMATIC.search(text):
            lacks.append(f"the {part} does not say that it is automatic")
        if not any(person in text for person in people):
            lacks.append(f"the {part} names no person to reach")
        for about in ("dispute", "time"):
            if f"about={about}" not in text and not (about == "time" and _is_receipt(letter)):
                lacks.append(f"the {part} offers no way to {'dispute' if about == 'dispute' else 'ask for time'}")
        if not _is_receipt(letter) and not _offers_a_way_to_pay(text, sender):
            lacks.append(f"the {part} offers no way to pay")
    return lacks


def _is_receipt(letter: Letter) -> bool:
    return ":receipt:" in letter.key


def _offers_a_way_to_pay(text: str, sender: Sender) -> bool:
    shown = re.sub(r"\s+", " ", text)
    return sender.self_service in shown or any(way.words in shown for way in sender.ways_to_pay)
