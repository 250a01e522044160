"""Reaching invoice workflows from outside: start one where none runs, signal it otherwise."""

from datetime import UTC, datetime, time

from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from activities.telling import EngineAway
from receivables.case_file import CaseFile, News
from receivables.escalations import Case
from workflows import names
from workflows.escalation import EscalationFile, EscalationWorkflow
from workflows.invoice import InvoiceWorkflow

_AWAY = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
)

_SIGNALS = {
    "payment_received": InvoiceWorkflow.payment_received,
    "reply_received": InvoiceWorkflow.reply_received,
    "terms_changed": InvoiceWorkflow.terms_changed,
    "look_again": InvoiceWorkflow.look_again,
}


class TemporalTeller:
    """The engine's side of "stored, then told". Telling twice is harmless: workflows know the facts' ids."""

    def __init__(self, client: Client, *, task_queue: str = names.TASK_QUEUE) -> None:
        self._client = client
        self._task_queue = task_queue

    async def tell(self, *, invoice_id: str, news_kind: str, news: News, case: CaseFile) -> None:
        """Give the news to the invoice's run. An ended run is followed by a new one (refunds, late replies)."""
        try:
            if news_kind == "opened":
                await self._start(case)
                return
            handle = self._client.get_workflow_handle_for(InvoiceWorkflow.run, names.invoice_workflow_id(invoice_id))
            try:
                await handle.signal(_SIGNALS[news_kind], news)
            except RPCError as fault:
                if fault.status is not RPCStatusCode.NOT_FOUND:
                    raise
                await self._start(case, news_kind=news_kind, news=news)
        except RPCError as fault:
            raise _away_or_as_it_was(fault) from fault

    async def open_escalation(self, *, case: Case, escalation_id: str) -> None:
        """Start the run of a case that no invoice's run has opened. Asked again while it runs, nothing happens."""
        try:
            await self._client.start_workflow(
                EscalationWorkflow.run,
                EscalationFile(case_id=case.case_id, headline=f"{case.customer_id} · {case.trigger.value}"),
                id=escalation_id,
                task_queue=self._task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                static_summary=f"{case.customer_id} · {case.words}"[:200],
                search_attributes=TypedSearchAttributes([SearchAttributePair(names.CUSTOMER_ID, case.customer_id)]),
            )
        except RPCError as fault:
            raise _away_or_as_it_was(fault) from fault

    async def _start(self, case: CaseFile, *, news_kind: str | None = None, news: News | None = None) -> None:
        """Start the invoice's run where none runs, together with the news that found none, in one request."""
        await self._client.start_workflow(
            InvoiceWorkflow.run,
            case,
            id=names.invoice_workflow_id(case.invoice_id),
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=case.headline,
            search_attributes=_attributes(case),
            start_signal=news_kind,
            start_signal_args=[news] if news is not None else [],
        )


def _away_or_as_it_was(fault: RPCError) -> Exception:
    return EngineAway(f"the Temporal server does not answer: {fault.message}") if fault.status in _AWAY else fault


def _attributes(case: CaseFile) -> TypedSearchAttributes:
    pairs: list[SearchAttributePair[str] | SearchAttributePair[float] | SearchAttributePair[datetime]] = [
        SearchAttributePair(names.CUSTOMER_ID, case.customer_id),
        SearchAttributePair(names.STAGE, case.stage.value),
    ]
    if case.open_balance is not None:
        pairs.append(SearchAttributePair(names.OPEN_BALANCE, float(case.open_balance.amount)))
    if case.due_on is not None:
        pairs.append(SearchAttributePair(names.DUE_ON, datetime.combine(case.due_on, time(), UTC)))
    return TypedSearchAttributes(pairs)
