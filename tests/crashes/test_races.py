"""Two at the same moment: the same send, fact or decision, money against a reminder. On both databases."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.composing import Composer
from activities.escalating import Escalating
from activities.messaging import Messaging
from activities.payloads import DecisionRequest, DecisionTaken, OpenCaseRequest, SendRequest, TakeInReplyRequest, Turn
from activities.rulebook import RuleBook
from activities.taking_in import TakingIn
from channels.channel import Delivered
from channels.rendering import Renderer
from policy.reading_policy import read_policy
from receivables.account import Standing
from receivables.case_file import CaseFile, News
from receivables.escalations import Case, HoldUntil, Resume, Trigger, Urgency
from receivables.ledger import Allocation, EntryKind
from receivables.messages import ChannelName, Letter, MessageState
from receivables.replies import Intent
from receivables.steps import Escalate, Reason
from store import agents, cases, decisions, intake, ledger, messages, policies
from store.accounts import read_account
from store.database import Database
from tests.builders import (
    a_customer,
    a_feed,
    a_ladder,
    a_policy,
    a_reply,
    always_open,
    an_agent,
    an_invoice,
    eur,
    some_contact_rules,
    utc,
)
from tests.diary import as_yaml

NOW = utc(2024, 3, 11, 10)
LEASE = timedelta(seconds=60)


@dataclass
class Mailbox:
    """A channel that takes its time, so that others can come in between."""

    is_idempotent: bool = False
    name: ChannelName = ChannelName.EMAIL
    letters: list[Letter] = field(default_factory=list)

    async def send(self, letter: Letter) -> Delivered:
        await asyncio.sleep(0)
        self.letters.append(letter)
        return Delivered(reference="taken")

    async def close(self) -> None: ...


class Nobody:
    """Tells nobody: these tests ask the activities themselves."""

    async def tell(self, *, invoice_id: str, news_kind: str, news: News, case: CaseFile) -> None: ...

    async def open_escalation(self, *, case: Case, escalation_id: str) -> None: ...


class Desk:
    """The activities of two workers on one store, each with connections and a memory of its own."""

    def __init__(self, database: Database, mailbox: Mailbox) -> None:
        self.database = database
        self.mailbox = mailbox
        self.others = Database(database.url)
        self.workers = [self._worker(database), self._worker(self.others)]

    def _worker(self, database: Database) -> tuple[Messaging, Escalating, TakingIn]:
        rulebook = RuleBook()
        messaging = Messaging(
            database,
            rulebook,
            Composer(Renderer()),
            {ChannelName.EMAIL: self.mailbox},
            send_timeout=timedelta(seconds=30),
            lease=LEASE,
        )
        return messaging, Escalating(database, rulebook, Nobody()), TakingIn(database, rulebook, Nobody())

    async def send(self, number: int, invoice_id: str, *, at: datetime = NOW) -> Turn:
        """The activity as the engine runs it: tried again while another attempt is at work."""
        while True:
            try:
                return await self.ask(
                    self.workers[number % 2][0].send_message,
                    SendRequest(invoice_id=invoice_id, customer_id="C-1", step="level-1"),
                    at=at,
                )
            except ApplicationError as fault:
                if fault.type != "being_sent":
                    raise
                await asyncio.sleep(0)

    async def ask(self, activity, request, *, at: datetime = NOW):
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, started_time=at)
        return await environment.run(activity, request)

    async def opens(self, *invoice_ids: str) -> None:
        for invoice_id in invoice_ids:
            async with self.database.writing() as connection:
                await intake.open_invoice(
                    connection, invoice=an_invoice(invoice_id=invoice_id), customer=a_customer(), by="erp", at=NOW
                )

    async def pays(self, database: Database, invoice_id: str, payment_id: str, amount: str) -> intake.Taken:
        async with database.writing() as connection:
            return await intake.take_money(
                connection,
                document_id=payment_id,
                kind=EntryKind.PAYMENT,
                customer_id="C-1",
                amount=eur(amount),
                allocations=(Allocation(invoice_id=invoice_id),),
                booked_on=NOW.date(),
                by="bank",
                at=NOW,
            )

    async def standing(self, invoice_id: str) -> Standing:
        async with self.database.reading() as connection:
            account = await read_account(connection, customer_id="C-1", invoice_id=invoice_id, as_of=NOW)
        return account.standing(invoice_id)


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    text = as_yaml(a_policy(ladder=a_ladder(5, 200), contact=some_contact_rules(hours=always_open()), receipts=False))
    policy = read_policy(text, origin="test")
    async with database.writing() as connection:
        await policies.activate(connection, version=policy.version, name=policy.name, text=text, at=NOW)
        await intake.report_feed(connection, feed=a_feed(), by="bank", at=NOW)
        for agent in (an_agent("anna", manager="mia"), an_agent("mia", role="manager")):
            await agents.save(connection, agent)
    opened = Desk(database, Mailbox())
    yield opened
    await opened.others.close()


async def test_promise_1_the_sends_of_two_invoices_of_one_customer_at_the_same_moment_make_one_message(
    desk: Desk,
) -> None:
    await desk.opens("INV-1", "INV-2", "INV-3")
    turns = await asyncio.gather(*(desk.send(number, f"INV-{number % 3 + 1}") for number in range(6)))
    assert len(desk.mailbox.letters) == 1
    async with desk.database.reading() as connection:
        [message] = await messages.list_messages(connection)
    assert message.state is MessageState.SENT
    assert {item.invoice_id for item in message.items} == {"INV-1", "INV-2", "INV-3"}
    assert sum(turn.done.startswith("level-1 sent") for turn in turns) == 1


async def test_promise_1_the_same_send_tried_by_two_workers_at_the_same_moment_is_one_message(desk: Desk) -> None:
    await desk.opens("INV-1")
    await asyncio.gather(*(desk.send(number, "INV-1") for number in range(8)))
    assert len(desk.mailbox.letters) == 1


@pytest.mark.parametrize("round_", range(5))
async def test_promise_5_no_message_asks_for_money_that_was_booked_before_it_was_reserved(
    desk: Desk, round_: int
) -> None:
    await desk.opens("INV-1")
    order: list[str] = []

    async def pay() -> None:
        for _ in range(10 * round_):
            await asyncio.sleep(0)
        await desk.pays(desk.others, "INV-1", "P-1", "60.00")
        order.append("booked")

    await asyncio.gather(desk.send(0, "INV-1"), pay())
    [letter] = desk.mailbox.letters
    async with desk.database.reading() as connection:
        [message] = await messages.list_messages(connection)
        [payment] = await ledger.entries_of(connection, "INV-1")
    [item] = message.items
    # The two transactions lock the customer: whichever came first, the message says what was open at its commit.
    assert item.open_balance in (eur("100.00"), eur("40.00"))
    assert ("40,00" in letter.text) == (item.open_balance == eur("40.00"))
    assert (await desk.standing("INV-1")).open_balance == eur("100.00") + payment.amount == eur("40.00")


async def test_promise_5_money_booked_just_before_the_send_holds_it_back_and_says_why(desk: Desk) -> None:
    await desk.opens("INV-1")
    await desk.pays(desk.others, "INV-1", "P-1", "100.00")
    turn = await desk.send(0, "INV-1")
    assert desk.mailbox.letters == []
    assert "nothing is owed" in turn.done


async def a_dead_attempt(desk: Desk) -> str:
    """Level 1 of INV-1 is reserved, its sender dies, its lease passes."""

    class Death(BaseException):
        pass

    async def dies(letter: Letter) -> Delivered:
        raise Death

    mortal = Mailbox()
    mortal.send = dies  # pyright: ignore[reportAttributeAccessIssue] - this one mailbox only
    messaging = Messaging(
        desk.database,
        RuleBook(),
        Composer(Renderer()),
        {ChannelName.EMAIL: mortal},
        send_timeout=timedelta(seconds=30),
        lease=LEASE,
    )
    with pytest.raises(Death):
        await desk.ask(
            messaging.send_message, SendRequest(invoice_id="INV-1", customer_id="C-1", step="level-1"), at=NOW
        )
    async with desk.database.reading() as connection:
        [message] = await messages.list_messages(connection, state=MessageState.RESERVED)
    return message.key


async def state_of(desk: Desk, key: str) -> MessageState:
    async with desk.database.reading() as connection:
        message = await messages.find(connection, key)
    assert message is not None
    return message.state


async def test_promise_1_what_a_dead_sender_left_is_in_doubt_and_not_sent_again_where_the_channel_knows_no_keys(
    desk: Desk,
) -> None:
    await desk.opens("INV-1")
    key = await a_dead_attempt(desk)
    late = NOW + 2 * LEASE
    await asyncio.gather(*(desk.send(number, "INV-1", at=late) for number in range(4)))
    assert desk.mailbox.letters == []
    assert await state_of(desk, key) is MessageState.IN_DOUBT


async def test_promise_1_what_a_dead_sender_left_goes_out_once_under_its_key_where_the_channel_knows_it(
    desk: Desk,
) -> None:
    desk.mailbox.is_idempotent = True
    await desk.opens("INV-1")
    key = await a_dead_attempt(desk)
    late = NOW + 2 * LEASE
    await asyncio.gather(*(desk.send(number, "INV-1", at=late) for number in range(4)))
    assert [letter.key for letter in desk.mailbox.letters] == [key]
    assert await state_of(desk, key) is MessageState.SENT


async def test_promise_5_what_a_dead_sender_left_is_judged_again_and_rests_in_doubt_once_the_money_came(
    desk: Desk,
) -> None:
    desk.mailbox.is_idempotent = True
    await desk.opens("INV-1")
    key = await a_dead_attempt(desk)
    await desk.pays(desk.others, "INV-1", "P-1", "60.00")
    await desk.send(0, "INV-1", at=NOW + 2 * LEASE)
    assert desk.mailbox.letters == []
    assert await state_of(desk, key) is MessageState.IN_DOUBT


async def test_promise_1_a_sender_that_comes_back_after_its_lease_changes_nothing_that_others_settled(
    desk: Desk,
) -> None:
    await desk.opens("INV-1")
    key = await a_dead_attempt(desk)
    await desk.send(0, "INV-1", at=NOW + 2 * LEASE)
    async with desk.database.writing() as connection:
        await messages.settle(connection, key=key, state=MessageState.DEFERRED, at=NOW, outcome="again", by="mia")
    await desk.send(1, "INV-1", at=NOW + 3 * LEASE)
    assert len(desk.mailbox.letters) == 1
    with pytest.raises(messages.WrongMessageState):
        async with desk.database.writing() as connection:
            await messages.settle(
                connection, key=key, state=MessageState.DEFERRED, at=NOW, outcome="the first sender", attempt=1
            )
    assert await state_of(desk, key) is MessageState.SENT


async def an_open_case(desk: Desk) -> str:
    await desk.opens("INV-1")
    opened = await desk.ask(
        desk.workers[0][1].open_case,
        OpenCaseRequest(
            invoice_id="INV-1",
            customer_id="C-1",
            number=1,
            escalation_id="escalation-INV-1-1",
            escalate=Escalate(
                trigger=Trigger.ATTEMPTS_USED_UP,
                matter="attempts_used_up:C-1",
                urgency=Urgency.HIGH,
                deadline_at=NOW + timedelta(days=1),
                reason=Reason(rule="test", words="attempts used up"),
            ),
        ),
    )
    async with desk.database.writing() as connection:
        await cases.assign(
            connection,
            case_id=opened.case_id,
            agent_id="anna",
            step=(await cases.find_case(connection, opened.case_id)).assignment_step,  # pyright: ignore[reportOptionalMemberAccess]
            because="test",
            deadline_at=NOW + timedelta(days=1),
        )
    return opened.case_id


async def test_scenario_38_of_two_decisions_at_the_same_moment_one_wins_and_the_other_is_told(desk: Desk) -> None:
    case_id = await an_open_case(desk)
    requests = [
        DecisionRequest(case_id=case_id, decision_id="D-1", agent_id="anna", decision=Resume()),
        DecisionRequest(
            case_id=case_id,
            decision_id="D-2",
            agent_id="mia",
            decision=HoldUntil(until_on=date(2024, 3, 20), reason="on holiday"),
        ),
    ]
    answers = await asyncio.gather(
        *(desk.ask(desk.workers[number][1].record_decision, request) for number, request in enumerate(requests)),
        return_exceptions=True,
    )
    won = [answer for answer in answers if isinstance(answer, DecisionTaken)]
    told = [answer for answer in answers if isinstance(answer, ApplicationError)]
    assert len(won) == len(told) == 1, answers
    assert (told[0].type, told[0].non_retryable) == ("case_closed", True)
    async with desk.database.reading() as connection:
        assert [taken.decision_id for taken in await decisions.decisions_of(connection, case_id=case_id)] == [
            won[0].decision_id
        ]


async def test_scenario_38_the_same_decision_twice_at_the_same_moment_is_once(desk: Desk) -> None:
    case_id = await an_open_case(desk)
    request = DecisionRequest(case_id=case_id, decision_id="D-1", agent_id="anna", decision=Resume())
    answers = await asyncio.gather(
        *(desk.ask(desk.workers[number % 2][1].record_decision, request) for number in range(4))
    )
    assert len({answer.words for answer in answers}) == 1
    async with desk.database.reading() as connection:
        assert len(await decisions.decisions_of(connection, case_id=case_id)) == 1


async def test_scenario_38_the_same_payment_told_by_many_at_the_same_moment_is_booked_once(desk: Desk) -> None:
    await desk.opens("INV-1")
    taken = await asyncio.gather(
        *(desk.pays(desk.database if number % 2 else desk.others, "INV-1", "P-1", "30.00") for number in range(8))
    )
    assert [answer.is_new for answer in taken].count(True) == 1
    assert len({str(answer.answer) for answer in taken}) == 1
    assert (await desk.standing("INV-1")).open_balance == eur("70.00")


async def test_scenario_38_different_payments_at_the_same_moment_are_all_booked(desk: Desk) -> None:
    await desk.opens("INV-1")
    await asyncio.gather(
        *(
            desk.pays(desk.database if number % 2 else desk.others, "INV-1", f"P-{number}", "10.00")
            for number in range(12)
        )
    )
    assert (await desk.standing("INV-1")).open_balance == eur("0.00")
    async with desk.database.reading() as connection:
        assert len(await ledger.entries_of(connection, "INV-1")) == 10


async def test_scenario_38_the_same_reply_taken_in_by_two_workers_at_the_same_moment_is_one_case(desk: Desk) -> None:
    await desk.opens("INV-1", "INV-2")
    reply = a_reply(Intent.DISPUTE, invoice_ids=("INV-1", "INV-2"), received_at=NOW)

    async def told(database: Database) -> intake.Taken:
        async with database.writing() as connection:
            return await intake.take_reply(
                connection, reply=reply, hold_until=NOW + timedelta(days=2), owner="anna", by="mail", at=NOW
            )

    taken = await asyncio.gather(told(desk.database), told(desk.others), told(desk.database))
    assert [answer.is_new for answer in taken].count(True) == 1
    answers = await asyncio.gather(
        *(
            desk.ask(
                desk.workers[number % 2][2].take_in_reply,
                TakeInReplyRequest(reply_id="R-1", invoice_id=f"INV-{number % 2 + 1}"),
            )
            for number in range(4)
        )
    )
    assert sum("already taken in" in answer.words for answer in answers) == 3
    async with desk.database.reading() as connection:
        account = await read_account(connection, customer_id="C-1", as_of=NOW.astimezone(UTC))
    for standing in account.standings:
        assert len(standing.disputes) == 1
    assert len(account.cases) == len({case.matter for case in account.cases})
