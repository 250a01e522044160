"""One case of one customer, in the hands of a person: assigned, reminded, moved up, decided."""

from collections import deque
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.escalating import Escalating
    from activities.payloads import (
        Assigned,
        AssignRequest,
        DecisionRequest,
        DecisionTaken,
        RemindAgentRequest,
        SettleCaseRequest,
    )
    from receivables.escalations import AssignmentStep
    from receivables.frozen import Payload
    from workflows import options, telling_operators


class EscalationFile(Payload):
    """What an escalation is started with, and what a long one goes on with."""

    case_id: str
    headline: str
    step: AssignmentStep = AssignmentStep.AGENT
    lines: tuple[str, ...] = ()


class EscalationOutcome(Payload):
    case_id: str
    words: str
    decision_id: str | None = None
    """None: money ended the case before anybody decided."""


NEXT_STEP_UP = {
    AssignmentStep.AGENT: AssignmentStep.BACKUP,
    AssignmentStep.BACKUP: AssignmentStep.MANAGER,
    AssignmentStep.MANAGER: AssignmentStep.MANAGER,
}
"""Who is asked next when a deadline passes. The last is asked again and again: nothing waits for ever unnoticed."""


LINES_KEPT = 20


@workflow.defn
class EscalationWorkflow:
    """Assign → wait for a decision, the reminder or the deadline → move up → … until decided or settled by money."""

    @workflow.init
    def __init__(self, file: EscalationFile) -> None:
        self._file = file
        self._asked: deque[DecisionRequest] = deque()
        self._answers: dict[str, DecisionTaken | ApplicationError] = {}
        self._assigned: Assigned | None = None
        self._settled = False
        self._over = False
        self._lines: list[str] = list(file.lines)

    @workflow.run
    async def run(self, file: EscalationFile) -> EscalationOutcome:
        taken: DecisionTaken | None = None
        assigned = await self._assign(file.step)
        reminded = False
        while not (self._settled or assigned.is_over):
            if await self._something_comes_before(assigned.deadline_at if reminded else assigned.remind_at):
                taken = await self._take_decisions()
                if taken is not None and taken.ends_case:
                    break
                if taken is not None and taken.assigned is not None:
                    assigned, reminded = self._show(taken.assigned), False
            elif not reminded:
                await self._remind()
                reminded = True
            else:
                step_up = NEXT_STEP_UP[assigned.step]
                self._continue_if_long(step_up)
                assigned, reminded = await self._assign(step_up), False
        if taken is None or not taken.ends_case:
            await self._settle()
        self._over = True
        await workflow.wait_condition(workflow.all_handlers_finished)
        if taken is not None and taken.ends_case:
            return EscalationOutcome(case_id=file.case_id, words=taken.words, decision_id=taken.decision_id)
        return EscalationOutcome(case_id=file.case_id, words="the case ended: nothing is owed any more")

    @workflow.update
    async def decide(self, request: DecisionRequest) -> DecisionTaken:
        """An agent decides. Refused (ApplicationError, by type): a closed case, a wrong agent, what policy forbids."""
        if request.decision_id not in self._answers:
            self._asked.append(request)
        await workflow.wait_condition(lambda: request.decision_id in self._answers or self._over)
        answer = self._answers.get(request.decision_id)
        if answer is None:
            raise ApplicationError("the case ended before this decision was taken", type="case_closed")
        if isinstance(answer, ApplicationError):
            raise answer
        return answer

    @decide.validator
    def _may_be_decided(self, request: DecisionRequest) -> None:
        if request.decision_id in self._answers:
            return
        if self._over or self._settled:
            raise ApplicationError("this case is closed", type="case_closed")
        if self._assigned is None:
            raise ApplicationError("this case is being assigned; try again in a moment", type="not_assigned_yet")
        if request.agent_id not in self._assigned.may_decide:
            raise ApplicationError(
                f"{request.agent_id} may not decide this case; it is with {self._assigned.agent_id}", type="wrong_agent"
            )
        for name in ("on", "until_on", "promised_on", "due_on"):
            chosen = getattr(request.decision, name, None)
            # How far ahead a day may lie depends on today, so the activity that carries it out asks policy.
            if chosen is not None and chosen < self._assigned.earliest_date:
                raise ApplicationError(
                    f"{name}: {chosen} lies before {self._assigned.earliest_date}", type="date_in_the_past"
                )

    @workflow.signal(name="decide_by_signal")
    def decide_by_signal(self, request: DecisionRequest) -> None:
        """The same for those who cannot wait for an answer: Temporal UI, CLI, or the API while no worker is up."""
        if request.decision_id not in self._answers:
            self._asked.append(request)

    @workflow.signal
    def settled(self) -> None:
        """Nothing is owed any more on any invoice of the case."""
        self._settled = True

    @workflow.query
    def assignment(self) -> Assigned | None:
        return self._assigned

    async def _assign(self, step: AssignmentStep) -> Assigned:
        assigned = await workflow.execute_activity_method(
            Escalating.assign_case,
            AssignRequest(case_id=self._file.case_id, step=step),
            summary=f"assign to {step.value}",
            **options.BOOKING,
        )
        return self._show(assigned)

    def _show(self, assigned: Assigned) -> Assigned:
        self._assigned = assigned
        self._note(f"with {assigned.agent_id or 'nobody yet'} ({assigned.step.value}): {assigned.because}")
        return assigned

    def _note(self, words: str) -> None:
        self._lines.append(f"- {workflow.now():%d %b %Y %H:%M} · {telling_operators.plain(words)}")
        assigned = self._assigned
        assert assigned is not None
        telling_operators.show_assignment(
            assigned.agent_id,
            f"**{telling_operators.plain(assigned.headline)}**\n\nwith **{assigned.agent_id or 'nobody yet'}** "
            f"until {assigned.deadline_at:%a %d %b %Y %H:%M} UTC\n\n"
            "**So far** (UTC)\n\n" + "\n".join(reversed(self._lines)),
        )

    async def _something_comes_before(self, moment: datetime) -> bool:
        """Sleep until the moment, or wake earlier on a decision or on money; whether it came."""
        patience = (moment - workflow.now()).total_seconds()
        if not self._asked and not self._settled and patience > 0:
            try:
                await workflow.wait_condition(
                    lambda: bool(self._asked) or self._settled,
                    timeout=patience,
                    timeout_summary=f"{self._who()} decides by {moment:%a %d %b %H:%M} UTC",
                )
            except TimeoutError:
                return False
        return bool(self._asked) or self._settled

    def _continue_if_long(self, step: AssignmentStep) -> None:
        """A case that nobody decides is asked about for as long as it takes, in runs of bearable length."""
        if (
            workflow.info().get_current_history_length() > options.CONTINUE_AS_NEW_AFTER_EVENTS
            and not self._asked
            and workflow.all_handlers_finished()
        ):
            workflow.continue_as_new(
                self._file.model_copy(update={"step": step, "lines": tuple(self._lines[-LINES_KEPT:])})
            )

    def _who(self) -> str:
        return (self._assigned.agent_id if self._assigned else None) or "nobody yet"

    async def _take_decisions(self) -> DecisionTaken | None:
        """Take the decisions that were asked for, in order, until one ends the case."""
        taken: DecisionTaken | None = None
        while self._asked and not (taken is not None and taken.ends_case):
            request = self._asked.popleft()
            if request.decision_id in self._answers:
                continue
            try:
                taken = await workflow.execute_activity_method(
                    Escalating.record_decision,
                    request,
                    summary=f"{request.agent_id} decides: {request.decision.kind}",
                    **options.BOOKING,
                )
                self._answers[request.decision_id] = taken
                self._note(taken.words)
            except ActivityError as refusal:
                if not isinstance(refusal.cause, ApplicationError):
                    raise
                self._answers[request.decision_id] = refusal.cause
                self._note(f"refused to {request.agent_id}: {refusal.cause.message}")
        return taken

    async def _remind(self) -> None:
        await workflow.execute_activity_method(
            Escalating.remind_agent,
            RemindAgentRequest(case_id=self._file.case_id),
            summary=f"remind {self._who()}",
            **options.BOOKING,
        )
        self._note(f"reminded {self._who()}")

    async def _settle(self) -> None:
        await workflow.execute_activity_method(
            Escalating.settle_case,
            SettleCaseRequest(case_id=self._file.case_id),
            summary="nothing is owed any more: the case ends",
            **options.BOOKING,
        )
