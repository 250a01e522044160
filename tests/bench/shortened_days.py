"""Days made short: a clock for the bench, put between the engine and our activities.

The engine's own timers run in real time. What an activity is told of the time (the `as_of` that its workflow passes,
the moment at which it started) becomes a moment of a faster calendar on its way in; the moments of the step that policy
answers with become real ones on their way out. So the real worker, activities, policy and store live weeks in seconds,
and nothing of ours is changed for it. The workflows are not touched: they sleep until the real moments they are given.
"""

import dataclasses
import math
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from activities.payloads import AskRequest, Turn
from receivables.steps import Close, Contact, Escalate, NextStep, Wait


@dataclasses.dataclass(frozen=True)
class ShortDays:
    """From `begun_at` on, a day of the calendar takes `day` of real time."""

    begun_at: datetime
    day: timedelta

    def calendar(self, real: datetime) -> datetime:
        return self.begun_at + (real - self.begun_at) * (timedelta(days=1) / self.day)

    def real(self, calendar: datetime) -> datetime:
        """Never earlier than it ought to be: a step that is carried out too early is not due yet."""
        seconds = (calendar - self.begun_at).total_seconds() * (self.day / timedelta(days=1))
        return self.begun_at + timedelta(milliseconds=math.ceil(seconds * 1000))

    def now(self) -> datetime:
        return self.calendar(datetime.now(UTC))

    def step(self, step: NextStep) -> NextStep:
        match step:
            case Contact():
                return step.model_copy(update={"at": self.real(step.at)})
            case Wait():
                return step.model_copy(update={"look_again_at": self.real(step.look_again_at)})
            case Escalate():
                return step.model_copy(update={"deadline_at": self.real(step.deadline_at)})
            case Close():
                return step


class ShortenedDays(ClientInterceptor, Interceptor):
    """Given to the client of a worker, which passes it on to the worker."""

    def __init__(self, days: ShortDays) -> None:
        self._days = days

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002  the SDK's name
        return _Inbound(next, self._days)


class _Inbound(ActivityInboundInterceptor):
    def __init__(self, then: ActivityInboundInterceptor, days: ShortDays) -> None:
        super().__init__(then)
        self._days = days

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        super().init(_Outbound(outbound, self._days))

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002  the SDK's name
        input.args = [self._on_the_calendar(argument) for argument in input.args]
        answer = await super().execute_activity(input)
        return answer.model_copy(update={"step": self._days.step(answer.step)}) if isinstance(answer, Turn) else answer

    def _on_the_calendar(self, argument: object) -> object:
        if not isinstance(argument, AskRequest):
            return argument
        return argument.model_copy(update={"as_of": self._days.calendar(argument.as_of)})


class _Outbound(ActivityOutboundInterceptor):
    def __init__(self, then: ActivityOutboundInterceptor, days: ShortDays) -> None:
        super().__init__(then)
        self._days = days

    def info(self) -> activity.Info:
        info = super().info()
        return dataclasses.replace(info, started_time=self._days.calendar(info.started_time))
