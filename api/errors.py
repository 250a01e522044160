"""Problem documents (RFC 9457). The only file that knows which refusal is which HTTP status."""

import http
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from activities.rulebook import NoPolicy
from activities.telling import EngineAway
from api.refusals import (
    BadKey,
    BadRequest,
    Fault,
    MayNot,
    NobodyAtWork,
    NotFound,
    Refusal,
    RefusedByRule,
    TakenAlready,
    TooLarge,
)
from channels.template_files import BadTemplate
from policy.reading_policy import BadPolicy
from receivables.ledger import AllocatedTooMuch, NotAllOfOneCurrency
from receivables.money import BadAmount, CurrencyMismatch, UnknownCurrency
from store.booking import DocumentConflict, NotAPositiveAmount
from store.cases import CaseNotOpen, NoSuchCase
from store.customers import UnknownCustomer
from store.database import StoreAway
from store.decisions import DecisionIdTaken
from store.facts import FactConflict
from store.holds import NoSuchHold
from store.invoices import InvoiceExists, NothingBilled, UnknownInvoice
from store.ledger import NothingToWriteOff
from store.messages import NoSuchMessage, WrongMessageState
from store.paging import BadCursor
from store.shares import NothingToReverse, ReversedTooMuch
from store.unapplied import PlacedTooMuch

log = logging.getLogger("baton.api")

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2

STATUSES: dict[type[Exception], tuple[int, str]] = {
    # Ours: what was asked cannot be done, and says its own type.
    BadRequest: (400, "bad_request"),
    BadKey: (401, "key_needed"),
    MayNot: (403, "not_allowed"),
    NotFound: (404, "not_found"),
    TakenAlready: (409, "conflict"),
    TooLarge: (413, "too_large"),
    RefusedByRule: (422, "refused"),
    NobodyAtWork: (503, "nobody_at_work"),
    # What the layers below refuse.
    BadCursor: (400, "bad_cursor"),
    NoSuchCase: (404, "not_found"),
    NoSuchHold: (404, "not_found"),
    NoSuchMessage: (404, "not_found"),
    FactConflict: (409, "same_id_other_content"),
    DocumentConflict: (409, "same_id_other_content"),
    InvoiceExists: (409, "same_id_other_content"),
    DecisionIdTaken: (409, "same_id_other_content"),
    CaseNotOpen: (409, "case_closed"),
    WrongMessageState: (409, "settled_already"),
    NoPolicy: (409, "no_policy"),
    UnknownCurrency: (422, "unknown_currency"),
    BadAmount: (422, "bad_amount"),
    CurrencyMismatch: (422, "other_currency"),
    NotAllOfOneCurrency: (422, "other_currency"),
    AllocatedTooMuch: (422, "allocated_too_much"),
    UnknownCustomer: (422, "unknown_customer"),
    UnknownInvoice: (422, "unknown_invoice"),
    NothingBilled: (422, "nothing_billed"),
    NotAPositiveAmount: (422, "bad_amount"),
    NothingToReverse: (422, "nothing_to_reverse"),
    ReversedTooMuch: (422, "reversed_too_much"),
    PlacedTooMuch: (422, "placed_too_much"),
    BadPolicy: (422, "bad_policy"),
    BadTemplate: (422, "bad_template"),
    NothingToWriteOff: (422, "nothing_to_write_off"),
    StoreAway: (503, "store_away"),
    EngineAway: (503, "engine_away"),
}
"""A subclass counts as its nearest parent in this table."""

TITLES = {
    400: "The request cannot be read",
    401: "A valid key is needed",
    403: "This key may not do that",
    404: "Not found",
    405: "No such method here",
    409: "It contradicts what is known",
    413: "The request is too large",
    415: "JSON is needed",
    422: "Refused",
    500: "A fault of ours",
    503: "Not now",
}

DESCRIPTIONS = {
    400: "Malformed: no JSON (NaN and Infinity are none), or a bad cursor.",
    401: "No key, an unknown one, or a revoked one.",
    403: "The key's role may not do that, or the case is with somebody else (`wrong_agent`).",
    404: "Nothing has this id.",
    409: "The id stands for other content already, or the state of things does not allow it any more.",
    413: "The body is larger than 2 MB.",
    422: "Refused by a rule, or not valid; `faults` names each place.",
    503: "Store or engine do not answer. Ask again after `Retry-After` seconds: asking twice is harmless.",
}


class FaultDocument(BaseModel):
    """One thing that is wrong, and where."""

    place: str = Field(description="Where: body.amount.currency, query.limit, or a row and column of a file.")
    words: str = Field(description="What was expected.")


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(description="A stable name to branch on.", examples=["same_id_other_content"])
    title: str = Field(description="The same for all problems of this status.")
    status: int
    detail: str = Field(description="What is wrong here, and what to do.")
    instance: str = Field(description="The path that was asked.")
    faults: list[FaultDocument] = Field(default=[], description="Each fault with its place, where there are several.")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route in the OpenAPI description: these, and what every route may answer."""
    return {
        status: {
            "description": DESCRIPTIONS[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            **(
                {"headers": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}}
                if status == 503
                else {}
            ),
        }
        for status in sorted({*statuses, 401, 403, 422, 503})
    }


def problem(
    request: Request,
    status: int,
    *,
    kind: str,
    detail: str,
    faults: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    content: dict[str, Any] = {
        "type": kind,
        "title": TITLES.get(status, http.HTTPStatus(status).phrase),
        "status": status,
        "detail": detail,
        "instance": request.scope["path"],
    }
    if faults:
        content["faults"] = [{"place": fault.place, "words": fault.words} for fault in faults]
    return JSONResponse(content, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def install(app: FastAPI) -> None:
    """Every refusal becomes a problem document."""
    for known in STATUSES:
        app.add_exception_handler(known, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _bug)


async def _refused(request: Request, fault: Exception) -> JSONResponse:
    status, kind = next(STATUSES[ancestor] for ancestor in type(fault).__mro__ if ancestor in STATUSES)
    headers: dict[str, str] = {}
    if status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        log.warning("%s %s: %s", request.method, request.scope["path"], fault)
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="baton"'
    faults: Sequence[Fault] = ()
    detail = str(fault)
    if isinstance(fault, Refusal):
        kind, faults = fault.kind or kind, fault.faults
    elif isinstance(fault, StoreAway):
        detail = "The store does not answer. Nothing was stored; ask again."  # the driver's words name our inside
    elif isinstance(fault, BadPolicy):
        detail = "The policy has faults; each is listed with its place."
        faults = [
            Fault(place=f"line {found.line}: {found.place}" if found.line else found.place, words=found.words)
            for found in fault.faults
        ]
    elif isinstance(fault, BadTemplate):
        detail = "The policy names templates that cannot be used."
        faults = [Fault(place="templates", words=words) for words in fault.faults]
    return problem(request, status, kind=kind, detail=detail, faults=faults, headers=headers)


async def _not_valid(request: Request, fault: Exception) -> JSONResponse:
    assert isinstance(fault, RequestValidationError)
    errors = fault.errors()
    unreadable = next((error for error in errors if error["type"] == "json_invalid"), None)
    if unreadable is not None:
        return problem(
            request, 400, kind="not_json", detail=f"The body is not JSON: {unreadable.get('ctx', {}).get('error', '')}"
        )
    return problem(
        request,
        422,
        kind="not_valid",
        detail="The request is not valid; each fault is listed with its place.",
        faults=_faults_of(errors),
    )


async def _http(request: Request, fault: Exception) -> JSONResponse:
    assert isinstance(fault, HTTPException)
    kind = {400: "not_json", 404: "not_found", 405: "no_such_method", 413: "too_large", 415: "not_json"}.get(
        fault.status_code, "refused"
    )
    detail = str(fault.detail)
    if fault.status_code == 404:
        detail = "There is nothing at this path; /docs lists what there is."
    if fault.status_code == 400:
        detail = "The body cannot be read as JSON."
    return problem(request, fault.status_code, kind=kind, detail=detail, headers=fault.headers)


async def _bug(request: Request, fault: Exception) -> JSONResponse:
    """Starlette raises it again after the answer, so that the server logs it with its trace."""
    log.error("%s %s: %s", request.method, request.scope["path"], type(fault).__name__)
    return problem(
        request, 500, kind="bug", detail="This is a fault of ours; the log has it. Asking again is harmless."
    )


def _faults_of(errors: Sequence[Any]) -> list[Fault]:
    return [
        Fault(
            place=".".join(str(part) for part in error["loc"]) or "body",
            words=str(error["msg"]).removeprefix("Value error, "),
        )
        for error in errors[:100]
    ]
