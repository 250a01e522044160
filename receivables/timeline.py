"""The timeline: the readable history of an invoice or a customer, one line for each fact, step and effect."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from receivables.frozen import Frozen

LineKind = Literal["fact", "step", "held_back", "message", "case", "decision", "hold", "alert"]


class Line(Frozen):
    """`words` is what an operator reads, never what the customer wrote; `rule` and `facts` are the why."""

    line_id: int
    """Grows with each line: the place to go on from when reading in pages."""
    natural_key: str
    customer_id: str
    invoice_id: str | None = None
    at: datetime
    kind: LineKind
    words: str
    rule: str = ""
    facts: dict[str, str] = Field(default_factory=dict)
