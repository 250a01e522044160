"""Diaries: what a customer lives through, on the time-skipping server, with the real workflows, activities and store.

A diary begins on Monday 5 March 2035, 08:00 UTC, so that weekdays are the same whenever it is run.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email import policy as email_policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import yaml
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from activities.payloads import DecisionRequest, DecisionTaken
from activities.telling import tell
from activities.turns import tell_of
from channels.outbox import OutboxChannel
from channels.rendering import Renderer
from policy.next_step import next_step
from policy.reading_policy import read_policy
from policy.rules import Rules
from receivables.agents import Agent
from receivables.case_file import CaseFile
from receivables.collection_policy import CollectionPolicy
from receivables.customer import Customer
from receivables.escalations import Case, Decision
from receivables.holds import Hold, HoldReason
from receivables.invoice import Invoice
from receivables.ledger import Allocation, EntryKind, PaymentFeed
from receivables.messages import ChannelName, MessageState
from receivables.money import Money
from receivables.replies import Intent, IntentRead, Reading, Reply
from receivables.steps import NextStep, Reason
from runtime.binaries import find_binary
from runtime.temporal import ensure_search_attributes, pydantic_data_converter, sandboxed_runner
from store import agents, cases, holds, intake, messages, policies, timeline
from store.accounts import read_account
from store.database import Database
from store.overview import running_invoices
from tests.builders import a_customer, an_invoice
from worker import WORKFLOWS, WorkerOptions, build_worker
from workflows import names
from workflows.escalation import EscalationWorkflow
from workflows.invoice import InvoiceWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.teller import TemporalTeller

FIRST_DAY = date(2035, 3, 5)
MORNING = time(8)
ONE_DAY = timedelta(days=1)

ANNA = Agent(
    agent_id="anna",
    name="Anna Agent",
    email="anna@baton.example",
    languages=("en", "de"),
    backup="ben",
    manager="mia",
    country="DE",
    time_zone="Europe/Berlin",
)
BEN = Agent(
    agent_id="ben",
    name="Ben Backup",
    email="ben@baton.example",
    languages=("en",),
    manager="mia",
    country="DE",
    time_zone="Europe/Berlin",
)
MIA = Agent(
    agent_id="mia",
    name="Mia Manager",
    email="mia@baton.example",
    role="manager",
    languages=("en", "de"),
    country="DE",
    time_zone="Europe/Berlin",
)


@dataclass
class Received:
    """One message as it lies in the customer's mailbox."""

    at: datetime
    step: str
    invoice_ids: tuple[str, ...]
    mail: EmailMessage

    @property
    def on(self) -> date:
        return self.at.date()

    @property
    def text(self) -> str:
        body = self.mail.get_body(("plain",))
        assert body is not None
        return body.get_content()


class Diary:
    def __init__(
        self, environment: WorkflowEnvironment, database: Database, outbox: Path, teller: TemporalTeller
    ) -> None:
        self.environment = environment
        self.database = database
        self.outbox = outbox
        self.teller = teller
        self._counter = 0

    # Time.

    async def now(self) -> datetime:
        return await self.environment.get_current_time()

    async def until(self, moment: datetime | date) -> None:
        """Let time pass, a day at a time, the reconciler working each day."""
        if not isinstance(moment, datetime):
            moment = datetime.combine(moment, MORNING, UTC)
        while (now := await self.now()) < moment:
            await self.environment.sleep(min(ONE_DAY, moment - now))
            await self.reconcile()

    async def day(self, number: int, at: time = time(20)) -> None:
        """The evening of the diary's day (0: the first one)."""
        await self.until(datetime.combine(FIRST_DAY + timedelta(days=number), at, UTC))

    async def moment(self) -> None:
        """Let the workers finish what is under way."""
        await self.environment.sleep(timedelta(seconds=2))

    async def reconcile(self) -> None:
        self._counter += 1
        handle = await self.environment.client.start_workflow(
            ReconcileWorkflow.run, id=f"reconcile-{self._counter}", task_queue=names.TASK_QUEUE
        )
        with self.environment.auto_time_skipping_disabled():
            await handle.result()

    # What happens.

    async def opens(self, *, customer: Customer, invoice: Invoice) -> None:
        now = await self.now()
        invoice = invoice.model_copy(update={"opened_at": now})
        await self.takes(intake.open_invoice, invoice=invoice, customer=customer, by="erp", at=now)

    async def owes(
        self,
        number: int = 1,
        *,
        due: int = -1,
        amount: str = "100.00",
        currency: str = "EUR",
        invoice: Mapping[str, object] | None = None,
        **customer: object,
    ) -> None:
        """Invoice INV-<number> enters now; it is (or was) due on that day of the diary (0: its first day)."""
        who = a_customer(**customer)
        due_on = FIRST_DAY + timedelta(days=due)
        terms: dict[str, object] = {
            "invoice_id": f"INV-{number}",
            "customer_id": who.customer_id,
            "amount": amount,
            "currency": currency,
            "issued_on": due_on - timedelta(days=30),
            "due_on": due_on,
        }
        await self.opens(customer=who, invoice=an_invoice(**terms | dict(invoice or {})))

    async def pays(
        self,
        invoice_id: str,
        amount: str | Money,
        *,
        payment_id: str | None = None,
        kind: EntryKind = EntryKind.PAYMENT,
        customer_id: str = "C-1",
    ) -> None:
        now = await self.now()
        self._counter += 1
        money = Money.of(amount, "EUR") if isinstance(amount, str) else amount
        await self.takes(
            intake.take_money,
            document_id=payment_id or f"P-{self._counter}",
            kind=kind,
            customer_id=customer_id,
            amount=money,
            allocations=(Allocation(invoice_id=invoice_id),),
            booked_on=now.date(),
            by="bank",
            at=now,
        )

    async def gives_back(self, payment_id: str, *, kind: EntryKind, document_id: str) -> None:
        now = await self.now()
        await self.takes(
            intake.take_reversal,
            document_id=document_id,
            kind=kind,
            of_document_id=payment_id,
            booked_on=now.date(),
            by="bank",
            at=now,
        )

    async def writes(
        self,
        *intents: Intent,
        invoice_ids: tuple[str, ...] = ("INV-1",),
        reply_id: str | None = None,
        customer_id: str = "C-1",
        **reading: object,
    ) -> None:
        now = await self.now()
        self._counter += 1
        reply = Reply(
            reply_id=reply_id or f"R-{self._counter}",
            customer_id=customer_id,
            invoice_ids=invoice_ids,
            received_at=now,
            reading=Reading.model_validate({"intents": tuple(IntentRead(intent=i) for i in intents), **reading}),
        )
        await self.takes(
            intake.take_reply, reply=reply, hold_until=now + timedelta(hours=48), owner="anna", by="mail", at=now
        )

    async def hears_again(self, reply: Reply) -> None:
        """The mail provider delivers the same reply a second time."""
        now = await self.now()
        await self.takes(
            intake.take_reply, reply=reply, hold_until=now + timedelta(hours=48), owner="anna", by="mail", at=now
        )

    async def changes(self, customer: Customer) -> None:
        now = await self.now()
        await self.takes(
            intake.save_customer, customer=customer, change_id=f"change-{now.isoformat()}", by="erp", at=now
        )

    async def feed_tells(self, complete_until: datetime) -> None:
        now = await self.now()
        await self.takes(
            intake.report_feed,
            feed=PaymentFeed(feed_id="bank", complete_until_at=complete_until, told_at=now),
            by="bank",
            at=now,
        )

    async def decides(
        self, case: Case, decision: Decision, *, by: str = "anna", decision_id: str | None = None
    ) -> DecisionTaken:
        self._counter += 1
        assert case.workflow_id is not None
        handle = self.environment.client.get_workflow_handle_for(EscalationWorkflow.run, case.workflow_id)
        return await handle.execute_update(
            EscalationWorkflow.decide,
            DecisionRequest(
                case_id=case.case_id, decision_id=decision_id or f"D-{self._counter}", agent_id=by, decision=decision
            ),
        )

    async def terms_change(self, invoice_id: str, **changes: object) -> None:
        now = await self.now()
        await self.takes(
            intake.change_terms,
            change_id=f"change-{now.isoformat()}",
            invoice_id=invoice_id,
            by="erp",
            at=now,
            **changes,
        )

    async def pauses(self, *, until: datetime, invoice_id: str | None = None, words: str = "an audit") -> None:
        """A backend pauses automated contact with C-1, about one invoice or all."""
        now = await self.now()
        self._counter += 1
        hold = Hold(
            hold_id=f"H-{self._counter}",
            customer_id="C-1",
            invoice_id=invoice_id,
            reason=HoldReason.BACKEND,
            words=words,
            owner="erp",
            from_at=now,
            until_at=until,
        )
        async with self.database.writing() as connection:
            await holds.place(connection, hold)
        await self._all_look_again(f"hold:{hold.hold_id}", words)

    async def policy_becomes(self, policy: CollectionPolicy) -> None:
        """The finance lead activates another policy, and every running invoice looks again."""
        text = as_yaml(policy)
        policy = read_policy(text, origin="the diary's policy")
        now = await self.now()
        async with self.database.writing() as connection:
            await policies.activate(connection, version=policy.version, name=policy.name, text=text, at=now)
        await self._all_look_again(f"policy:{policy.version}", "another policy")

    async def _all_look_again(self, fact_id: str, words: str) -> None:
        now = await self.now()
        async with self.database.writing() as connection:
            tellings = await tell_of(
                connection, fact_id=fact_id, words=words, as_of=now, invoice_ids=await running_invoices(connection)
            )
        await tell(self.database, self.teller, tellings, at=now)
        await self.moment()

    async def stores(self, take: Any, **what: object) -> None:
        """Store a fact and tell nobody yet, as if its teller died in between: the reconciler will."""
        now = await self.now()
        async with self.database.writing() as connection:
            await take(connection, at=now, **what)

    async def takes(self, take: Any, **what: object) -> intake.Taken:
        """Store a fact (a function of `store.intake`) and tell the workflows, as the API does."""
        what.setdefault("at", await self.now())
        async with self.database.writing() as connection:
            taken = await take(connection, **what)
        await tell(self.database, self.teller, taken.tellings, at=await self.now())
        await self.moment()
        return taken

    # What can be seen.

    async def received(self, customer_id: str = "C-1") -> list[Received]:
        """The customer's mailbox, as the outbox folder has it, oldest first."""
        async with self.database.reading() as connection:
            sent = await messages.list_messages(connection, customer_id=customer_id, limit=500)
        by_id = {}
        for file in self.outbox.glob("*.eml"):
            mail = BytesParser(policy=email_policy.default).parsebytes(file.read_bytes())
            assert isinstance(mail, EmailMessage)
            by_id[str(mail["Message-ID"])] = mail
        found: list[Received] = []
        for message in sorted(sent, key=lambda message: message.reserved_at):
            if message.state is not MessageState.SENT:
                continue
            async with self.database.reading() as connection:
                letter = await messages.letter_of(connection, message.key)
            assert message.sent_at is not None
            found.append(
                Received(
                    at=message.sent_at,
                    step=message.step,
                    invoice_ids=tuple(sorted(item.invoice_id for item in message.items)),
                    mail=by_id.pop(letter.message_id),
                )
            )
        return found

    async def mailbox(self, customer_id: str = "C-1") -> list[tuple[int, str]]:
        """Day of the diary and step of each message, oldest first."""
        return [((mail.on - FIRST_DAY).days, mail.step) for mail in await self.received(customer_id)]

    async def case_of(self, invoice_id: str = "INV-1") -> Case | None:
        async with self.database.reading() as connection:
            open_ones = await cases.cases_of_invoice(connection, invoice_id, is_open=True)
        assert len(open_ones) <= 1, open_ones
        return open_ones[0] if open_ones else None

    async def all_cases(self, invoice_id: str = "INV-1") -> list[Case]:
        async with self.database.reading() as connection:
            return await cases.cases_of_invoice(connection, invoice_id)

    async def words(self, invoice_id: str = "INV-1") -> str:
        """The invoice's timeline, one line an entry."""
        async with self.database.reading() as connection:
            lines = await timeline.lines_of(connection, invoice_id=invoice_id, limit=500)
        return "\n".join(line.words for line in lines)

    def run_of(self, invoice_id: str = "INV-1") -> WorkflowHandle[InvoiceWorkflow, CaseFile]:
        return self.environment.client.get_workflow_handle_for(
            InvoiceWorkflow.run, names.invoice_workflow_id(invoice_id)
        )

    async def case_file(self, invoice_id: str = "INV-1") -> CaseFile:
        return await self.run_of(invoice_id).query(InvoiceWorkflow.case_file)

    async def why(self, invoice_id: str = "INV-1") -> Reason:
        """What the run answers when it is asked why it is where it is."""
        reason = await self.run_of(invoice_id).query(InvoiceWorkflow.why)
        assert reason is not None
        return reason

    async def next_step(self, invoice_id: str = "INV-1", customer_id: str = "C-1") -> NextStep:
        now = await self.now()
        async with self.database.reading() as connection:
            account = await read_account(connection, customer_id=customer_id, invoice_id=invoice_id, as_of=now)
            current = await policies.current(connection)
        assert current is not None
        return next_step(
            account=account,
            invoice_id=invoice_id,
            as_of=now,
            rules=Rules(current=read_policy(current.text, origin="store")),
        )

    async def replays(self, *invoice_ids: str) -> None:
        """Every diary ends by replaying its own history: the workflow code is deterministic."""
        replayer = Replayer(
            workflows=list(WORKFLOWS), data_converter=pydantic_data_converter, workflow_runner=sandboxed_runner()
        )
        for invoice_id in invoice_ids or ("INV-1",):
            await replayer.replay_workflow(await self.run_of(invoice_id).fetch_history())


def as_yaml(policy: CollectionPolicy) -> str:
    """The policy as the file that a finance lead would write."""
    return yaml.safe_dump(policy.model_dump(mode="json", by_alias=True, exclude={"version"}), sort_keys=False)


@asynccontextmanager
async def a_diary(
    database: Database, folder: Path, policy: CollectionPolicy, *, feed_days: int = 3650
) -> AsyncIterator[Diary]:
    """A diary on its own server, with agents Anna, Ben and their manager Mia, and a payment feed fresh so many days."""
    outbox = folder / "outbox"
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(find_binary("temporal-test-server")), data_converter=pydantic_data_converter
    )
    try:
        await ensure_search_attributes(environment.client, names.search_attribute_types())
        start = datetime.combine(FIRST_DAY, MORNING, UTC)
        await environment.sleep(start - await environment.get_current_time())
        policy_text = as_yaml(policy)
        policy = read_policy(policy_text, origin="the diary's policy")
        async with database.writing() as connection:
            await policies.activate(connection, version=policy.version, name=policy.name, text=policy_text, at=start)
            for agent in (ANNA, BEN, MIA):
                await agents.save(connection, agent)
        teller = TemporalTeller(environment.client)
        worker = build_worker(
            environment.client,
            database=database,
            renderer=Renderer(),
            channels={ChannelName.EMAIL: OutboxChannel(outbox)},
            options=WorkerOptions(graceful_shutdown=timedelta(seconds=1)),
        )
        diary = Diary(environment, database, outbox, teller)
        async with worker:
            await diary.feed_tells(start + timedelta(days=feed_days))
            yield diary
    finally:
        await environment.shutdown()
