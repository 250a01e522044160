"""The case file: all that an invoice's workflow knows, one serialisable value that travels through continue-as-new."""

from __future__ import annotations

from datetime import date, datetime

from receivables.frozen import Payload
from receivables.invoice import Stage
from receivables.money import Money
from receivables.steps import NextStep

MOST_NEWS_REMEMBERED = 500
MOST_TIMELINE_LINES = 40


class News(Payload):
    """A fact that the workflow is told of: ids and a kind travel, words stay in the store."""

    fact_id: str
    words: str
    """What an operator reads: "payment P-17", "reply R-3". Never what the customer wrote."""
    reply_id: str | None = None
    """The reply to take in, where the news is one."""


class TimelineLine(Payload):
    at: datetime
    words: str


class CaseFile(Payload):
    """What the run carries. Changes are new values."""

    invoice_id: str
    customer_id: str
    headline: str
    """The one-line summary: "INV-1042 · Acme GmbH · EUR 1,200.00 due 1 Dec"."""
    stage: Stage = Stage.NOT_DUE
    segment: str = ""
    open_balance: Money | None = None
    due_on: date | None = None
    step: NextStep | None = None
    taken_in: tuple[str, ...] = ()
    """Ids of facts already taken in, the last ones."""
    waiting_news: tuple[News, ...] = ()
    """News that arrived and was not taken in before the run continued as new."""
    timeline: tuple[TimelineLine, ...] = ()
    escalations: int = 0
    """How many escalations this invoice has had: the next child's number is one more."""
    turns: int = 0

    def knows(self, news: News) -> bool:
        return news.fact_id in self.taken_in

    def with_news(self, news: News, *, at: datetime) -> CaseFile:
        """News folded in, once."""
        if self.knows(news):
            return self
        return self.with_line(news.words, at=at).model_copy(
            update={"taken_in": (*self.taken_in, news.fact_id)[-MOST_NEWS_REMEMBERED:]}
        )

    def with_line(self, words: str, *, at: datetime) -> CaseFile:
        return self.model_copy(
            update={"timeline": (*self.timeline, TimelineLine(at=at, words=words))[-MOST_TIMELINE_LINES:]}
        )
