"""How patient each kind of activity is."""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy


class ActivityOptions(TypedDict):
    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy


class LocalActivityOptions(TypedDict):
    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy
    local_retry_threshold: timedelta


ASKING: LocalActivityOptions = {
    # A read and one small write. While the store is away it is asked again, for as long as it takes.
    "start_to_close_timeout": timedelta(seconds=30),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1)),
    "local_retry_threshold": timedelta(seconds=5),
}

BOOKING: ActivityOptions = {
    # A transaction in our own store.
    "start_to_close_timeout": timedelta(seconds=30),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1)),
}


class SendingOptions(ActivityOptions):
    heartbeat_timeout: timedelta


SENDING: SendingOptions = {
    # The mail server may be away for days: each attempt judges again. A dead worker is noticed by its heartbeat.
    "start_to_close_timeout": timedelta(minutes=5),
    "heartbeat_timeout": timedelta(seconds=10),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=5), maximum_interval=timedelta(minutes=15)),
}

CONTINUE_AS_NEW_AFTER_EVENTS = 300
"""A run that long is still woken in a few tens of milliseconds; beyond it, replay begins to cost."""
