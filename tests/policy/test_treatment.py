"""Scenario 16: invoice beats customer beats segment beats default; with none of them, nothing happens and says so."""

from datetime import date

import pytest

from policy.next_step import next_step
from policy.treatment import treatment_of
from receivables.collection_policy import Rollout, SegmentRule
from receivables.steps import Contact, Wait
from tests.builders import (
    a_customer,
    a_ladder,
    a_policy,
    a_standing,
    an_account,
    an_invoice,
    some_rules,
    utc,
)

LADDERS = {name: a_ladder(5, 10) for name in ("soft", "firm", "usual", "plain")}
NOW = utc(2024, 3, 20, 10)


def treated(*, invoice=None, customer=None, segment=None, default=None):
    policy = a_policy(
        ladders=LADDERS,
        default_ladder=default,
        segments=(SegmentRule(name="all", ladder=segment[0]),) if segment else (),
    )
    standing = a_standing(an_invoice(ladder=invoice))
    account = an_account(standing, customer=a_customer(ladder=customer))
    return treatment_of(standing=standing, account=account, rules=some_rules(policy), as_of=NOW)


@pytest.mark.parametrize(
    ("given", "chosen_by", "ladder"),
    [
        ({"invoice": "soft", "customer": "firm", "segment": ["usual"], "default": "plain"}, "invoice", "soft"),
        ({"customer": "firm", "segment": ["usual"], "default": "plain"}, "customer", "firm"),
        ({"segment": ["usual"], "default": "plain"}, "segment", "usual"),
        ({"default": "plain"}, "default", "plain"),
        ({}, "nothing", None),
        ({"segment": [None], "default": "plain"}, "segment", None),  # people do it, the default does not step in
    ],
)
def test_scenario_16_the_nearest_rule_decides(given, chosen_by, ladder):
    treatment = treated(**given)
    assert (treatment.chosen_by, treatment.ladder_name) == (chosen_by, ladder)
    assert (treatment.ladder is None) == (ladder is None)


def test_scenario_16_with_no_rule_at_all_nothing_happens_and_says_so():
    policy = a_policy(ladders=LADDERS, default_ladder=None)
    step = next_step(account=an_account(), invoice_id="INV-1", rules=some_rules(policy), as_of=NOW)
    assert isinstance(step, Wait)
    assert step.reason.rule == "no_treatment"
    assert "nothing automated happens" in step.reason.words
    assert step.look_again_at > NOW


@pytest.mark.parametrize("given", [{"invoice": "gone"}, {"customer": "gone"}])
def test_a_ladder_that_the_policy_does_not_have_means_that_nothing_happens_not_another_ladder(given):
    treatment = treated(**given, default="plain")
    assert treatment.ladder is None
    assert treatment.ladder_name == "gone"
    assert "does not have" in treatment.words


@pytest.mark.parametrize(
    ("rollout", "known", "first_level_on"),
    [
        (Rollout.KEEP, True, date(2024, 3, 6)),  # 5 days, as it began
        (Rollout.KEEP, False, date(2024, 3, 11)),  # its version is not known any more
        (Rollout.MOVE, True, date(2024, 3, 11)),  # 10 days, as it is now
    ],
)
def test_scenario_19_running_invoices_keep_their_rules_or_move_as_the_finance_lead_chose(
    rollout, known, first_level_on
):
    old = a_policy(version="old", ladder=a_ladder(5, 12))
    new = a_policy(version="new", ladder=a_ladder(10, 20), running_invoices=rollout)
    account = an_account(a_standing(an_invoice(policy_version="old")))
    rules = some_rules(new, earlier=[old] if known else [])
    step = next_step(account=account, invoice_id="INV-1", rules=rules, as_of=utc(2024, 3, 2))
    assert isinstance(step, Contact)
    assert step.at.date() == first_level_on
