"""The mail that a letter is: marked as automatic, the same each time, and nothing in it can become a header."""

from email import message_from_bytes
from email.header import decode_header, make_header
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.policy import default
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from writing import a_letter

from channels.clean_text import one_line
from channels.mime import BadHeader, mailbox, message_id_of, to_mime

anything = st.text(max_size=300) | st.sampled_from(
    [
        "x\r\nBcc: all@evil.example",
        "x\nBcc: all@evil.example\n\n<script>",
        "x\rBcc: all@evil.example",
        "=?utf-8?q?=0D=0ABcc:_all=40evil.example?=",
        "=?utf-8?b?w7w=?= =?utf-8?b?w7w=?=",
        "\u2028Bcc: all@evil.example",
        "\x85Bcc: all@evil.example",
        "\ud800",
        "a" * 300,
        "ü" * 300,
        "Überfällig " * 20 + "x" * 90,
        '"quoted" <all@evil.example>, other@evil.example',
    ]
)


def _read(mail: EmailMessage) -> EmailMessage:
    read = message_from_bytes(mail.as_bytes(), policy=default)
    assert isinstance(read, EmailMessage)
    assert not read.defects
    return read


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return part.get_content().replace("\r\n", "\n")


def test_promise_11_a_mail_says_that_it_is_automatic_per_rfc_3834():
    mail = _read(to_mime(a_letter(headers=())))
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Precedence"] is None


def test_a_mail_has_its_text_and_its_html_and_every_header_once():
    letter = a_letter()
    mail = _read(to_mime(letter))
    assert mail.get_content_type() == "multipart/alternative"
    assert _part(mail, "plain") == letter.text
    assert _part(mail, "html") == letter.html
    assert mail["Date"] == "Wed, 06 Mar 2024 09:00:00 +0000"
    assert mail["Reply-To"] == "reply+token-of-c1@replies.example.com"
    assert len({name.lower() for name in mail}) == len(mail.keys())
    assert all(len(line) <= 78 for line in to_mime(letter).as_bytes().split(b"\r\n"))


def test_the_message_id_comes_from_the_key_alone():
    assert message_id_of("C-1:level-1", domain="r.example") == message_id_of("C-1:level-1", domain="r.example")
    assert message_id_of("C-1:level-1", domain="r.example") != message_id_of("C-1:level-2", domain="r.example")
    assert _read(to_mime(a_letter()))["Message-ID"] == message_id_of(a_letter().key, domain="replies.example.com")


def test_the_same_letter_is_the_same_mail_byte_for_byte():
    assert to_mime(a_letter()).as_bytes() == to_mime(a_letter()).as_bytes()


@given(subject=anything)
def test_any_subject_arrives_as_one_line_and_as_no_other_header(subject: str):
    mail = _read(to_mime(a_letter(subject=subject)))
    assert mail["Subject"] == one_line(subject, most=900)
    _has_only_our_headers(mail)


@given(name=anything)
def test_any_company_name_stays_a_name(name: str):
    mail = _read(to_mime(a_letter(sender=mailbox(name=name, address="accounts@example.com"))))
    [address] = cast("AddressHeader", mail["From"]).addresses
    assert address.addr_spec == "accounts@example.com"
    _has_only_our_headers(mail)


@pytest.mark.parametrize(
    "name", ["Müller, Söhne & Co. KG", "Example Ltd", 'The "Best" Co', "Acme, Inc.", "日本商事 " * 20]
)
def test_a_company_name_arrives_as_it_is(name: str):
    mail = _read(to_mime(a_letter(sender=mailbox(name=name, address="accounts@example.com"))))
    # Python's parser of addresses keeps the blanks between encoded words; make_header reads them as RFC 2047 says.
    raw = next(value for header, value in mail.raw_items() if header == "From")
    shown = str(make_header(decode_header(raw.replace("\r\n", "")))).removesuffix("<accounts@example.com>").strip()
    assert shown.strip('"').replace('\\"', '"') == one_line(name)


@given(text=anything, html=anything)
def test_text_and_html_survive_the_journey(text: str, html: str):
    mail = _read(to_mime(a_letter(text=text + "\n", html=html + "\n")))
    _has_only_our_headers(mail)
    for sent, kind in ((text, "plain"), (html, "html")):
        arrived = _part(mail, kind)
        expected = sent.encode("utf-8", "replace").decode()
        # An empty part arrives as one or two line ends; all else to the letter.
        assert arrived.rstrip("\n") == expected.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


@pytest.mark.parametrize(
    "header",
    [
        ("Bcc", "all@evil.example"),
        ("to", "b@c.example"),
        ("X Y", "1"),
        ("X:", "1"),
        ("Content-Type", "text/html"),
        ("", ""),
    ],
)
def test_an_extra_header_cannot_replace_ours(header: tuple[str, str]):
    with pytest.raises(BadHeader):
        to_mime(a_letter(headers=(header,)))


@pytest.mark.parametrize("message_id", ["<a@b>\r\nBcc: c@d.example", "<a b@c>", "", "<ü@b>"])
def test_a_message_id_with_anything_else_in_it_is_refused(message_id: str):
    with pytest.raises(BadHeader):
        to_mime(a_letter(message_id=message_id))


def test_an_extra_header_s_value_stays_in_it():
    mail = _read(to_mime(a_letter(headers=(("X-Note", "a\r\nBcc: all@evil.example"),))))
    assert mail["X-Note"] == "a Bcc: all@evil.example"
    _has_only_our_headers(mail, "X-Note")


def _has_only_our_headers(mail: EmailMessage, *also: str) -> None:
    ours = ["From", "To", "Reply-To", "Subject", "Message-ID", "Auto-Submitted", "Date", "MIME-Version", "Content-Type"]
    assert set(mail.keys()) <= {*ours, *also}
    assert str(mail["To"]) == "anna@acme.example"
    assert mail.get_content_type() == "multipart/alternative"
