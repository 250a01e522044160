"""How Baton is: alive, ready, and how much of everything there is."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from api.access import EVERYBODY, needs
from api.bodies import StrictRoute
from api.errors import problems
from api.feeds import FeedView
from api.refusals import NobodyAtWork
from api.services import Use
from api.values import Answered
from receivables.invoice import Stage
from store import feeds, policies
from store.overview import overview

router = APIRouter(tags=["status"], route_class=StrictRoute)


class Health(Answered):
    status: Literal["ok"]


class Status(Answered):
    as_of: datetime
    engine: Literal["answers", "away"]
    policy_version: str | None
    feeds: list[FeedView] = Field(description="The stalest first.")
    invoices: dict[Stage, int] = Field(description="How many stand at each stage.")
    open_cases: int
    late_cases: int = Field(description="Open cases past their deadline.")
    in_doubt: int = Field(description="Messages that a person must settle.")
    untold: int = Field(description="Workflows not yet told of a stored fact; the reconciler tells them.")
    untold_since: datetime | None
    unread_replies: int


@router.get("/healthz", operation_id="is_alive", summary="Is the process alive", response_model=Health)
async def is_alive() -> Health:
    """Needs no key, and asks nobody."""
    return Health(status="ok")


@router.get(
    "/readyz",
    operation_id="is_ready",
    summary="Can it take facts: does the store answer",
    response_model=Health,
    responses={503: problems()[503]},
)
async def is_ready(use: Use) -> Health:
    """Needs no key. The engine may be away: facts are taken all the same."""
    async with use.database.reading() as connection:
        if await policies.current(connection) is None:
            raise NobodyAtWork("No policy is active yet: `baton policy activate FILE`.", kind="no_policy")
    return Health(status="ok")


@router.get(
    "/v1/status",
    operation_id="read_status",
    summary="How much of everything there is",
    response_model=Status,
    responses=problems(),
    dependencies=[Depends(needs(*EVERYBODY))],
)
async def read_status(use: Use) -> Status:
    as_of = use.clock()
    async with use.database.reading() as connection:
        counts = await overview(connection, as_of=as_of)
        current = await policies.current(connection)
        known = await feeds.list_feeds(connection)
    return Status(
        as_of=as_of,
        engine="answers" if await use.desk.is_there() else "away",
        policy_version=current.version if current is not None else None,
        feeds=[FeedView.model_validate(feed.model_dump()) for feed in known],
        **counts.model_dump(),
    )
