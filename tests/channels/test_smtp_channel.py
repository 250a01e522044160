"""The SMTP channel against a real server: what can be said of a letter, by how far the conversation came."""

import asyncio
import re
from email import message_from_bytes
from email.policy import default

import pytest
from mail_server import CERTIFICATE, HANG_UP, STAY_SILENT, a_mail_server
from pydantic import ValidationError
from writing import a_letter

from channels.channel import Delivered, InDoubt, NotSent, Refused, SendFailed
from channels.smtp import SmtpChannel, SmtpSettings


async def _outcome(settings: SmtpSettings, **changes: str) -> Delivered | SendFailed:
    try:
        return await SmtpChannel(settings).send(a_letter(**changes))
    except SendFailed as failed:
        return failed


async def test_a_letter_arrives_whole_and_the_server_s_answer_is_its_reference():
    letter = a_letter(text="Line\n.\n..two dots\n.end\n" + "long " * 400 + "\nümlaut €\n")
    async with a_mail_server() as server:
        delivered = await SmtpChannel(server.settings).send(letter)
    assert delivered.reference == "250 2.0.0 queued as 4711"
    [envelope] = server.taken
    assert envelope.mail_from == "reply+token-of-c1@replies.example.com"
    assert envelope.rcpt_tos == ["anna@acme.example"]
    mail = message_from_bytes(server.contents[0], policy=default)
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == letter.text
    assert mail["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("command", ["greeting", "EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("answer", [HANG_UP, STAY_SILENT, "421 4.3.2 shutting down", "451 4.3.0 try again later"])
async def test_promise_1_before_the_letter_is_begun_it_surely_did_not_leave(command: str, answer: str):
    async with a_mail_server(**{command: answer}) as server:
        settings = server.settings.model_copy(update={"answer_seconds": 0.2} if answer == STAY_SILENT else {})
        outcome = await _outcome(settings)
    assert isinstance(outcome, NotSent), outcome
    assert server.began == 0


@pytest.mark.parametrize(
    ("command", "answer", "is_address_fault"),
    [
        ("MAIL", "550 5.7.1 sender refused", False),
        ("MAIL", "552 5.3.4 too big", False),
        ("RCPT", "550 5.1.1 no such user", True),
        ("RCPT", "550 no such user", True),
        ("RCPT", "551 not here", True),
        ("RCPT", "553 bad name", True),
        ("RCPT", "554 5.1.2 no such domain", True),
        ("RCPT", "556 5.1.10 accepts no mail", True),
        ("RCPT", "550 5.2.1 mailbox disabled", True),
        ("RCPT", "550 5.1.8 bad sender", False),
        ("RCPT", "550 5.7.1 relaying denied", False),
        ("RCPT", "552 5.2.2 mailbox full", False),
        ("RCPT", "554 transaction failed", False),
        ("DATA", "554 5.6.0 no valid recipients", False),
        ("letter", "554 5.7.1 looks like spam", False),
        ("letter", "550 5.1.1 no such user after all", True),
        ("letter", "552 5.3.4 too big", False),
    ],
)
async def test_a_letter_refused_for_good_says_whether_the_address_is_the_cause(
    command: str, answer: str, is_address_fault: bool
):
    async with a_mail_server(**{command: answer}) as server:
        outcome = await _outcome(server.settings)
    assert isinstance(outcome, Refused), outcome
    assert outcome.is_address_fault is is_address_fault
    assert answer in outcome.words
    assert server.taken == []


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("greeting", "554 5.7.1 your address is blocked"),
        ("MAIL", "530 5.7.0 log in first"),
        ("RCPT", "530 5.7.0 log in first"),
    ],
)
async def test_a_server_that_turns_us_away_refuses_no_letter(command: str, answer: str):
    async with a_mail_server(**{command: answer}) as server:
        outcome = await _outcome(server.settings)
    assert isinstance(outcome, NotSent), outcome
    assert "check its settings" in outcome.words


@pytest.mark.parametrize("answer", [HANG_UP, STAY_SILENT, "no answer that RFC 5321 knows", "199 what?", "354 again?"])
async def test_promise_1_once_the_letter_is_under_way_silence_is_doubt(answer: str):
    async with a_mail_server(letter=answer) as server:
        settings = server.settings.model_copy(update={"answer_seconds": 0.3} if answer == STAY_SILENT else {})
        outcome = await _outcome(settings)
    assert isinstance(outcome, InDoubt), outcome
    assert server.began == 1


async def test_a_letter_put_off_after_its_last_line_did_not_leave():
    async with a_mail_server(letter="451 4.3.0 disk full, try again") as server:
        outcome = await _outcome(server.settings)
    assert isinstance(outcome, NotSent), outcome
    assert server.began == 1
    assert server.taken == []


@pytest.mark.parametrize("goodbye", [HANG_UP, "500 what?", "421 bye"])
async def test_a_connection_lost_after_the_server_took_the_letter_changes_nothing(goodbye: str):
    async with a_mail_server(QUIT=goodbye) as server:
        outcome = await _outcome(server.settings)
    assert isinstance(outcome, Delivered), outcome
    assert len(server.taken) == 1


async def test_no_server_at_all_is_not_sent():
    async with a_mail_server() as server:
        pass
    outcome = await _outcome(server.settings)
    assert isinstance(outcome, NotSent)
    assert str(server.settings.port) in outcome.words


async def test_the_whole_conversation_has_a_limit_too():
    async with a_mail_server(letter=STAY_SILENT) as server:
        outcome = await _outcome(server.settings.model_copy(update={"letter_seconds": 0.3}))
    assert isinstance(outcome, InDoubt)


async def test_a_send_that_is_cancelled_stays_cancelled():
    async with a_mail_server(letter=STAY_SILENT) as server:
        sending = asyncio.create_task(SmtpChannel(server.settings).send(a_letter()))
        await server.has_a_letter.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_letter_travels_encrypted_and_after_a_login(tls: str):
    async with a_mail_server(tls=tls, password="open sesame") as server:
        channel = SmtpChannel(server.settings)
        await channel.send(a_letter())
        await channel.send(a_letter(key="another"))
    assert len(server.taken) == 2
    assert set(server.logins) == {"baton"}


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_certificate_that_nobody_vouches_for_stops_the_letter(tls: str):
    async with a_mail_server(tls=tls) as server:
        outcome = await _outcome(server.settings.model_copy(update={"ca_file": None}))
    assert isinstance(outcome, NotSent)
    assert server.began == 0
    assert "certificate" in outcome.words.lower()


async def test_a_server_without_the_encryption_that_was_asked_for_gets_nothing():
    async with a_mail_server() as server:
        outcome = await _outcome(server.settings.model_copy(update={"tls": "starttls", "ca_file": CERTIFICATE}))
    assert isinstance(outcome, NotSent)
    assert server.began == 0


async def test_a_wrong_password_is_a_fault_of_the_set_up_and_is_never_told():
    async with a_mail_server(tls="starttls", password="open sesame") as server:
        wrong = SmtpSettings.model_validate({**server.settings.model_dump(), "password": "s3cret-but-wrong"})
        outcome = await _outcome(wrong)
    assert isinstance(outcome, NotSent)
    assert "535" in outcome.words
    assert "s3cret" not in f"{outcome.words} {wrong!r}"


def test_a_password_is_never_sent_in_the_clear():
    with pytest.raises(ValidationError, match="starttls or implicit"):
        SmtpSettings(host="mail.example.com", port=25, tls="none", username="baton")
    assert SmtpSettings(host="127.0.0.1", port=25, tls="none", username="baton").username == "baton"


@pytest.mark.parametrize(
    "to",
    ["", "nobody", "a@", "@b.example", "a b@c.example", "a@b..example", "a@b\r\nRCPT TO:<x@y.example>", "a@-x.example"],
)
async def test_an_address_that_cannot_be_one_is_refused_before_anything_leaves(to: str):
    async with a_mail_server() as server:
        outcome = await _outcome(server.settings, to=to)
    assert isinstance(outcome, Refused)
    assert outcome.is_address_fault
    assert server.began == 0


async def test_an_address_with_other_letters_goes_to_a_server_that_takes_them():
    async with a_mail_server() as server:
        delivered = await _outcome(server.settings, to="jürgen@bücher.example")
    assert isinstance(delivered, Delivered)
    assert server.taken[0].rcpt_tos == ["jürgen@xn--bcher-kva.example"]
    async with a_mail_server(utf8="no") as server:
        outcome = await _outcome(server.settings, to="jürgen@bücher.example")
        domain_only = await _outcome(server.settings, to="juergen@bücher.example")
    assert isinstance(outcome, Refused)
    assert outcome.is_address_fault
    assert isinstance(domain_only, Delivered)


async def test_a_fault_of_our_own_address_is_no_fault_of_the_customer_s():
    async with a_mail_server() as server:
        outcome = await _outcome(server.settings, sender="nobody")
    assert isinstance(outcome, NotSent)


async def test_asked_twice_the_server_gets_the_very_same_mail_so_the_channel_says_it_is_not_idempotent():
    async with a_mail_server() as server:
        channel = SmtpChannel(server.settings)
        await asyncio.gather(channel.send(a_letter()), channel.send(a_letter()))
        await channel.close()
    first, second = server.contents
    assert first == second
    assert re.search(rb"^Message-ID: <[0-9a-f]{32}@replies\.example\.com>\r$", first, re.MULTILINE)
    assert not channel.is_idempotent
