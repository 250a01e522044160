"""A real SMTP server on loopback that fails where a test wants it to, and counts what it took."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from channels.smtp import SmtpSettings

CERTIFICATE = Path(__file__).parent / "localhost.pem"

HANG_UP = "hang up"
STAY_SILENT = "stay silent"


@dataclass
class MailServer:
    """`answers` gives another answer than yes, by command: greeting, EHLO, MAIL, RCPT, DATA, letter, QUIT.

    An answer is a reply line, `HANG_UP` or `STAY_SILENT`. DATA is before the letter, `letter` after its last line.
    """

    answers: dict[str, str] = field(default_factory=dict)
    taken: list[Envelope] = field(default_factory=list)
    began: int = 0
    """Letters whose content arrived, taken or not."""
    has_a_letter: asyncio.Event = field(default_factory=asyncio.Event)
    settings: SmtpSettings = field(init=False)
    logins: list[str] = field(default_factory=list)

    @property
    def contents(self) -> list[bytes]:
        return [envelope.original_content or b"" for envelope in self.taken]

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        self.began += 1
        self.has_a_letter.set()
        answer = self.answers.get("letter", "250 2.0.0 queued as 4711")
        if answer == HANG_UP:
            assert server.transport is not None
            server.transport.abort()  # pyright: ignore[reportAttributeAccessIssue] - an asyncio.Transport in fact
        elif answer == STAY_SILENT:
            await asyncio.Event().wait()
        elif answer.startswith("250"):
            self.taken.append(envelope)
        return answer


class _FailingServer(SMTP):
    """aiosmtpd's own server, with another answer where the test asks for one."""

    def __init__(self, mail_server: MailServer, **options: Any) -> None:
        super().__init__(mail_server, hostname="mail.example", **options)
        self._mail_server = mail_server

    async def _otherwise(self, command: str) -> bool:
        answer = self._mail_server.answers.get(command)
        if answer is None:
            return False
        if answer == HANG_UP:
            assert self.transport is not None
            self.transport.abort()
        elif answer == STAY_SILENT:
            await asyncio.Event().wait()
        else:
            await self.push(answer)
        return True

    async def push(self, status: Any) -> None:
        greeting = self._mail_server.answers.get("greeting")
        if str(status).startswith("220") and greeting is not None and "Ready to start TLS" not in str(status):
            if greeting == HANG_UP:
                assert self.transport is not None
                self.transport.abort()
                return
            if greeting == STAY_SILENT:
                await asyncio.Event().wait()
            status = greeting
        await super().push(status)

    async def smtp_EHLO(self, hostname: str) -> None:
        if not await self._otherwise("EHLO"):
            await super().smtp_EHLO(hostname)

    async def smtp_MAIL(self, arg: str | None) -> None:
        if not await self._otherwise("MAIL"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:
        if not await self._otherwise("RCPT"):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:
        if not await self._otherwise("DATA"):
            await super().smtp_DATA(arg)

    async def smtp_QUIT(self, arg: str) -> None:
        if not await self._otherwise("QUIT"):
            await super().smtp_QUIT(arg)


@asynccontextmanager
async def a_mail_server(*, tls: str = "none", password: str | None = None, **answers: str) -> AsyncIterator[MailServer]:
    """Runs one on a free port. `password`: that of the user "baton", who must then log in."""
    server = MailServer(answers=answers)

    def check(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: Any) -> AuthResult:
        assert isinstance(login, LoginPassword)
        server.logins.append(login.login.decode())
        return AuthResult(success=login.password == (password or "").encode(), handled=False)

    context = None
    if tls != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
    options: dict[str, Any] = {"enable_SMTPUTF8": answers.pop("utf8", "yes") == "yes"}
    if password is not None:
        options |= {"authenticator": check, "auth_required": True, "auth_require_tls": tls == "starttls"}
    if tls == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    connections: list[_FailingServer] = []

    def connection() -> _FailingServer:
        with warnings.catch_warnings():
            # aiosmtpd does not know that a connection is encrypted from its first byte, and warns of logins over it.
            warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS", category=UserWarning)
            connections.append(_FailingServer(server, **options))
        return connections[-1]

    listening = await asyncio.get_running_loop().create_server(
        connection,
        "127.0.0.1",
        0,
        ssl=context if tls == "implicit" else None,
    )
    server.settings = SmtpSettings(
        host="localhost" if tls != "none" else "127.0.0.1",
        port=listening.sockets[0].getsockname()[1],
        tls=tls,  # pyright: ignore[reportArgumentType] - one of the three
        ca_file=CERTIFICATE if tls != "none" else None,
        username="baton" if password is not None else None,
        password=password,  # pyright: ignore[reportArgumentType] - pydantic keeps it secret
        local_hostname="baton.example",
        answer_seconds=5.0,
        letter_seconds=10.0,
    )
    try:
        yield server
    finally:
        listening.close()
        for transport in {one.transport for one in connections} | {one._original_transport for one in connections}:
            if isinstance(transport, asyncio.Transport):
                transport.abort()
        for _ in range(10):
            # Closing takes the loop a few rounds; aiosmtpd does not always say when it is done.
            await asyncio.sleep(0)
