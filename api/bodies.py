"""Request bodies: bounded in size, and JSON in the strict sense."""

import json
from typing import Any, NoReturn

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 2_000_000
TOO_LARGE = f"A body has at most {MOST_BYTES:,} bytes. Send less at once; larger ledgers are read by `baton import`."


class BodyLimit:
    """Refuses bodies that are too large: at once where their length is declared, otherwise as soon as it shows."""

    def __init__(self, app: ASGIApp, *, most: int = MOST_BYTES) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        too_large = declared.isdigit() and int(declared[:20]) > self._most
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            if too_large:
                raise HTTPException(413, TOO_LARGE)
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._most:
                raise HTTPException(413, TOO_LARGE)
            return message

        await self._app(scope, counted, send)


class StrictRequest(Request):
    """Reads JSON as RFC 8259 has it: UTF-8, no NaN, no Infinity, no half of a surrogate pair, no NUL in a text."""

    async def json(self) -> Any:
        if not hasattr(self, "_strict_json"):
            self._strict_json = read_json(await self.body())
        return self._strict_json


class StrictRoute(APIRoute):
    """A route that reads its body with `StrictRequest`."""

    def get_route_handler(self) -> Any:
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return strictly


def read_json(body: bytes) -> Any:
    """Raises json.JSONDecodeError, always."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise json.JSONDecodeError("it is not UTF-8", "", fault.start) from fault
    try:
        value = json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise json.JSONDecodeError("it is nested too deeply", "", 0) from None
    except ValueError as fault:
        raise json.JSONDecodeError(str(fault)[:200], "", 0) from fault
    if "\\u" in text:  # only an escape can bring in what UTF-8 and JSON keep out
        _refuse_broken_text(value)
    return value


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number in JSON")


def _refuse_broken_text(value: Any) -> None:
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                if "\x00" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
                    raise json.JSONDecodeError("a text has a NUL or half of a surrogate pair in it", "", 0)
            case list() as several:
                waiting.extend(several)
            case dict() as fields:
                waiting.extend(fields)
                waiting.extend(fields.values())
            case _:
                pass
