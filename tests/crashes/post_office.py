"""A real SMTP server on loopback that counts what it took, and holds conversations where a test wants them held."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import policy
from email.parser import BytesParser
from enum import StrEnum

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.waiting import until


class Stop(StrEnum):
    """Where a conversation is held, until its client is gone or the office lets it go."""

    RECIPIENT = "before the recipient is accepted"
    LETTER_BEGINS = "before the letter may begin"
    LETTER_LOST = "the letter has arrived, and is lost with the connection"
    LETTER_TAKEN = "the letter is taken, and the client never learns of it"
    GOODBYE = "the client knows that the letter is taken, and says goodbye"

    @property
    def has_taken_the_letter(self) -> bool:
        return self in (Stop.LETTER_TAKEN, Stop.GOODBYE)


@dataclass(frozen=True)
class Taken:
    to: str
    message_id: str
    subject: str


@dataclass
class PostOffice:
    """`stops` says, by recipient, where to hold the conversation; a stop is for one conversation only."""

    port: int = 0
    stops: dict[str, Stop] = field(default_factory=dict)
    held: dict[str, Stop] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    goodbyes: int = 0
    _gate: asyncio.Event = field(default_factory=asyncio.Event)

    def count_by_recipient(self) -> Counter[str]:
        return Counter(letter.to for letter in self.taken)

    def count_by_message_id(self) -> Counter[str]:
        return Counter(letter.message_id for letter in self.taken)

    async def hold(self, recipient: str, here: Stop) -> None:
        if self.stops.get(recipient) is here:
            del self.stops[recipient]
            self.held[recipient] = here
            await self._gate.wait()

    def let_go(self) -> None:
        """All conversations that are held now go on."""
        self._gate.set()
        self._gate = asyncio.Event()

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        await self.hold(address, Stop.RECIPIENT)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        [recipient] = envelope.rcpt_tos
        await self.hold(recipient, Stop.LETTER_LOST)
        mail = BytesParser(policy=policy.default).parsebytes(envelope.original_content or b"", headersonly=True)
        self.taken.append(Taken(to=recipient, message_id=str(mail["Message-ID"]), subject=str(mail["Subject"])))
        await self.hold(recipient, Stop.LETTER_TAKEN)
        return "250 2.0.0 taken"


class _HoldingServer(SMTP):
    """aiosmtpd's own server, which can hold two more commands."""

    def __init__(self, office: PostOffice) -> None:
        super().__init__(office, hostname="mail.example", enable_SMTPUTF8=True)
        self._office = office
        self._recipient = ""

    async def smtp_DATA(self, arg: str) -> None:
        assert self.envelope is not None
        self._recipient = (self.envelope.rcpt_tos or [""])[0]
        await self._office.hold(self._recipient, Stop.LETTER_BEGINS)
        await super().smtp_DATA(arg)

    async def smtp_QUIT(self, arg: str) -> None:
        self._office.goodbyes += 1
        await self._office.hold(self._recipient, Stop.GOODBYE)
        await super().smtp_QUIT(arg)


@asynccontextmanager
async def a_post_office() -> AsyncIterator[PostOffice]:
    office = PostOffice()
    connections: list[_HoldingServer] = []

    def connection() -> _HoldingServer:
        connections.append(_HoldingServer(office))
        return connections[-1]

    listening = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    office.port = listening.sockets[0].getsockname()[1]
    try:
        yield office
    finally:
        listening.close()
        for open_one in connections:
            if open_one.transport is not None:
                open_one.transport.abort()  # pyright: ignore[reportAttributeAccessIssue] - an asyncio.Transport in fact
        await until(lambda: all(each.transport is None for each in connections), what="connections to end")
