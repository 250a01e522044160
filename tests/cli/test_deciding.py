"""Decisions as they are written on the command line."""

from datetime import date
from typing import get_args

import pytest

from commands.deciding import OPTIONS, WORDS, read_decision
from commands.terminal import CommandFault
from receivables.escalations import (
    AcceptPromise,
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
from tests.cli.cli_fixtures import Baton

DAY = date(2027, 1, 15)


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("resume", {}, Resume()),
        ("resume", {"on": "2027-01-15"}, Resume(on=DAY)),
        ("hold", {"until": "2027-01-15", "reason": "audit"}, HoldUntil(until_on=DAY, reason="audit")),
        ("accept-promise", {"on": "2027-01-15"}, AcceptPromise(promised_on=DAY)),
        (
            "accept_promise",
            {"on": "2027-01-15", "amount": "1200.00 eur"},
            AcceptPromise(promised_on=DAY, amount=Money.of("1200.00", "EUR")),
        ),
        (
            "accept_promise",
            {"on": "2027-01-15", "amount": "JPY 1200"},
            AcceptPromise(promised_on=DAY, amount=Money.of("1200", "JPY")),
        ),
        ("MOVE-due-date", {"on": "2027-01-15"}, MoveDueDate(due_on=DAY)),
        (
            "close-dispute",
            {"verdict": "upheld", "reason": "two were missing"},
            CloseDispute(verdict="upheld", explanation="two were missing"),
        ),
        ("change-contact", {"email": "a@b.example", "name": "Ann"}, ChangeContact(email="a@b.example", name="Ann")),
        ("personal-contact-only", {}, PersonalContactOnly()),
        ("keep-by-hand", {"until": "2027-01-15", "reason": "calls"}, KeepByHand(until_on=DAY, note="calls")),
        ("reassign", {"to": "ben"}, Reassign(to="ben")),
    ],
)
def test_every_decision_can_be_written(kind: str, given: dict[str, str], expected: object) -> None:
    assert read_decision(kind, given) == expected


def test_every_kind_of_decision_has_its_options_and_words() -> None:
    """A new decision? Say in commands/deciding.py which options fill its fields."""
    members = get_args(get_args(Decision)[0])
    fields = {member.model_fields["kind"].default: set(member.model_fields) - {"kind"} for member in members}
    assert {kind: {*needed.values(), *possible.values()} for kind, (needed, possible) in OPTIONS.items()} == fields
    assert set(WORDS) == set(OPTIONS)


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("write-off", {}, "is no decision"),
        ("hold", {}, "--until, --reason missing"),
        ("hold", {"until": "2027-01-15"}, "--reason missing"),
        ("resume", {"to": "ben"}, "it takes no --to"),
        ("resume", {"on": "tomorrow"}, "a day is expected"),
        ("resume", {"on": "2027-02-30"}, "a day is expected"),
        ("accept-promise", {"on": "2027-01-15", "amount": "1200"}, "an amount and its currency"),
        ("accept-promise", {"on": "2027-01-15", "amount": "12.345 EUR"}, "--amount"),
        ("accept-promise", {"on": "2027-01-15", "amount": "NaN EUR"}, "--amount"),
        ("accept-promise", {"on": "2027-01-15", "amount": "10 XXQ"}, "--amount"),
        ("close-dispute", {"verdict": "perhaps", "reason": "x"}, "verdict"),
        ("hold", {"until": "2027-01-15", "reason": ""}, "reason"),
    ],
)
def test_a_decision_that_is_written_wrongly_is_refused_with_what_it_needs(
    kind: str, given: dict[str, str], words: str
) -> None:
    with pytest.raises(CommandFault, match=words) as refusal:
        read_decision(kind, given)
    assert refusal.value.code == 2


def test_a_case_that_does_not_exist_is_told(baton: Baton, filled: str) -> None:
    answer = baton("decide", "case-9", "resume", "--as", "anna")
    assert answer.exit_code == 1
    assert "there is no case case-9" in answer.stderr
    assert "baton cases" in answer.stderr


def test_who_decides_must_be_said(baton: Baton) -> None:
    answer = baton("decide", "case-9", "resume")
    assert answer.exit_code == 2
