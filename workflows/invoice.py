"""One invoice, from the day it is opened until nothing is owed and nothing is open."""

import asyncio
from collections import deque
from datetime import datetime
from typing import assert_never

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.escalating import Escalating
    from activities.judging import Judging
    from activities.messaging import Messaging
    from activities.payloads import AskRequest, OpenCaseRequest, SendRequest, TakeInReplyRequest, Turn
    from activities.taking_in import TakingIn
    from receivables.case_file import CaseFile, News
    from receivables.steps import Close, Contact, Escalate, NextStep, Reason, Wait
    from workflows import names, options, telling_operators
    from workflows.alarm import Alarm
    from workflows.escalation import EscalationFile, EscalationOutcome, EscalationWorkflow


def when_to_act(step: NextStep) -> datetime | None:
    """When a step is carried out if no news comes before; None: at once."""
    return step.look_again_at if isinstance(step, Wait | Contact) else None


@workflow.defn
class InvoiceWorkflow:
    """Asks what to do now, carries it out, and waits until its time or until news. Nothing else decides anything."""

    @workflow.init
    def __init__(self, case: CaseFile) -> None:
        self._case = case.model_copy(update={"waiting_news": ()})
        self._news: deque[News] = deque(case.waiting_news)
        self._alarm = Alarm()
        self._escalation: workflow.ChildWorkflowHandle[EscalationWorkflow, EscalationOutcome] | None = None
        self._escalation_ended: asyncio.Task[None] | None = None

    @workflow.run
    async def run(self, case: CaseFile) -> CaseFile:  # noqa: ARG002  # `__init__` has taken it in
        turn = await self._ask()
        while True:
            self._show(turn)
            if isinstance(turn.step, Close) and await self._nothing_is_left():
                return self._case
            if await self._news_comes_before(when_to_act(turn.step)):
                await self._take_in_news()
                turn = await self._ask()
            else:
                turn = await self._carry_out(turn.step)
            if self._should_continue_as_new():
                self._continue_as_new()

    # News: handlers only append; `run` takes it in, in order, once.

    @workflow.signal
    def payment_received(self, news: News) -> None:
        """Money moved: a payment, credit note, refund or chargeback was booked."""
        self._news.append(news)

    @workflow.signal
    def reply_received(self, news: News) -> None:
        """The customer wrote; the reply lies in the store under the news' `reply_id`."""
        self._news.append(news)

    @workflow.signal
    def terms_changed(self, news: News) -> None:
        """Due date, ladder or lines changed, or the invoice was withdrawn."""
        self._news.append(news)

    @workflow.signal
    def look_again(self, news: News) -> None:
        """Something else that policy looks at has changed: holds, contact, preference, policy, a case."""
        self._news.append(news)

    @workflow.query
    def case_file(self) -> CaseFile:
        return self._case

    @workflow.query
    def why(self) -> Reason | None:
        """Why the run is where it is: the reason of its present step."""
        return self._case.step.reason if self._case.step is not None else None

    # The verbs of the loop.

    async def _ask(self) -> Turn:
        return await workflow.execute_local_activity_method(
            Judging.ask_next_step,
            AskRequest(invoice_id=self._case.invoice_id, customer_id=self._case.customer_id, as_of=workflow.now()),
            summary="what now?",
            **options.ASKING,
        )

    async def _carry_out(self, step: NextStep) -> Turn:
        match step:
            case Contact():
                return await self._write_to_the_customer(step)
            case Escalate():
                return await self._pass_the_baton(step)
            case Wait() | Close():
                return await self._ask()
            case _:
                assert_never(step)

    async def _write_to_the_customer(self, step: Contact) -> Turn:
        turn = await workflow.execute_activity_method(
            Messaging.send_message,
            SendRequest(invoice_id=self._case.invoice_id, customer_id=self._case.customer_id, step=step.step),
            summary=f"{step.step}: {step.reason.words}"[:200],
            **options.SENDING,
        )
        self._note(turn.done)
        return turn

    async def _pass_the_baton(self, step: Escalate) -> Turn:
        number = self._case.escalations + 1
        escalation_id = names.escalation_workflow_id(self._case.invoice_id, number)
        opened = await workflow.execute_activity_method(
            Escalating.open_case,
            OpenCaseRequest(
                invoice_id=self._case.invoice_id,
                customer_id=self._case.customer_id,
                escalate=step,
                number=number,
                escalation_id=escalation_id,
            ),
            summary=f"open a case: {step.reason.words}"[:200],
            **options.BOOKING,
        )
        self._note(opened.words)
        if not opened.joined and self._escalation is None:
            self._case = self._case.model_copy(update={"escalations": number})
            self._escalation = await workflow.start_child_workflow(
                EscalationWorkflow.run,
                EscalationFile(case_id=opened.case_id, headline=self._case.headline),
                id=escalation_id,
                static_summary=f"{self._case.headline} · {step.trigger}",
                search_attributes=telling_operators.attributes_of_a_case(self._case),
            )
            self._escalation_ended = asyncio.create_task(self._await_the_escalation(self._escalation))
        return await self._ask()

    async def _await_the_escalation(
        self, escalation: workflow.ChildWorkflowHandle[EscalationWorkflow, EscalationOutcome]
    ) -> None:
        """The result of the case is news like any other."""
        outcome = await escalation
        self._escalation = None
        self._news.append(News(fact_id=f"case-ended:{outcome.case_id}", words=outcome.words))

    async def _nothing_is_left(self) -> bool:
        """Nothing is owed: its case, if one is still being worked, ends, and handlers finish. Late news goes on."""
        await self._let_go_of_the_escalation()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return not self._news

    async def _let_go_of_the_escalation(self) -> None:
        """The invoice needs nobody any more: its case, if one is still being worked, ends; we wait for that."""
        if self._escalation is not None:
            try:
                await self._escalation.signal(EscalationWorkflow.settled)
            except ApplicationError as fault:
                if fault.type != "ExternalWorkflowExecutionNotFound":  # it ended by itself in the meantime
                    raise
        if self._escalation_ended is not None:
            await self._escalation_ended

    async def _news_comes_before(self, moment: datetime | None) -> bool:
        """Sleep until the moment (None: now), or wake earlier on news; whether there is news."""
        if not self._news and moment is not None and moment > workflow.now():
            self._alarm.set(moment, summary=telling_operators.waiting(self._case))
            await workflow.wait_condition(lambda: bool(self._news) or self._alarm.rings)
        return bool(self._news)

    async def _take_in_news(self) -> None:
        while self._news:
            news = self._news.popleft()
            if self._case.knows(news):
                continue
            if news.reply_id is not None:
                taken = await workflow.execute_activity_method(
                    TakingIn.take_in_reply,
                    TakeInReplyRequest(reply_id=news.reply_id, invoice_id=self._case.invoice_id),
                    summary=f"take in {news.words}"[:200],
                    **options.BOOKING,
                )
                news = news.model_copy(update={"words": taken.words})
            self._case = self._case.with_news(news, at=workflow.now())

    # What operators see, and how a long run stays short.

    def _show(self, turn: Turn) -> None:
        self._case = self._case.model_copy(
            update={
                "stage": turn.stage,
                "segment": turn.segment,
                "open_balance": turn.open_balance,
                "step": turn.step,
                "turns": self._case.turns + 1,
            }
        )
        telling_operators.show_invoice(self._case, turn)

    def _note(self, words: str) -> None:
        if words:
            self._case = self._case.with_line(words, at=workflow.now())

    def _should_continue_as_new(self) -> bool:
        return (
            self._escalation is None
            and workflow.all_handlers_finished()
            and workflow.info().get_current_history_length() > options.CONTINUE_AS_NEW_AFTER_EVENTS
        )

    def _continue_as_new(self) -> None:
        workflow.continue_as_new(self._case.model_copy(update={"waiting_news": tuple(self._news)}))
