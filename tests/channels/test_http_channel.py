"""The HTTP provider: what each answer says of a letter, on a scripted transport and against a real loopback server."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from writing import a_letter

from channels.channel import Delivered, InDoubt, NotSent, Refused, SendFailed
from channels.http_provider import HttpChannel, header_of
from receivables.messages import Letter

URL = "https://api.mail.example/v1/messages"


def _channel(answer: Callable[[httpx.Request], httpx.Response]) -> HttpChannel:
    # follow_redirects is the client's wish; the channel must not heed it.
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer), follow_redirects=True)
    return HttpChannel(url=URL, token="t0ken", client=client)


async def _outcome(channel: HttpChannel, letter: Letter | None = None) -> Delivered | SendFailed:
    try:
        return await channel.send(letter or a_letter())
    except SendFailed as failed:
        return failed
    finally:
        await channel.close()


async def test_a_letter_goes_as_json_under_its_key():
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(202, json={"id": "msg_4711"})

    assert await _outcome(_channel(answer)) == Delivered(reference="msg_4711")
    [request] = seen
    assert request.method == "POST"
    assert request.headers["Idempotency-Key"] == "C-1:level-1:2024-03-06"
    assert request.headers["Authorization"] == "Bearer t0ken"
    body = json.loads(request.content)
    assert body["to"] == "anna@acme.example"
    assert body["reply_to"] == "reply+token-of-c1@replies.example.com"
    assert body["headers"]["Auto-Submitted"] == "auto-generated"
    assert body["message_id"] == a_letter().message_id


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, '{"id": 17}', Delivered),
        (201, "not json", Delivered),
        (204, "", Delivered),
        (301, "", NotSent),
        (307, "", NotSent),
        (400, "{}", Refused),
        (401, "{}", NotSent),
        (403, "{}", NotSent),
        (404, "", NotSent),
        (408, "", NotSent),
        (409, "", InDoubt),
        (410, "", Refused),
        (413, "", Refused),
        (422, '{"code": "bad_html"}', Refused),
        (425, "", NotSent),
        (429, "", NotSent),
        (500, "", InDoubt),
        (502, "", InDoubt),
        (503, "", NotSent),
        (504, "", InDoubt),
    ],
)
async def test_promise_1_each_answer_says_what_is_surely_true_of_the_letter(
    status: int, body: str, expected: type[Delivered | SendFailed]
):
    calls = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        return httpx.Response(status, text=body, headers={"Location": "https://elsewhere.example/"})

    outcome = await _outcome(_channel(answer))
    assert isinstance(outcome, expected), outcome
    assert calls == 1, "never repeated, never redirected"
    if isinstance(outcome, SendFailed):
        assert str(status) in outcome.words
        assert "t0ken" not in outcome.words


@pytest.mark.parametrize(
    ("body", "is_address_fault"),
    [
        ({"code": "invalid_recipient", "message": "no such mailbox"}, True),
        ({"error": {"code": "bounced"}}, True),
        ({"code": "template_missing"}, False),
        (["invalid_recipient"], False),
        ({"code": ["invalid_recipient"]}, False),
    ],
)
async def test_a_422_says_whether_the_address_is_the_cause(body: object, is_address_fault: bool):
    outcome = await _outcome(_channel(lambda _: httpx.Response(422, json=body)))
    assert isinstance(outcome, Refused)
    assert outcome.is_address_fault is is_address_fault


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (httpx.ConnectError("refused"), NotSent),
        (httpx.ConnectTimeout(""), NotSent),
        (httpx.PoolTimeout(""), NotSent),
        (httpx.ReadTimeout(""), InDoubt),
        (httpx.ReadError("reset"), InDoubt),
        (httpx.WriteError("reset"), InDoubt),
        (httpx.WriteTimeout(""), InDoubt),
        (httpx.RemoteProtocolError("closed without an answer"), InDoubt),
    ],
)
async def test_a_lost_connection_is_doubt_once_the_letter_may_have_left(
    fault: httpx.TransportError, expected: type[SendFailed]
):
    def answer(request: httpx.Request) -> httpx.Response:
        raise fault

    outcome = await _outcome(_channel(answer))
    assert type(outcome) is expected
    assert isinstance(outcome, SendFailed)
    assert outcome.words


async def test_an_endless_answer_is_not_read_to_its_end():
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 4096

    outcome = await _outcome(_channel(lambda _: httpx.Response(200, content=endless())))
    assert isinstance(outcome, Delivered)


async def test_an_address_that_cannot_be_one_is_refused_without_asking():
    outcome = await _outcome(_channel(lambda _: pytest.fail("asked")), a_letter(to="nobody"))
    assert isinstance(outcome, Refused)
    assert outcome.is_address_fault


def test_a_wrong_address_or_token_of_the_provider_is_refused_at_once():
    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200)))
    with pytest.raises(ValueError, match="not an http or https address"):
        HttpChannel(url="ftp://mail.example", token="t", client=client)
    with pytest.raises(ValueError, match="a header cannot carry"):
        HttpChannel(url=URL, token="t\r\nX-Evil: 1", client=client)


@given(first=st.text(min_size=1, max_size=250), second=st.text(min_size=1, max_size=250))
def test_any_key_fits_a_header_and_two_keys_never_share_one(first: str, second: str):
    assert header_of(first).isascii()
    assert header_of(first).isprintable()
    assert " " not in header_of(first)
    assert len(header_of(first)) <= 255
    assert (header_of(first) == header_of(second)) == (first == second)


class _Provider:
    """A provider that keeps its word: a key that it knows is answered as before. `answers`: what it does, in turn."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.mails: dict[str, str] = {}
        self.requests = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        await reader.readexactly(int(headers["content-length"]))
        self.requests += 1
        answer = self.answers.pop(0) if self.answers else "take it"
        reference = self.mails.setdefault(headers["idempotency-key"], f"msg_{len(self.mails) + 1}")
        if answer == "stay silent":
            await reader.read()
        elif answer == "take it":
            body = json.dumps({"id": reference}).encode()
            writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        elif answer == "cut the answer short":
            writer.write(b'HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n{"id": ')
        writer.close()


@asynccontextmanager
async def a_provider(*answers: str) -> AsyncIterator[_Provider]:
    provider = _Provider(*answers)
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    provider.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/messages"
    async with server:
        yield provider


@pytest.mark.parametrize("answer", ["stay silent", "hang up"])
async def test_promise_1_a_letter_in_doubt_is_sent_again_under_its_key_and_arrives_once(answer: str):
    async with a_provider(answer) as provider, httpx.AsyncClient() as client:
        channel = HttpChannel(url=provider.url, token="t0ken", client=client, timeout_seconds=0.3)
        with pytest.raises(InDoubt):
            await channel.send(a_letter())
        assert channel.is_idempotent
        assert await channel.send(a_letter()) == Delivered(reference="msg_1")
    assert provider.requests == 2
    assert len(provider.mails) == 1


async def test_an_answer_whose_words_were_lost_is_still_an_answer():
    async with a_provider("cut the answer short") as provider, httpx.AsyncClient() as client:
        delivered = await HttpChannel(url=provider.url, token="t0ken", client=client).send(a_letter())
    assert delivered.reference == a_letter().message_id


async def test_no_provider_at_all_is_not_sent():
    async with a_provider() as provider:
        pass
    async with httpx.AsyncClient() as client:
        with pytest.raises(NotSent, match="could not be reached"):
            await HttpChannel(url=provider.url, token="t0ken", client=client).send(a_letter())
