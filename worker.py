"""The worker process: everything that carries work out, built in one place."""

import asyncio
import logging
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import httpx
from pydantic import ValidationError
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

from activities.composing import Composer
from activities.escalating import Escalating
from activities.judging import Judging
from activities.messaging import Messaging
from activities.rulebook import RuleBook
from activities.taking_in import TakingIn
from activities.telling import Reconciling
from channels.channel import Channel
from channels.http_provider import HttpChannel
from channels.outbox import OutboxChannel
from channels.rendering import Renderer
from channels.smtp import SmtpChannel, SmtpSettings
from receivables.messages import ChannelName
from runtime.settings import BadSetting, SettingFault, Settings
from runtime.temporal import sandboxed_runner
from store.database import Database
from workflows import names
from workflows.escalation import EscalationWorkflow
from workflows.invoice import InvoiceWorkflow
from workflows.reconcile import EVERY, ReconcileWorkflow
from workflows.teller import TemporalTeller

log = logging.getLogger("baton.worker")

WORKFLOWS = (InvoiceWorkflow, EscalationWorkflow, ReconcileWorkflow)


@dataclass(frozen=True)
class WorkerOptions:
    """What measured best on two cores; see the README's table."""

    task_queue: str = names.TASK_QUEUE
    send_timeout: timedelta = timedelta(seconds=45)
    lease: timedelta = timedelta(seconds=60)
    cached_workflows: int = 1000
    activity_slots: int = 50
    local_activity_slots: int = 50
    graceful_shutdown: timedelta = timedelta(seconds=10)
    is_sandboxed: bool = True
    """The sandbox refuses clocks and dice in workflow code; without it a turn costs a third less (rehearsals)."""


def options_of(settings: Settings) -> WorkerOptions:
    """What this installation has chosen of it."""
    return WorkerOptions(
        task_queue=settings.task_queue,
        send_timeout=timedelta(seconds=settings.send_timeout_seconds),
        lease=timedelta(seconds=settings.lease_seconds),
        cached_workflows=settings.cached_workflows,
        activity_slots=settings.activity_slots,
        local_activity_slots=settings.local_activity_slots,
        graceful_shutdown=timedelta(seconds=settings.shutdown_seconds),
    )


def build_channels(settings: Settings) -> dict[ChannelName, Channel]:
    """The ways by which messages leave, as BATON_CHANNEL chooses. Raises BadSetting. Nothing is connected yet."""
    try:
        return {ChannelName.EMAIL: _mail_channel(settings)}
    except (ValidationError, ValueError) as fault:
        words = fault.errors()[0]["msg"] if isinstance(fault, ValidationError) else str(fault)
        remedy = f"Correct the BATON_{settings.channel.upper()}_… variables, or choose another BATON_CHANNEL."
        words = words.removeprefix("Value error, ")
        raise BadSetting((SettingFault("BATON_CHANNEL", settings.channel, words, remedy),)) from fault


def _mail_channel(settings: Settings) -> Channel:
    match settings.channel:
        case "outbox":
            return OutboxChannel(settings.outbox_dir)
        case "smtp":
            return SmtpChannel(
                SmtpSettings(
                    host=settings.smtp_host or "",
                    port=settings.smtp_port,
                    tls="implicit" if settings.smtp_tls == "tls" else settings.smtp_tls,
                    username=settings.smtp_user,
                    password=settings.smtp_password,
                    envelope_sender=settings.smtp_sender,
                    answer_seconds=min(20.0, settings.send_timeout_seconds),
                    letter_seconds=settings.send_timeout_seconds,
                )
            )
        case "http":
            token = settings.http_provider_token.get_secret_value() if settings.http_provider_token else ""
            return HttpChannel(
                url=settings.http_provider_url or "",
                token=token,
                client=httpx.AsyncClient(follow_redirects=False),
                timeout_seconds=min(20.0, settings.send_timeout_seconds / 2),
            )


def build_worker(
    client: Client,
    *,
    database: Database,
    renderer: Renderer,
    channels: Mapping[ChannelName, Channel],
    options: WorkerOptions = WorkerOptions(),  # frozen
) -> Worker:
    """A worker with all workflows and activities on the given dependencies. Nothing runs until `run()`."""
    rulebook = RuleBook()
    judging = Judging(database, rulebook)
    messaging = Messaging(
        database, rulebook, Composer(renderer), channels, send_timeout=options.send_timeout, lease=options.lease
    )
    teller = TemporalTeller(client, task_queue=options.task_queue)
    escalating = Escalating(database, rulebook, teller)
    taking_in = TakingIn(database, rulebook, teller)
    reconciling = Reconciling(database, teller, messaging)
    return Worker(
        client,
        task_queue=options.task_queue,
        workflows=list(WORKFLOWS),
        activities=[
            judging.ask_next_step,
            messaging.send_message,
            escalating.open_case,
            escalating.assign_case,
            escalating.remind_agent,
            escalating.record_decision,
            escalating.settle_case,
            taking_in.take_in_reply,
            reconciling.reconcile,
        ],
        workflow_runner=sandboxed_runner() if options.is_sandboxed else UnsandboxedWorkflowRunner(),
        max_cached_workflows=options.cached_workflows,
        max_concurrent_activities=options.activity_slots,
        max_concurrent_local_activities=options.local_activity_slots,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        graceful_shutdown_timeout=options.graceful_shutdown,
    )


async def ensure_schedules(client: Client, *, task_queue: str = names.TASK_QUEUE) -> None:
    """The reconciler's schedule exists, once however many workers start."""
    try:
        await client.create_schedule(
            names.RECONCILE_ID,
            Schedule(
                action=ScheduleActionStartWorkflow(
                    ReconcileWorkflow.run,
                    id=names.RECONCILE_ID,
                    task_queue=task_queue,
                    static_summary="tell workflows of facts that were stored and never told",
                ),
                spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)]),
                policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
            ),
        )
    except ScheduleAlreadyRunningError:
        log.debug("the reconciler's schedule is there already")


async def run_until_told_to_stop(worker: Worker) -> None:
    """Work until SIGTERM or Ctrl-C; then finish what is under way, within the graceful time."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with worker:
        log.info("worker is up on task queue %s", worker.task_queue)
        await stop.wait()
        log.info("worker is finishing what is under way")
