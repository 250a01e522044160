"""Letters by SMTP (RFC 5321), told apart by how far each conversation came.

A server takes a letter by answering 2xx after its last line, and only then. So until the letter's first line is
written it surely did not leave; from then until that answer nobody can know, and the channel says so.
"""

import asyncio
import ipaddress
import re
import ssl
from enum import Enum
from pathlib import Path
from typing import Literal

import aiosmtplib
from pydantic import Field, SecretStr, field_validator, model_validator

from channels.addresses import usable_address
from channels.channel import Delivered, InDoubt, NotSent, Refused
from channels.clean_text import one_line
from channels.mime import mail_bytes
from receivables.frozen import Frozen
from receivables.messages import ChannelName, Letter

_GOODBYE_SECONDS = 2.0
_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b", re.ASCII)
_SETUP_CODES = frozenset({530, 534, 535, 538})
"""Log in first, or otherwise: they refuse us, not the letter (RFC 4954)."""
_ADDRESS_CODES = frozenset({550, 551, 553, 556})
"""At RCPT, where no enhanced code says more: no such mailbox, not here, not a name, accepts no mail."""


class SmtpSettings(Frozen):
    """Where and how to hand letters over. Times are seconds: for each answer, and for one whole letter."""

    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    tls: Literal["none", "starttls", "implicit"] = "starttls"
    ca_file: Path | None = None
    """Certificates to trust in place of the system's, for a mail server of one's own."""
    username: str | None = None
    password: SecretStr | None = None
    envelope_sender: str | None = None
    """Where bounces go. None: to the letter's own reply address, so that a bounce says whose it is."""
    local_hostname: str | None = None
    """How we introduce ourselves (EHLO). None: this machine's name."""
    answer_seconds: float = Field(default=20.0, gt=0, le=600)
    letter_seconds: float = Field(default=60.0, gt=0, le=1800)

    @field_validator("envelope_sender")
    @classmethod
    def _is_an_address(cls, envelope_sender: str | None) -> str | None:
        return None if envelope_sender is None else usable_address(envelope_sender)

    @model_validator(mode="after")
    def _keeps_its_password(self) -> "SmtpSettings":
        if self.username is not None and self.tls == "none" and not _is_this_machine(self.host):
            raise ValueError("a user name and password are never sent in the clear; set tls to starttls or implicit")
        return self


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Phase(Enum):
    """How far a conversation came."""

    SETTING_UP = "connecting"
    ENVELOPE = "naming sender and recipient"
    HANDING_OVER = "handing over the letter"


class _Conversation:
    def __init__(self) -> None:
        self.phase = _Phase.SETTING_UP


class SmtpChannel:
    """Sends each letter over a connection of its own. Not idempotent: a mail server takes the same letter twice."""

    name = ChannelName.EMAIL
    is_idempotent = False

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._context: ssl.SSLContext | None = None

    async def send(self, letter: Letter) -> Delivered:
        content = mail_bytes(letter)
        sender = usable_address(self._settings.envelope_sender or letter.reply_to)
        recipient = usable_address(letter.to)
        conversation = _Conversation()
        client = await self._client()
        try:
            async with asyncio.timeout(self._settings.letter_seconds):
                reply = await _hand_over(
                    client, conversation, sender=sender, recipient=recipient, content=content, settings=self._settings
                )
        except (aiosmtplib.SMTPException, OSError, TimeoutError, UnicodeError) as fault:
            client.close()
            raise self._lost(conversation.phase, fault) from fault
        except BaseException:
            client.close()
            raise
        await _say_goodbye(client)
        return Delivered(reference=reply)

    async def close(self) -> None:
        """Nothing is held open: each letter has its own connection."""

    async def _client(self) -> aiosmtplib.SMTP:
        settings = self._settings
        if settings.tls != "none" and self._context is None:
            # Reading the system's certificates takes a while; they are read once.
            self._context = await asyncio.to_thread(ssl.create_default_context, cafile=settings.ca_file)
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            use_tls=settings.tls == "implicit",
            start_tls=settings.tls == "starttls",
            tls_context=self._context,
            username=settings.username,
            password=settings.password.get_secret_value() if settings.password else None,
            local_hostname=settings.local_hostname,
            timeout=settings.answer_seconds,
        )

    def _lost(self, phase: _Phase, fault: Exception) -> NotSent | InDoubt:
        server = f"{self._settings.host}:{self._settings.port}"
        words = f"{server}, {phase.value}: {_said(fault)}"
        if phase is _Phase.HANDING_OVER:
            return InDoubt(f"{words}; the server may have taken the letter")
        return NotSent(words)


async def _hand_over(
    client: aiosmtplib.SMTP,
    conversation: _Conversation,
    *,
    sender: str,
    recipient: str,
    content: bytes,
    settings: SmtpSettings,
) -> str:
    """The whole conversation; gives the server's last answer. `conversation.phase` says how far it came."""
    try:
        await client.connect()
        if client.is_ehlo_or_helo_needed:
            await _introduce_ourselves(client)
    except aiosmtplib.SMTPResponseException as fault:
        # Whatever the code: it is we who are turned away here (address, login, TLS), not this letter.
        raise NotSent(f"the mail server turns us away ({_said(fault)}); check its settings") from fault
    conversation.phase = _Phase.ENVELOPE
    try:
        options, encoding = _options(client, sender=sender, recipient=recipient, content=content)
        await client.mail(sender, options=options, encoding=encoding)
        await client.rcpt(recipient, encoding=encoding)
        begun = await client.execute_command(b"DATA")
    except aiosmtplib.SMTPRecipientRefused as fault:
        raise _refusal(fault.code, fault.message, is_recipient=True) from fault
    except aiosmtplib.SMTPResponseException as fault:
        raise _refusal(fault.code, fault.message) from fault
    if begun.code != aiosmtplib.SMTPStatus.start_input:
        raise _refusal(begun.code, begun.message)
    protocol = client.protocol
    if protocol is None:
        raise aiosmtplib.SMTPServerDisconnected("the connection was lost before the letter was begun")
    protocol.write(_dot_stuffed(content))
    conversation.phase = _Phase.HANDING_OVER
    answer = await protocol.read_response(timeout=settings.answer_seconds)
    if 200 <= answer.code < 300:
        return one_line(f"{answer.code} {answer.message}")
    if 400 <= answer.code < 600:
        raise _refusal(answer.code, answer.message)
    raise InDoubt(f"the server answered the letter with {_said_code(answer.code, answer.message)}, which means nothing")


async def _introduce_ourselves(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError as fault:
        if fault.code < 500 or not client.is_connected:
            raise
        await client.helo()


def _options(client: aiosmtplib.SMTP, *, sender: str, recipient: str, content: bytes) -> tuple[list[str], str]:
    options = [f"SIZE={len(content)}"] if client.supports_extension("size") else []
    if sender.isascii() and recipient.isascii():
        return options, "ascii"
    if not client.supports_extension("smtputf8"):
        raise Refused(
            f"the mail server takes ASCII addresses only, not {recipient}", is_address_fault=not recipient.isascii()
        )
    return [*options, "SMTPUTF8"], "utf-8"


def _refusal(code: int, message: str, *, is_recipient: bool = False) -> NotSent | Refused:
    """What an answer other than yes means, before or after the letter: it was not taken."""
    words = f"the mail server said {_said_code(code, message)}"
    if not 500 <= code < 600:
        return NotSent(words)
    if code in _SETUP_CODES:
        return NotSent(f"{words}; check its settings")
    return Refused(words, is_address_fault=_is_address_fault(code, message, is_recipient=is_recipient))


def _is_address_fault(code: int, message: str, *, is_recipient: bool) -> bool:
    """By the enhanced code (RFC 3463) where there is one: 5.1.x but for the sender's, and a disabled mailbox."""
    enhanced = _ENHANCED.search(message)
    if enhanced is not None and enhanced[1] == "5":
        subject, detail = int(enhanced[2]), int(enhanced[3])
        return (subject == 1 and detail not in (7, 8)) or (subject, detail) == (2, 1)
    return is_recipient and code in _ADDRESS_CODES


def _dot_stuffed(content: bytes) -> bytes:
    """As it travels after DATA (RFC 5321 4.5.2): dots at the start of a line doubled, a lone dot at the end."""
    content = b"\r\n" + content.rstrip(b"\r\n") + b"\r\n"
    return content.replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


async def _say_goodbye(client: aiosmtplib.SMTP) -> None:
    """The letter is taken; nothing that happens here changes that."""
    try:
        async with asyncio.timeout(_GOODBYE_SECONDS):
            await client.quit()
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        pass
    finally:
        client.close()


def _said(fault: Exception) -> str:
    if isinstance(fault, aiosmtplib.SMTPResponseException):
        return _said_code(fault.code, fault.message)
    return one_line(str(fault)) or type(fault).__name__


def _said_code(code: int, message: str) -> str:
    return one_line(f"{code} {message}")
