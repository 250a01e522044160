"""The floor: a workflow that waits, asks, acts and is signalled as often as an invoice is, and does nothing.

`shows` False leaves out what an invoice shows to operators at each turn (its search attributes), but for the one at the
last wait by which the bench sees how far it is: the barest floor.
"""

import asyncio
from datetime import datetime, timedelta

from temporalio import activity, workflow
from temporalio.worker import PollerBehaviorAutoscaling, Worker

with workflow.unsafe.imports_passed_through():
    from temporalio.client import Client

    from receivables.frozen import Payload
    from runtime.temporal import sandboxed_runner
    from worker import WorkerOptions
    from workflows import names, options

TASK_QUEUE = "floor"
FAR_AWAY = timedelta(days=3)


class FloorCase(Payload):
    waits: tuple[float, ...]
    """Seconds before each "reminder"."""
    shows: bool = True


class Nothing(Payload):
    number: int = 0


class Idle:
    """As many activities as an invoice's, with empty bodies."""

    @activity.defn
    async def ask_nothing(self, nothing: Nothing) -> Nothing:
        return nothing

    @activity.defn
    async def send_nothing(self, nothing: Nothing) -> Nothing:
        return nothing


@workflow.defn
class FloorWorkflow:
    @workflow.init
    def __init__(self, case: FloorCase) -> None:
        self._case = case
        self._news: list[Nothing] = []

    @workflow.run
    async def run(self, case: FloorCase) -> FloorCase:
        await self._ask(0)
        for number, seconds in enumerate(case.waits):
            if case.shows:
                self._show(workflow.now() + timedelta(seconds=seconds))
            await workflow.sleep(seconds, summary="waits")
            await workflow.execute_activity_method(
                Idle.send_nothing, Nothing(number=number), summary="does nothing", **options.SENDING
            )
        self._show(workflow.now() + FAR_AWAY)
        alarm = asyncio.create_task(workflow.sleep(FAR_AWAY, summary="waits for the signal"))
        await workflow.wait_condition(lambda: bool(self._news) or alarm.done())
        await self._ask(1)
        if case.shows:
            workflow.upsert_search_attributes([names.STAGE.value_set("settled")])
        return case

    @workflow.signal
    def paid(self, nothing: Nothing) -> None:
        self._news.append(nothing)

    async def _ask(self, number: int) -> None:
        await workflow.execute_local_activity_method(
            Idle.ask_nothing, Nothing(number=number), summary="asks nothing", **options.ASKING
        )

    def _show(self, look_at: datetime) -> None:
        workflow.upsert_search_attributes([names.NEXT_LOOK_AT.value_set(look_at)])


def build_floor_worker(client: Client, worker_options: WorkerOptions) -> Worker:
    """With the very settings of ours."""
    idle = Idle()
    return Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[FloorWorkflow],
        activities=[idle.ask_nothing, idle.send_nothing],
        workflow_runner=sandboxed_runner(),
        max_cached_workflows=worker_options.cached_workflows,
        max_concurrent_activities=worker_options.activity_slots,
        max_concurrent_local_activities=worker_options.local_activity_slots,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        graceful_shutdown_timeout=worker_options.graceful_shutdown,
    )
