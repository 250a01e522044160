"""What an agent may decide: each refusal with its type, both sides of every boundary."""

from datetime import date
from typing import Any

import pytest

from policy.decisions import DecisionRefused, Refusal, check
from receivables.agents import Absence, Agent, AgentRole
from receivables.disputes import DisputeState
from receivables.escalations import (
    AcceptPromise,
    CaseState,
    ChangeContact,
    CloseDispute,
    Decision,
    HoldUntil,
    KeepByHand,
    MoveDueDate,
    PersonalContactOnly,
    Reassign,
    Resume,
)
from receivables.money import Money
from tests.builders import (
    a_case,
    a_customer,
    a_dispute,
    a_policy,
    a_standing,
    an_agent,
    an_invoice,
    eur,
    utc,
)

NOW = utc(2024, 3, 5, 10)
TODAY, TOMORROW, LAST, BEYOND = date(2024, 3, 5), date(2024, 3, 6), date(2024, 5, 4), date(2024, 5, 5)
"""The policy lets an agent decide 60 days ahead."""
KIM = an_agent("kim", backup="lee")
LEE = an_agent("lee")
MAX = an_agent("max")
BOSS = an_agent("boss", role=AgentRole.MANAGER)
AWAY = an_agent("away", absences=(Absence(from_on=TODAY, until_on=TODAY),))


def decide(decision: Decision, *, by: Agent = KIM, **changes: Any) -> Refusal | None:
    """The refusal's type, or None where it is allowed."""
    values: dict[str, Any] = {
        "case": a_case(assigned_to="kim"),
        "agents": (KIM, LEE, MAX, BOSS, AWAY),
        "customer": a_customer(),
        "standings": (a_standing(),),
        "policy": a_policy(),
        "as_of": NOW,
    }
    try:
        check(decision=decision, by=by, **(values | changes))
    except DecisionRefused as refused:
        return refused.type
    return None


@pytest.mark.parametrize(
    ("by", "refusal"), [(KIM, None), (LEE, None), (BOSS, None), (MAX, Refusal.WRONG_AGENT), (AWAY, Refusal.WRONG_AGENT)]
)
def test_only_who_has_the_case_their_backup_or_a_manager_decides(by: Agent, refusal: Refusal | None):
    assert decide(Resume(), by=by) is refusal


def test_a_case_that_nobody_has_yet_is_decided_by_the_customers_owner_or_a_manager():
    wanted = a_case(state=CaseState.WANTED)
    assert decide(Resume(), case=wanted) is Refusal.WRONG_AGENT
    assert decide(Resume(), case=wanted, by=BOSS) is None
    assert decide(Resume(), case=wanted, customer=a_customer(owner="kim")) is None


@pytest.mark.parametrize("state", list(CaseState))
def test_a_closed_case_is_decided_by_nobody(state: CaseState):
    refusal = decide(Resume(), case=a_case(assigned_to="kim", state=state), by=BOSS)
    assert refusal is (None if state.is_open else Refusal.CASE_CLOSED)


def test_a_refusal_has_a_type_for_machines_and_words_for_people():
    refused = DecisionRefused(Refusal.DATE_TOO_FAR, "the hold ends on Mon 6 May 2024, which is too far away")
    assert (refused.type, refused.words) == ("date_too_far", str(refused))


PAST, FAR = Refusal.DATE_IN_THE_PAST, Refusal.DATE_TOO_FAR


@pytest.mark.parametrize(
    ("decision", "refusal"),
    [
        (Resume(on=date(2024, 3, 4)), PAST),
        (Resume(on=TODAY), None),
        (Resume(on=LAST), None),
        (Resume(on=BEYOND), FAR),
        (HoldUntil(until_on=TODAY, reason="x"), PAST),
        (HoldUntil(until_on=TOMORROW, reason="x"), None),
        (HoldUntil(until_on=LAST, reason="x"), None),
        (HoldUntil(until_on=BEYOND, reason="x"), FAR),
        (HoldUntil(until_on=date(9999, 12, 31), reason="x"), FAR),
        (AcceptPromise(promised_on=date(2024, 3, 4)), PAST),
        (AcceptPromise(promised_on=TODAY), None),
        (AcceptPromise(promised_on=LAST), None),
        (AcceptPromise(promised_on=BEYOND), FAR),
        (MoveDueDate(due_on=date(2024, 3, 4)), PAST),
        (MoveDueDate(due_on=TODAY), None),
        (MoveDueDate(due_on=LAST), None),
        (MoveDueDate(due_on=BEYOND), FAR),
        (KeepByHand(until_on=TODAY, note="x"), PAST),
        (KeepByHand(until_on=TOMORROW, note="x"), None),
        (KeepByHand(until_on=BEYOND, note="x"), FAR),
        (PersonalContactOnly(), None),
    ],
    ids=str,
)
def test_a_day_lies_ahead_and_not_beyond_what_an_agent_decides_alone(decision: Decision, refusal: Refusal | None):
    assert decide(decision) is refusal


def test_today_is_the_customers_day():
    late_in_berlin = utc(2024, 3, 5, 23)
    assert decide(Resume(on=TODAY), as_of=late_in_berlin) is PAST
    assert decide(Resume(on=TODAY), as_of=late_in_berlin, customer=a_customer(time_zone="America/New_York")) is None


@pytest.mark.parametrize(
    ("amount", "refusal"),
    [
        (eur("100.00"), None),
        (eur("0.01"), None),
        (eur("100.01"), Refusal.AMOUNT_ABOVE_OPEN_BALANCE),
        (eur("0.00"), Refusal.AMOUNT_NOT_POSITIVE),
        (eur("-1.00"), Refusal.AMOUNT_NOT_POSITIVE),
        (Money.of("50.00", "USD"), Refusal.CURRENCY_MISMATCH),
    ],
    ids=str,
)
def test_a_promise_is_of_what_is_open(amount: Money, refusal: Refusal | None):
    assert decide(AcceptPromise(promised_on=TOMORROW, amount=amount)) is refusal


def test_what_is_open_is_that_of_the_cases_invoices_only():
    standings = (a_standing(), a_standing(an_invoice(invoice_id="INV-2", amount="50.00")))
    promise = AcceptPromise(promised_on=TOMORROW, amount=eur("150.00"))
    assert decide(promise, standings=standings) is Refusal.AMOUNT_ABOVE_OPEN_BALANCE
    both = a_case(assigned_to="kim", invoice_ids=("INV-1", "INV-2"))
    assert decide(promise, standings=standings, case=both) is None


def test_nothing_open_leaves_nothing_to_promise():
    assert decide(AcceptPromise(promised_on=TOMORROW), standings=()) is Refusal.NOTHING_OPEN
    assert decide(AcceptPromise(promised_on=TOMORROW), standings=(a_standing(open_balance="0.00"),)) is (
        Refusal.NOTHING_OPEN
    )


def test_a_moved_due_date_gives_more_time():
    due = a_standing(an_invoice(due_on=date(2024, 3, 20)))
    assert decide(MoveDueDate(due_on=date(2024, 3, 20)), standings=(due,)) is Refusal.NOT_MORE_TIME
    assert decide(MoveDueDate(due_on=date(2024, 3, 21)), standings=(due,)) is None
    assert decide(MoveDueDate(due_on=TOMORROW), standings=()) is Refusal.NOTHING_OPEN


CLOSE = CloseDispute(verdict="rejected", explanation="delivered on 3 February")


def test_only_an_open_dispute_is_closed():
    assert decide(CLOSE) is Refusal.NO_OPEN_DISPUTE
    assert decide(CLOSE, standings=(a_standing(disputes=(a_dispute(),)),)) is None
    over = a_dispute(state=DisputeState.REJECTED)
    assert decide(CLOSE, standings=(a_standing(disputes=(over,)),)) is Refusal.NO_OPEN_DISPUTE


@pytest.mark.parametrize(
    ("decision", "refusal"),
    [
        (CLOSE, None),
        (KeepByHand(until_on=TOMORROW, note="waiting for the warehouse"), None),
        (AcceptPromise(promised_on=TOMORROW), None),
        (Reassign(to="lee"), None),
        (Resume(), Refusal.DISPUTE_STILL_OPEN),
        (HoldUntil(until_on=TOMORROW, reason="x"), Refusal.DISPUTE_STILL_OPEN),
        (MoveDueDate(due_on=TOMORROW), Refusal.DISPUTE_STILL_OPEN),
        (ChangeContact(email="a@b.example"), Refusal.DISPUTE_STILL_OPEN),
        (PersonalContactOnly(), Refusal.DISPUTE_STILL_OPEN),
    ],
    ids=lambda value: getattr(value, "kind", str(value)),
)
def test_a_case_made_by_a_dispute_does_not_end_without_an_answer_to_it(decision: Decision, refusal: Refusal | None):
    case = a_case(assigned_to="kim", reply_id="R-1")
    disputed = a_standing(disputes=(a_dispute(dispute_id="R-1:INV-1:dispute"),))
    of_another_reply = a_standing(disputes=(a_dispute(dispute_id="R-10:INV-1:dispute"),))
    assert decide(decision, case=case, standings=(disputed,)) is refusal
    assert decide(decision, case=case, standings=(of_another_reply,)) is None


@pytest.mark.parametrize(
    ("email", "name", "refusal"),
    [
        ("anna.new@acme.example", "Anna New", None),
        ("anna", "", Refusal.BAD_CONTACT),
        ("anna@acme", "", Refusal.BAD_CONTACT),
        ("a@b@c.example", "", Refusal.BAD_CONTACT),
        ("a b@acme.example", "", Refusal.BAD_CONTACT),
        ("a@acme.example\r\nBcc: x@y.z", "", Refusal.BAD_CONTACT),
        ("a@acme.example, b@acme.example", "", Refusal.BAD_CONTACT),
        ("anna@acme.example", "Anna\nBcc: x@y.z", Refusal.BAD_CONTACT),
    ],
)
def test_a_new_contact_has_one_plain_address(email: str, name: str, refusal: Refusal | None):
    assert decide(ChangeContact(email=email, name=name)) is refusal


@pytest.mark.parametrize(
    ("to", "refusal"),
    [
        ("lee", None),
        ("boss", None),
        ("nobody", Refusal.UNKNOWN_AGENT),
        ("away", Refusal.ABSENT_AGENT),
        ("kim", Refusal.SAME_AGENT),
    ],
)
def test_a_case_goes_to_another_agent_who_is_there(to: str, refusal: Refusal | None):
    assert decide(Reassign(to=to)) is refusal
