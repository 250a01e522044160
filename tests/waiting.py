"""The one place where tests wait: for a condition, never for a time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any


async def until(condition: Callable[[], Any | Awaitable[Any]], *, seconds: float = 15, what: str = "") -> Any:
    """Asks `condition` (a plain or an async function) until it gives something true, which is returned."""
    give_up_at = time.monotonic() + seconds
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() > give_up_at:
            raise AssertionError(
                f"waited {seconds:g} s in vain for {what or getattr(condition, '__name__', condition)}"
            )
        await asyncio.sleep(0.02)
