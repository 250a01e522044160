"""The engine's clock is the only clock: real in production, virtual in rehearsals and tests."""

from datetime import datetime

from temporalio import activity


def engine_now() -> datetime:
    """When this attempt of a (not local) activity started, by the engine's clock (UTC).

    A local activity has no such time; it takes `as_of` from its workflow instead.
    """
    return activity.info().started_time
