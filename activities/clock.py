"""The engine's clock is the only clock: real in production, virtual in rehearsals and tests."""

import time
from datetime import datetime, timedelta

from temporalio import activity


def engine_now() -> datetime:
    """When this attempt of a (not local) activity started, by the engine's clock (UTC).

    A local activity has no such time; it takes `as_of` from its workflow instead.
    """
    return activity.info().started_time


class AttemptClock:
    """The engine's time as an attempt goes on: when it started, and what has passed here since."""

    def __init__(self) -> None:
        self._started_at = engine_now()
        self._began = time.monotonic()

    def now(self) -> datetime:
        return self._started_at + timedelta(seconds=time.monotonic() - self._began)
