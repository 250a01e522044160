"""The baton passes to a person: replies, disputes, promises, cases and decisions."""

from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from receivables.collection_policy import EscalationRule, LadderEnd, ReplyRules
from receivables.escalations import (
    AcceptPromise,
    AssignmentStep,
    CaseState,
    ChangeContact,
    CloseDispute,
    HoldUntil,
    KeepByHand,
    MoveDueDate,
    PersonalContactOnly,
    Reassign,
    Resume,
    Trigger,
    Urgency,
)
from receivables.invoice import Stage
from receivables.ledger import EntryKind
from receivables.replies import Intent
from tests.builders import a_customer, a_ladder, a_policy, an_invoice, eur
from tests.diary import FIRST_DAY, Diary
from tests.diary_fixtures import OpenDiary


async def late(the: Diary, number: int = 1, days_late: int = 1, amount: str = "100.00", **customer: object) -> None:
    await the.opens(
        customer=a_customer(**{"owner": "anna", **customer}),
        invoice=an_invoice(
            invoice_id=f"INV-{number}",
            amount=amount,
            issued_on=FIRST_DAY - timedelta(days=days_late + 30),
            due_on=FIRST_DAY - timedelta(days=days_late),
        ),
    )


def with_replies(**changes: object):
    base = a_policy()
    return a_policy(
        escalations=(
            *base.escalations,
            EscalationRule(
                trigger=Trigger.REPLY, intents=(Intent.DISPUTE, Intent.BILLING_QUESTION), urgency=Urgency.IMMEDIATE
            ),
            EscalationRule(
                trigger=Trigger.REPLY, intents=(Intent.PERSON_REQUEST, Intent.FRUSTRATION), urgency=Urgency.HIGH
            ),
        ),
        **changes,
    )


async def test_scenario_32_a_disputed_invoice_rests_while_the_rest_of_the_account_goes_on(diary: OpenDiary) -> None:
    the = await diary(with_replies())
    await late(the, 1)
    await late(the, 2)
    await the.day(1)
    await the.writes(Intent.DISPUTE, invoice_ids=("INV-1",))
    case = await the.case_of()
    assert case is not None
    assert (case.assigned_to, case.urgency) == ("anna", Urgency.IMMEDIATE)
    assert (await the.case_file()).stage is Stage.WITH_AGENT
    await the.day(12)
    assert {mail.invoice_ids for mail in await the.received()} == {("INV-2",)}
    # decided: the dispute is rejected, and the chase goes on where it was
    case = await the.case_of()
    assert case is not None
    await the.decides(case, CloseDispute(verdict="rejected", explanation="signed for"), by=case.assigned_to or "")
    await the.day(20)
    assert any("INV-1" in mail.invoice_ids for mail in await the.received())
    assert await the.case_of() is None
    await the.replays("INV-1", "INV-2")


async def test_scenario_33_after_a_credit_for_the_disputed_part_chasing_resumes_for_the_rest(diary: OpenDiary) -> None:
    the = await diary(with_replies(ladder=a_ladder(3, 10, 25)))
    await late(the, amount="85000.00")
    await the.day(10)
    assert [step for _, step in await the.mailbox()] == ["level-1", "level-2"]
    await the.writes(Intent.DISPUTE)
    case = await the.case_of()
    assert case is not None
    await the.pays("INV-1", "15000.00", kind=EntryKind.CREDIT_NOTE, payment_id="CN-1")
    await the.decides(case, CloseDispute(verdict="upheld", explanation="fifteen thousand credited"))
    await the.day(30)
    reminder = (await the.received())[-1]
    assert reminder.step == "level-3"
    assert "70.000,00\xa0€" in reminder.text
    await the.pays("INV-1", "70000.00")
    await the.day(32)
    assert (await the.case_file()).stage is Stage.SETTLED
    await the.replays()


async def test_scenario_34_a_kept_promise_ends_in_peace(diary: OpenDiary) -> None:
    the = await diary(with_replies())
    await late(the)
    await the.day(1)
    await the.writes(Intent.PROMISE_TO_PAY, promised_on=FIRST_DAY + timedelta(days=15))
    await the.day(14)
    assert await the.mailbox() == []
    assert "promised" in (await the.next_step()).reason.words
    await the.pays("INV-1", "100.00")
    await the.day(17)
    assert [step for _, step in await the.mailbox()] == ["receipt"]
    await the.replays()


async def test_scenario_34_a_broken_promise_goes_to_a_person(diary: OpenDiary) -> None:
    the = await diary(with_replies())
    await late(the)
    await the.day(1)
    await the.writes(Intent.PROMISE_TO_PAY, promised_on=FIRST_DAY + timedelta(days=8))
    await the.day(10)  # the last day of grace
    assert await the.case_of() is None
    await the.day(11)
    case = await the.case_of()
    assert case is not None
    assert case.trigger is Trigger.BROKEN_PROMISE
    assert await the.mailbox() == []
    await the.replays()


async def test_scenario_34_a_broken_promise_goes_one_level_up_where_the_policy_says_so(diary: OpenDiary) -> None:
    the = await diary(with_replies(replies=ReplyRules(broken_promise="one_level_up")))
    await late(the)
    await the.day(5)
    assert await the.mailbox() == [(4, "level-1")]
    await the.writes(Intent.PROMISE_TO_PAY, promised_on=FIRST_DAY + timedelta(days=8))
    await the.day(11)
    assert await the.mailbox() == [(4, "level-1"), (11, "level-2")]
    assert await the.case_of() is None
    await the.replays()


async def test_scenario_35_claimed_paid_rests_for_some_days_and_only_money_closes(diary: OpenDiary) -> None:
    the = await diary(with_replies())
    await late(the)
    await the.day(3)
    await the.writes(Intent.PAYMENT_CLAIMED)
    await the.day(7)
    assert await the.mailbox() == []
    assert (await the.case_file()).stage is Stage.ON_HOLD
    await the.day(9)
    assert [step for _, step in await the.mailbox()] == ["level-1"]
    await the.replays()


async def test_scenario_36_a_vague_will_pay_soon_assumes_nothing(diary: OpenDiary) -> None:
    the = await diary(with_replies())
    await late(the)
    await the.day(3)
    await the.writes(Intent.PROMISE_TO_PAY)
    await the.day(6)
    assert [step for _, step in await the.mailbox()] == ["level-1"]
    await the.replays()


async def test_scenario_38_the_same_reply_twice_is_one_case(diary: OpenDiary) -> None:
    the = await diary(with_replies())
    await late(the)
    await the.writes(Intent.PERSON_REQUEST, reply_id="R-1")
    assert len(await the.all_cases()) == 1
    async with the.database.reading() as connection:
        from store import replies

        stored = await replies.find_reply(connection, "R-1")
    assert stored is not None
    await the.hears_again(stored)
    assert len(await the.all_cases()) == 1


async def test_scenario_39_an_out_of_office_answer_is_no_reply(diary: OpenDiary) -> None:
    the = await diary(with_replies())
    await late(the)
    await the.day(1)
    await the.writes(Intent.AUTO_REPLY)
    await the.day(6)
    assert [step for _, step in await the.mailbox()] == ["level-1"]
    assert await the.case_of() is None


async def test_scenario_21_a_bounced_address_uses_no_level_and_opens_a_contact_repair_case(diary: OpenDiary) -> None:
    the = await diary(with_replies())
    await late(the)
    await the.day(1)
    await the.writes(Intent.BOUNCE)
    await the.day(5)
    assert await the.mailbox() == []
    case = await the.case_of()
    assert case is not None
    assert case.trigger is Trigger.CONTACT_REPAIR
    await the.decides(case, ChangeContact(email="new@acme.example", name="Nora New"))
    await the.day(8)
    [reminder] = await the.received()
    assert (reminder.step, reminder.mail["To"]) == ("level-1", "new@acme.example")
    await the.replays()


async def test_scenario_41_after_the_last_level_a_named_person_has_one_case_and_done_it_leaves_the_list(
    diary: OpenDiary,
) -> None:
    the = await diary(with_replies(ladder=a_ladder(3, end=LadderEnd(after_days=2))))
    await late(the)
    await the.day(4)
    case = await the.case_of()
    assert case is not None
    assert (case.trigger, case.assigned_to) == (Trigger.ATTEMPTS_USED_UP, "anna")
    taken = await the.decides(case, Resume())
    assert taken.ends_case
    await the.day(40)
    assert await the.case_of() is None
    assert len(await the.all_cases()) == 1, "told once"
    assert len(await the.mailbox()) == 1
    await the.replays()


async def test_scenario_42_who_does_nothing_loses_the_case_to_the_backup_and_then_the_manager(diary: OpenDiary) -> None:
    the = await diary(with_replies())
    await late(the)
    await the.writes(Intent.PERSON_REQUEST)
    first = await the.case_of()
    assert first is not None
    assert (first.assigned_to, first.assignment_step) == ("anna", AssignmentStep.AGENT)
    await the.day(1)
    second = await the.case_of()
    assert second is not None
    assert (second.assigned_to, second.assignment_step) == ("ben", AssignmentStep.BACKUP)
    await the.day(2)
    third = await the.case_of()
    assert third is not None
    assert (third.assigned_to, third.assignment_step) == ("mia", AssignmentStep.MANAGER)
    # chasing neither resumed nor stopped for good: the manager decides, and it goes on
    assert await the.mailbox() == []
    await the.decides(third, Resume(), by="mia")
    await the.day(10)
    assert [step for _, step in await the.mailbox()] == ["level-1"]
    await the.replays()


async def test_promise_8_a_personal_only_customer_gets_no_automated_message_but_a_person(diary: OpenDiary) -> None:
    the = await diary(with_replies())
    await late(the, personal_only=True)
    case = await the.case_of()
    assert case is not None
    assert case.trigger is Trigger.PERSONAL_ONLY
    await the.pays("INV-1", "100.00")
    await the.day(3)
    assert await the.mailbox() == []
    assert (await the.case_file()).stage is Stage.SETTLED
    assert [case.state for case in await the.all_cases()] == [CaseState.SETTLED]
    await the.replays()


async def test_money_ends_a_case_that_nobody_decided(diary: OpenDiary) -> None:
    the = await diary(with_replies(receipts=False))
    await late(the)
    await the.writes(Intent.BILLING_QUESTION)
    assert await the.case_of() is not None
    await the.pays("INV-1", "100.00")
    await the.day(1)
    assert await the.case_of() is None
    assert [case.state for case in await the.all_cases()] == [CaseState.SETTLED]
    assert (await the.case_file()).stage is Stage.SETTLED


async def test_a_case_of_two_invoices_goes_on_until_both_are_paid(diary: OpenDiary) -> None:
    the = await diary(with_replies(receipts=False))
    await late(the, 1)
    await late(the, 2)
    await the.writes(Intent.PERSON_REQUEST, invoice_ids=("INV-1", "INV-2"))
    case = await the.case_of("INV-2")
    assert case is not None
    assert set(case.invoice_ids) == {"INV-1", "INV-2"}
    await the.pays("INV-1", "100.00")
    await the.day(1)
    assert await the.case_of("INV-2") is not None
    await the.pays("INV-2", "100.00")
    await the.day(3)
    assert await the.case_of("INV-2") is None
    for number in ("INV-1", "INV-2"):
        assert (await the.case_file(number)).stage is Stage.SETTLED
    await the.replays("INV-1", "INV-2")


@pytest.mark.parametrize(
    ("decision", "quiet_until"),
    [
        (Resume(), 7),  # day 5 is a Saturday
        (Resume(on=FIRST_DAY + timedelta(days=20)), 22),  # a Sunday, and the Monday after it is Easter Monday
        (HoldUntil(until_on=FIRST_DAY + timedelta(days=16), reason="on holiday"), 16),
        (AcceptPromise(promised_on=FIRST_DAY + timedelta(days=10), amount=eur("100.00")), None),
        (MoveDueDate(due_on=FIRST_DAY + timedelta(days=21)), 28),  # five days late on a Saturday
        (PersonalContactOnly(), None),
    ],
    ids=lambda value: getattr(value, "kind", str(value)),
)
async def test_what_follows_from_each_decision(diary: OpenDiary, decision, quiet_until: int | None) -> None:
    the = await diary(with_replies())
    await late(the, days_late=0)
    await the.writes(Intent.PERSON_REQUEST)
    case = await the.case_of()
    assert case is not None
    await the.decides(case, decision)
    await the.day(33)
    first = (await the.mailbox())[:1]
    assert [day for day, _ in first] == ([quiet_until] if quiet_until is not None else [])
    await the.replays()


async def test_a_case_kept_by_hand_stays_with_its_agent_and_one_reassigned_goes_to_the_other(diary: OpenDiary) -> None:
    the = await diary(with_replies())
    await late(the)
    await the.writes(Intent.PERSON_REQUEST)
    case = await the.case_of()
    assert case is not None
    taken = await the.decides(case, KeepByHand(until_on=FIRST_DAY + timedelta(days=9), note="I call them"))
    assert not taken.ends_case
    await the.day(8)
    case = await the.case_of()
    assert case is not None
    assert case.assigned_to == "anna"
    await the.decides(case, Reassign(to="ben"))
    case = await the.case_of()
    assert case is not None
    assert case.assigned_to == "ben"
    taken = await the.decides(case, Resume(), by="ben")
    assert taken.ends_case


async def test_a_wrong_agent_a_date_in_the_past_and_a_closed_case_are_refused_with_their_type(diary: OpenDiary) -> None:
    the = await diary(with_replies())
    await late(the)
    await the.writes(Intent.PERSON_REQUEST)
    case = await the.case_of()
    assert case is not None

    async def refused(decision, by: str = "anna") -> str | None:
        with pytest.raises(WorkflowUpdateFailedError) as refusal:
            await the.decides(case, decision, by=by)
        assert isinstance(refusal.value.cause, ApplicationError)
        return refusal.value.cause.type

    assert await refused(Resume(), by="nobody") == "wrong_agent"
    assert await refused(HoldUntil(until_on=FIRST_DAY - timedelta(days=1), reason="x")) == "date_in_the_past"
    assert await refused(AcceptPromise(promised_on=FIRST_DAY, amount=eur("500.00"))) == "amount_above_open_balance"
    assert await refused(Reassign(to="nobody")) == "unknown_agent"
    # the case still takes a good decision, and the same one twice is once
    by_hand = KeepByHand(until_on=FIRST_DAY + timedelta(days=9), note="I call them")
    first = await the.decides(case, by_hand, decision_id="D-1")
    again = await the.decides(case, by_hand, decision_id="D-1")
    assert first.words == again.words
    # decided, the case is closed: its run has ended
    await the.decides(case, Resume())
    with pytest.raises(RPCError):
        await the.decides(case, Resume())
    await the.replays()


async def test_promise_9_a_case_that_nobody_decides_is_asked_about_for_as_long_as_it_takes(diary: OpenDiary) -> None:
    the = await diary(with_replies())
    await late(the)
    await the.writes(Intent.PERSON_REQUEST)
    await the.day(45)
    case = await the.case_of()
    assert case is not None
    assert (case.assigned_to, case.assignment_step) == ("mia", AssignmentStep.MANAGER)
    assert case.deadline_at > await the.now()
    run = the.environment.client.get_workflow_handle(case.workflow_id or "")
    assert (await run.describe()).history_length < 350, "it went on in a new run"
    assert await the.mailbox() == []
    await the.decides(case, Resume(), by="mia")
    await the.day(47)
    assert len(await the.mailbox()) == 1
    await the.replays()
