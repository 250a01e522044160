"""A closed set that grows is looked at wherever it matters: a new member fails here, and says where to go.

`match` with `assert_never` and the type check find most places; these are the tables, files and texts they cannot see.
Intents are classified in `tests/policy/test_consequences.py`, the glossary's rows in `tests/setup/test_docs.py`.
"""

import ast
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import get_args

import pytest

from channels.samples import kind_of_template
from policy.escalation_rules import MOST_URGENT_FIRST
from policy.rests import ENDED_BY_MONEY
from receivables.escalations import AssignmentStep, CaseState, Decision, Trigger, Urgency
from receivables.holds import HoldReason
from receivables.invoice import Stage
from receivables.ledger import EntryKind
from receivables.messages import MessageKind, MessageState
from receivables.replies import FROM_A_MACHINE, NEEDS_PERSON, Intent
from store.ledger import MONEY_IN
from store.shares import UNDOES
from workflows.escalation import NEXT_STEP_UP

ROOT = Path(__file__).parents[1]
LANGUAGES = sorted(folder.name for folder in (ROOT / "channels" / "templates").iterdir() if folder.is_dir())

HELD_BY_WHAT_A_PAYMENT_DOES_NOT_ANSWER = {
    HoldReason.REPLY,
    HoldReason.DISPUTE,
    HoldReason.OUT_OF_OFFICE,
    HoldReason.AGENT_DECISION,
    HoldReason.BACKEND,
}
REACHED_THE_CUSTOMER = {MessageState.RESERVED, MessageState.SENT, MessageState.IN_DOUBT}
DID_NOT_REACH_THE_CUSTOMER = {MessageState.DEFERRED, MessageState.FAILED, MessageState.DROPPED}
NEEDS_NO_PERSON = {
    Intent.PROMISE_TO_PAY,
    Intent.PAYMENT_CLAIMED,
    Intent.REMITTANCE_ADVICE,
    Intent.DOCUMENT_REQUEST,
    Intent.HOW_TO_PAY,
    Intent.ACKNOWLEDGEMENT,
}


def classified(words: type[StrEnum], *groups: set[StrEnum] | frozenset[StrEnum], say: str) -> None:
    """Every member is in exactly one group."""
    for word in words:
        count = sum(word in group for group in groups)
        assert count == 1, f"{words.__name__}.{word.name} is in {count} of {len(groups)} groups: {say}"


def test_every_reason_of_a_hold_is_answered_by_money_or_not() -> None:
    say = "may a receipt go out while it holds? See ENDED_BY_MONEY in policy/rests.py, and this test"
    classified(HoldReason, ENDED_BY_MONEY, HELD_BY_WHAT_A_PAYMENT_DOES_NOT_ANSWER, say=say)


def test_every_state_of_a_message_uses_its_level_or_not() -> None:
    say = "does it use its level and the contact budget? See counts_as_contact in receivables/messages.py"
    classified(MessageState, REACHED_THE_CUSTOMER, DID_NOT_REACH_THE_CUSTOMER, say=say)
    assert {state for state in MessageState if state.counts_as_contact} == REACHED_THE_CUSTOMER


def test_every_intent_goes_to_a_person_or_not_or_is_a_machines() -> None:
    say = "does a person always read it? See NEEDS_PERSON in receivables/replies.py, FOLLOWS in policy/taking_in.py"
    classified(Intent, NEEDS_PERSON, FROM_A_MACHINE, NEEDS_NO_PERSON, say=say)


def test_every_kind_of_entry_moves_the_ledger_one_way() -> None:
    say = (
        "does it bring money, undo a document, or give it up? See store/ledger.py, store/shares.py and api/payments.py"
    )
    classified(EntryKind, set(MONEY_IN), set(UNDOES), {EntryKind.WRITE_OFF}, say=say)


def test_every_urgency_has_its_rank_and_every_step_up_its_next() -> None:
    assert set(MOST_URGENT_FIRST) == set(Urgency), "policy/escalation_rules.py: say how urgent it is beside the others"
    assert set(NEXT_STEP_UP) == set(AssignmentStep), "workflows/escalation.py: say who is asked next"


def test_every_state_of_a_case_is_open_or_over() -> None:
    say = "is somebody still to decide it? See CaseState.is_open"
    is_open = {state for state in CaseState if state.is_open}
    classified(CaseState, is_open, {CaseState.DECIDED, CaseState.SETTLED}, say=say)


def test_every_stage_is_final_or_goes_on() -> None:
    going_on = {Stage.NOT_DUE, Stage.REMINDING, Stage.ON_HOLD, Stage.WITH_AGENT, Stage.ON_PLAN}
    say = "does a run go on in it? See Stage.is_final and policy/stage.py"
    classified(Stage, going_on, {Stage.SETTLED, Stage.CLOSED}, say=say)
    assert {stage for stage in Stage if stage.is_final} == set(Stage) - going_on


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_message_has_its_template_in_every_language(language: str) -> None:
    files = {file.stem for file in (ROOT / "channels" / "templates" / language).glob("[a-z]*.jinja")}
    missing = set(MessageKind) - {kind_of_template(name) for name in files}
    assert not missing, f"channels/templates/{language}: write a template for {missing}"


@pytest.mark.parametrize("trigger", Trigger)
def test_every_trigger_is_looked_at_by_policy(trigger: Trigger) -> None:
    # A reply's cases are wanted by its consequences; all others fire from the state of the account.
    place = "policy/taking_in.py" if trigger is Trigger.REPLY else "policy/escalation_triggers.py"
    assert f"Trigger.{trigger.name}" in names_in(place), f"{place}: say when {trigger} fires"


def names_in(path: str) -> set[str]:
    return {
        ast.unparse(node)
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    }


DECISIONS = [each.__name__ for each in get_args(get_args(Decision)[0])]


def cases_of_matches(path: str) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.MatchClass):
            yield ast.unparse(node.cls)


@pytest.mark.parametrize("decision", DECISIONS)
def test_every_decision_is_checked_by_policy_and_carried_out(decision: str) -> None:
    checked = {*cases_of_matches("policy/decisions.py"), "Reassign"}  # it has its own check
    assert decision in checked, f"policy/decisions.py: say what {decision} may not be"
    assert decision in set(cases_of_matches("activities/deciding.py")), f"activities/deciding.py: carry {decision} out"
    assert decision in (ROOT / "tests/diaries/test_people.py").read_text(), f"live {decision} through in a diary"
