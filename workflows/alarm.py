"""The timer that a run sleeps on."""

import asyncio
from datetime import datetime

from temporalio import workflow


class Alarm:
    """One timer at a time. While its moment stays the same it stays set: news that changes no plan costs no event."""

    def __init__(self) -> None:
        self._moment: datetime | None = None
        self._timer: asyncio.Task[None] | None = None

    def set(self, moment: datetime, *, summary: str) -> None:
        """Ring at this moment, instead of at any earlier set one. `summary` is what the Temporal UI shows."""
        if self._timer is not None and self._moment == moment and not self._timer.done():
            return
        if self._timer is not None:
            self._timer.cancel()
        self._moment = moment
        self._timer = asyncio.create_task(workflow.sleep(moment - workflow.now(), summary=summary))

    @property
    def rings(self) -> bool:
        return self._timer is not None and self._timer.done()
