"""Reaching the run that works a case: a decision is an update first; where no worker answers, a signal."""

from datetime import timedelta

from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.payloads import DecisionRequest, DecisionTaken
from activities.telling import EngineAway
from workflows.escalation import EscalationOutcome, EscalationWorkflow

_AWAY = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.RESOURCE_EXHAUSTED)
_NO_ANSWER = (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)


class DecisionTurnedDown(Exception):
    """The run refused the decision. `kind` is the refusal's type: wrong_agent, case_closed, date_too_far …"""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


class EscalationOver(Exception):
    """The run that worked the case has ended."""


class TemporalCaseDesk:
    """The engine's side of a decision. Both ways lead to the same method of the run, which takes each id once."""

    def __init__(self, client: Client, *, patience: timedelta = timedelta(seconds=5)) -> None:
        self._client = client
        self._patience = patience

    async def decide(self, workflow_id: str, request: DecisionRequest) -> DecisionTaken | None:
        """The answer of the run; None where no worker answered in time and the decision waits there as a signal.

        Raises DecisionTurnedDown, EscalationOver, EngineAway.
        """
        handle = self._client.get_workflow_handle_for(EscalationWorkflow.run, workflow_id)
        try:
            return await handle.execute_update(
                EscalationWorkflow.decide, request, id=request.decision_id, rpc_timeout=self._patience
            )
        except WorkflowUpdateFailedError as refusal:
            if isinstance(refusal.cause, ApplicationError):
                raise DecisionTurnedDown(refusal.cause.type or "refused", refusal.cause.message) from refusal
            raise
        except WorkflowUpdateRPCTimeoutOrCancelledError:
            return await self._leave_as_a_signal(handle, request)
        except RPCError as fault:
            if fault.status in _NO_ANSWER:
                return await self._leave_as_a_signal(handle, request)
            raise _of(fault) from fault

    async def is_there(self) -> bool:
        """Whether the engine answers."""
        try:
            return await self._client.service_client.check_health(timeout=timedelta(seconds=1))
        except (RPCError, RuntimeError):
            return False

    async def _leave_as_a_signal(
        self, handle: WorkflowHandle[EscalationWorkflow, EscalationOutcome], request: DecisionRequest
    ) -> None:
        try:
            await handle.signal(EscalationWorkflow.decide_by_signal, request, rpc_timeout=self._patience)
        except RPCError as fault:
            raise _of(fault) from fault


def _of(fault: RPCError) -> Exception:
    if fault.status is RPCStatusCode.NOT_FOUND:
        return EscalationOver("the run that worked this case has ended")
    if fault.status in (*_AWAY, *_NO_ANSWER):
        return EngineAway(f"the Temporal server does not answer: {fault.message}")
    return fault
