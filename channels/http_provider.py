"""Letters by the HTTP API of a mail provider: one JSON POST a letter, under the letter's key.

The provider must honour `Idempotency-Key`: the same key again answers as the first time and sends nothing twice. That
is what lets a letter in doubt be sent again; see `HttpChannel.is_idempotent`.
"""

import asyncio
import json
from urllib.parse import quote

import httpx

from channels.addresses import UnusableAddress, usable_address
from channels.channel import Delivered, InDoubt, NotSent, Refused
from channels.clean_text import one_line
from channels.mime import digest_of
from receivables.messages import ChannelName, Letter

_MOST_OF_AN_ANSWER = 64 * 1024
_LONGEST_KEY = 255
_ADDRESS_FAULTS = frozenset({"invalid_recipient", "bounced"})
_SURELY_NOT_TAKEN = frozenset({408, 425, 429, 501, 503, 505})
"""Not received whole, too early, too many, not now: the provider did not begin with it. It may be tried again."""
_OUR_SETUP = frozenset({401, 403, 404, 405, 407, 415})
"""They refuse us (token, address of the API), not this letter."""


class HttpChannel:
    """Sends through an `httpx.AsyncClient` that is passed in. Redirects are never followed."""

    name = ChannelName.EMAIL
    is_idempotent = True

    def __init__(self, *, url: str, token: str, client: httpx.AsyncClient, timeout_seconds: float = 20.0) -> None:
        """`timeout_seconds`: for each of connecting, sending and answering; twice that for all together."""
        parsed = httpx.URL(url)
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ValueError(f"the mail provider's address {url!r} is not an http or https address")
        if not token.isascii() or not token.isprintable() or not token:
            raise ValueError("the mail provider's token has characters that a header cannot carry")
        self._url = parsed
        self._token = token
        self._client = client
        self._timeout_seconds = timeout_seconds

    async def send(self, letter: Letter) -> Delivered:
        try:
            recipient = usable_address(letter.to)
        except UnusableAddress as fault:
            raise Refused(str(fault), is_address_fault=True) from fault
        status: int | None = None
        content = b""
        try:
            async with (
                asyncio.timeout(2 * self._timeout_seconds),
                self._client.stream(
                    "POST",
                    self._url,
                    content=json.dumps(_body(letter, recipient=recipient)).encode(),
                    headers={
                        "Authorization": f"Bearer {self._token}",
                        "Content-Type": "application/json",
                        "Accept": "application/json",
                        "Accept-Encoding": "identity",
                        "Idempotency-Key": header_of(letter.key),
                    },
                    timeout=self._timeout_seconds,
                    follow_redirects=False,
                ) as response,
            ):
                status = response.status_code
                async for chunk in response.aiter_bytes():
                    content += chunk[: _MOST_OF_AN_ANSWER - len(content)]
                    if len(content) >= _MOST_OF_AN_ANSWER:
                        break
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.ProxyError,
            httpx.UnsupportedProtocol,
            httpx.LocalProtocolError,
        ) as fault:
            raise NotSent(f"the mail provider could not be reached: {_said(fault)}") from fault
        except (httpx.HTTPError, TimeoutError) as fault:
            # With a status in hand the answer is known; only its words were lost.
            if status is None:
                raise InDoubt(f"the mail provider did not answer: {_said(fault)}") from fault
        return _judged(status, content, letter=letter)

    async def close(self) -> None:
        await self._client.aclose()


def header_of(key: str) -> str:
    """The key as a header can carry it: the key itself where it is plain ASCII, else percent-encoded, else a digest."""
    encoded = quote(key, safe="!#$&'()*+,-./:;<=>?@[]^_`{|}~")
    return encoded if len(encoded) <= _LONGEST_KEY else digest_of(key)


def _body(letter: Letter, *, recipient: str) -> dict[str, object]:
    return {
        "message_id": letter.message_id,
        "from": letter.sender,
        "to": recipient,
        "reply_to": letter.reply_to,
        "subject": one_line(letter.subject),
        "text": letter.text,
        "html": letter.html,
        "language": letter.language,
        "headers": {name: one_line(value) for name, value in letter.headers},
    }


def _judged(status: int, content: bytes, *, letter: Letter) -> Delivered:
    answer = _answer(content)
    words = one_line(f"the mail provider answered {status} {answer.get('code', '')} {answer.get('message', '')}")
    if 200 <= status < 300:
        return Delivered(reference=answer.get("id") or letter.message_id)
    if 300 <= status < 400:
        raise NotSent(f"{words}: redirects are not followed; set the provider's final address")
    if status in _SURELY_NOT_TAKEN:
        raise NotSent(words)
    if status in _OUR_SETUP:
        raise NotSent(f"{words}; check the provider's address and token")
    if status == 409:
        raise InDoubt(f"{words}: it is still at work on this letter")
    if 400 <= status < 500:
        raise Refused(words, is_address_fault=status == 422 and answer.get("code") in _ADDRESS_FAULTS)
    raise InDoubt(f"{words}; it may have taken the letter")


def _answer(content: bytes) -> dict[str, str]:
    """`id`, `code` and `message` of an answer, at its top or under `error`; empty where it is not JSON."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(body, dict):
        return {}
    inner = body.get("error")
    fields = {**body, **inner} if isinstance(inner, dict) else body
    named = {name: fields.get(name) for name in ("id", "code", "message")}
    return {name: one_line(str(value)) for name, value in named.items() if isinstance(value, str | int)}


def _said(fault: Exception) -> str:
    return one_line(str(fault)) or type(fault).__name__
