"""A letter as a mail: RFC 5322 with text and HTML, marked as automatic per RFC 3834.

The same letter always gives the same bytes, so that a letter sent again under its key is the same mail.
"""

import hashlib
import re
from email.header import Header
from email.message import EmailMessage
from email.policy import EmailPolicy

from channels.addresses import UnusableAddress, usable_address
from channels.channel import NotSent, Refused
from channels.clean_text import one_line
from receivables.messages import Letter

_OURS = frozenset(
    {
        "from",
        "to",
        "cc",
        "bcc",
        "reply-to",
        "sender",
        "subject",
        "message-id",
        "mime-version",
        "return-path",
        "received",
    }
)
"""Headers that are made from the letter's own fields; `Letter.headers` cannot set them a second time."""

_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
_PLAIN = re.compile(r"[\x20-\x7e]*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_MAILBOX = re.compile(r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^"<>]*)) <(?P<address>[^<>]+)>')
_ESCAPED = re.compile(r"\\(.)")


class BadHeader(ValueError):
    """A letter carries a header that must not be set this way."""


class _AsWritten(EmailPolicy):
    """Headers leave as `to_mime` encoded them.

    Python's own folding breaks long names that are not ASCII, and it decodes text that merely looks encoded; both are
    in customers' hands here.
    """

    def header_store_parse(self, name: str, value: str) -> tuple[str, str]:
        if re.search(r"[\r\n](?![ \t])", value.replace("\r\n", "\n")):
            raise BadHeader(f"the header {name} has a line break in it")
        return name, value

    def header_fetch_parse(self, name: str, value: str) -> str:
        """What the mail's own parts ask for while it is written; parsing our content types anew would cost more than
        all the rest."""
        return value if name.lower().startswith("content-") else super().header_fetch_parse(name, value)

    def fold(self, name: str, value: str) -> str:
        return f"{name}: {value}{self.linesep}"

    def fold_binary(self, name: str, value: str) -> bytes:
        return self.fold(name, value).encode("utf-8")


_POLICY = _AsWritten(linesep="\r\n", utf8=False)


def message_id_of(key: str, *, domain: str) -> str:
    """The Message-ID of the message with this key: always the same, so that a second copy is known as one."""
    return f"<{digest_of(key)}@{domain}>"


def digest_of(key: str) -> str:
    """32 hex digits that stand for a key where its own characters must not."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def mailbox(*, name: str, address: str) -> str:
    """`"Name, quoted" <address>` for a letter's `sender`. Refuses `UnusableAddress`."""
    name = one_line(name)
    return f"{_quoted(name)} <{usable_address(address)}>" if name else usable_address(address)


def mail_bytes(letter: Letter) -> bytes:
    """The mail as it is handed over. Raises what a channel raises where a letter cannot become a mail."""
    try:
        usable_address(letter.to)
    except UnusableAddress as fault:
        raise Refused(str(fault), is_address_fault=True) from fault
    try:
        return to_mime(letter).as_bytes()
    except UnusableAddress as fault:
        raise NotSent(f"{fault}; correct the sender in the policy") from fault
    except BadHeader as fault:
        raise Refused(str(fault), is_address_fault=False) from fault


def to_mime(letter: Letter) -> EmailMessage:
    """The mail that this letter is. Refuses `UnusableAddress` and `BadHeader`; looks at no clock.

    `Date` is the one of `letter.headers`, where the renderer puts it.
    """
    mail = EmailMessage(policy=_POLICY)
    name, address = _parts_of(letter.sender)
    mail["From"] = f"{_phrase(name)} <{address}>" if name else address
    mail["To"] = usable_address(letter.to)
    mail["Reply-To"] = usable_address(letter.reply_to)
    mail["Subject"] = _unstructured(letter.subject, header="Subject")
    mail["Message-ID"] = _token(letter.message_id, header="Message-ID")
    given = {header.lower() for header, _ in letter.headers}
    if "auto-submitted" not in given:
        mail["Auto-Submitted"] = "auto-generated"
    for header, value in letter.headers:
        if not _HEADER_NAME.fullmatch(header) or header.lower() in _OURS or header.lower().startswith("content-t"):
            raise BadHeader(f"{header[:60]!r} cannot be set as an extra header of a letter")
        mail[header] = _unstructured(value, header=header)
    mail.set_content(_encodable(letter.text), charset="utf-8", cte="quoted-printable")
    mail.add_alternative(_encodable(letter.html), subtype="html", charset="utf-8", cte="quoted-printable")
    mail.set_boundary(f"=_{digest_of(letter.key)[:20]}")
    return mail


def _parts_of(mailbox_text: str) -> tuple[str, str]:
    """Name and address of what `mailbox` wrote. The standard library's parser would decode what only looks encoded."""
    found = _MAILBOX.fullmatch(mailbox_text)
    if found is None:
        return "", usable_address(mailbox_text)
    name = _ESCAPED.sub(r"\1", found["quoted"]) if found["quoted"] is not None else found["plain"]
    return one_line(name), usable_address(found["address"])


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _unstructured(text: str, *, header: str) -> str:
    text = one_line(text, most=900)
    if _PLAIN.fullmatch(text) and "=?" not in text:
        return text
    return Header(text, "utf-8", header_name=header).encode(linesep="\r\n")


def _phrase(name: str) -> str:
    name = one_line(name)
    if _PLAIN.fullmatch(name) and "=?" not in name:
        return _quoted(name)
    return Header(name, "utf-8", header_name="From").encode(linesep="\r\n")


def _quoted(name: str) -> str:
    if _ATOMS.fullmatch(name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _token(text: str, *, header: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]{1,900}", text):
        raise BadHeader(f"{header} {text[:60]!r} has characters that it cannot have")
    return text
