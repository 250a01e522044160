"""Payment feeds: how fresh the money is. Nobody is chased on stale payment data."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from api.access import EVERYBODY, Caller, Role, needs
from api.bodies import StrictRoute
from api.errors import problems
from api.refusals import RefusedByRule
from api.services import Use
from api.values import Answered, Asked, Instant, OwnId
from receivables.ledger import PaymentFeed
from store import feeds, intake

router = APIRouter(prefix="/v1", tags=["payment feeds"], route_class=StrictRoute)


class FeedReport(Asked):
    complete_until_at: Instant = Field(description="Every payment up to this instant has been reported to us.")


class FeedView(Answered):
    feed_id: str
    complete_until_at: datetime
    told_at: datetime


class FeedList(Answered):
    feeds: list[FeedView] = Field(description="The stalest first.")


@router.put(
    "/feeds/{feed_id}",
    operation_id="report_feed",
    summary="Report how far a payment feed is complete",
    description="A report that lies before what is known changes nothing.",
    response_model=FeedView,
    responses=problems(400, 413),
)
async def report_feed(
    feed_id: OwnId,
    report: FeedReport,
    use: Use,
    caller: Annotated[Caller, Depends(needs(Role.SERVICE, Role.OPERATOR))],
) -> FeedView:
    at = use.clock()
    if report.complete_until_at > at:
        raise RefusedByRule(
            f"complete_until_at {report.complete_until_at:%Y-%m-%dT%H:%M:%SZ} lies ahead; a feed is complete until now "
            f"at the latest.",
            kind="in_the_future",
        )
    async with use.database.writing() as connection:
        await intake.report_feed(
            connection,
            feed=PaymentFeed(feed_id=feed_id, complete_until_at=report.complete_until_at, told_at=at),
            by=caller.name,
            at=at,
        )
        known = {feed.feed_id: feed for feed in await feeds.list_feeds(connection)}
    return FeedView.model_validate(known[feed_id].model_dump())


@router.get(
    "/feeds",
    operation_id="list_feeds",
    summary="List payment feeds",
    response_model=FeedList,
    responses=problems(),
    dependencies=[Depends(needs(*EVERYBODY))],
)
async def list_feeds(use: Use) -> FeedList:
    async with use.database.reading() as connection:
        found = await feeds.list_feeds(connection)
    return FeedList(feeds=[FeedView.model_validate(feed.model_dump()) for feed in found])
