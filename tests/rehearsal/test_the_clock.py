"""The day loop and the test server's clock: it is patient, and it survives the server's losing count of its locks."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from rehearsal.days import A_MOMENT, Days, Stuck
from rehearsal.feeding import Shift, tell_by_days
from store.database import Database
from tests.rehearsal.small_ledger import small_rows, the_policy

START = datetime(2035, 3, 5, 6, tzinfo=UTC)


class _Clock:
    """What the day loop asks of the test server; a `fault` is how the server answers a sleep."""

    def __init__(self, fault: RPCStatusCode | None = None) -> None:
        self.now = START
        self.fault = fault
        self.asked: list[timedelta] = []
        self._wakes_at: datetime | None = None

    @property
    def test_service(self) -> "_Clock":
        return self

    async def get_current_time(self, _empty: Any) -> Any:
        if self._wakes_at is not None:
            self.now = min(self._wakes_at, self.now + timedelta(hours=9))
        return self

    @property
    def time(self) -> "_Clock":
        return self

    def ToDatetime(self, _zone: Any) -> datetime:  # as protobuf names it
        return self.now

    async def unlock_time_skipping_with_sleep(self, request: Any, *, timeout: timedelta) -> None:  # noqa: ASYNC109  # theirs
        asked = request.duration.ToTimedelta()
        self.asked.append(asked)
        assert timeout > A_MOMENT
        if self.fault is None:
            self.now += asked
        else:
            self._wakes_at = self.now + asked
            raise RPCError("h2 protocol error", self.fault, b"")


def _days(clock: _Clock) -> Days:
    story = tell_by_days(small_rows())
    return Days(cast(Client, clock), cast(Database, None), story, Shift(by=timedelta(0)), the_policy())


async def test_the_clock_is_asked_to_move_only_forward() -> None:
    clock = _Clock()
    days = _days(clock)
    assert await days._sleep_until(START + timedelta(days=1)) == START + timedelta(days=1)
    assert await days._sleep_until(START) == START + timedelta(days=1)
    assert clock.asked == [timedelta(days=1)]


async def test_a_sleep_that_the_server_answers_with_a_fault_is_waited_for() -> None:
    clock = _Clock(RPCStatusCode.INTERNAL)
    assert await _days(clock)._sleep_until(START + timedelta(days=1)) == START + timedelta(days=1)
    assert len(clock.asked) == 1  # asked again, it would lock once too often


async def test_a_run_that_does_not_get_on_says_so() -> None:
    with pytest.raises(Stuck, match="see the log"):
        await _days(_Clock(RPCStatusCode.DEADLINE_EXCEEDED))._sleep_until(START + timedelta(days=1))
    with pytest.raises(RPCError):
        await _days(_Clock(RPCStatusCode.UNAVAILABLE))._sleep_until(START + timedelta(days=1))
