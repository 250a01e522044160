"""Who takes a case: owner, skill, language, load, absence; then the backup; then a manager."""

from datetime import date
from typing import Any

import pytest

from policy.assignment import Assignment, NobodyCanTakeIt, assign
from receivables.agents import Absence, Agent, AgentRole
from receivables.collection_policy import EscalationRule
from receivables.escalations import AssignmentStep, CaseState, Trigger
from receivables.replies import Intent
from tests.builders import a_case, a_customer, a_policy, a_reply, an_agent, utc

NOW = utc(2024, 3, 4, 10)
AWAY = (Absence(from_on=date(2024, 3, 4), until_on=date(2024, 3, 8)),)
BOSS = an_agent("boss", role=AgentRole.MANAGER)


def taken_by(*agents: Agent, step: AssignmentStep = AssignmentStep.AGENT, **changes: Any) -> Assignment:
    values: dict[str, Any] = {
        "case": a_case(assigned_to=None, state=CaseState.WANTED),
        "customer": a_customer(language="de"),
        "load": {},
        "as_of": NOW,
        "policy": a_policy(),
    }
    return assign(agents=agents, step=step, **(values | changes))


def test_the_customers_owner_comes_first_however_loaded():
    found = taken_by(an_agent("a", languages=("de",)), an_agent("b"), customer=a_customer(owner="b"), load={"b": 100})
    assert found.agent_id == "b"
    assert "looks after this customer" in found.because


def test_an_absent_owners_backup_stands_in():
    owner = an_agent("a", absences=AWAY, backup="c")
    found = taken_by(owner, an_agent("b"), an_agent("c"), customer=a_customer(owner="a"))
    assert found.agent_id == "c"
    assert "absent" in found.because


def test_an_absent_owner_without_a_backup_leaves_it_to_who_fits():
    found = taken_by(an_agent("a", absences=AWAY), an_agent("b"), customer=a_customer(owner="a"))
    assert found.agent_id == "b"


def test_an_owner_whom_nobody_knows_leaves_it_to_who_fits():
    assert taken_by(an_agent("b"), customer=a_customer(owner="gone")).agent_id == "b"


def test_the_least_loaded_who_speaks_the_language_takes_it():
    agents = (an_agent("a"), an_agent("b", languages=("en", "de")), an_agent("c", languages=("de",)))
    found = taken_by(*agents, load={"a": 0, "b": 3, "c": 2})
    assert found.agent_id == "c"
    assert found.because == "C: least loaded (2 open cases), speaks de"


def test_ties_go_by_id():
    agents = (an_agent("b", languages=("de",)), an_agent("a", languages=("de",)))
    assert taken_by(*agents).agent_id == "a"


def test_nobody_speaks_the_language_and_somebody_takes_it_all_the_same():
    found = taken_by(an_agent("a"), an_agent("b"), load={"a": 1})
    assert found.agent_id == "b"
    assert "nobody who fits better speaks de" in found.because


def test_a_rule_may_ask_for_a_skill_which_weighs_more_than_the_language():
    rule = EscalationRule(trigger=Trigger.REPLY, intents=(Intent.DISPUTE,), skill="disputes")
    agents = (an_agent("a", languages=("de",)), an_agent("b", skills=("disputes",)))
    policy = a_policy(escalations=(rule,))
    reading = a_reply(Intent.DISPUTE).reading
    assert taken_by(*agents, policy=policy, reading=reading).agent_id == "b"
    assert taken_by(*agents, policy=policy, reading=a_reply(Intent.LEGAL).reading).agent_id == "a"
    assert taken_by(*agents, policy=policy).agent_id == "a"
    found = taken_by(agents[0], policy=policy, reading=reading)
    assert "nobody who is there knows disputes" in found.because


def test_the_skill_of_a_threshold_needs_no_reply():
    rule = EscalationRule(trigger=Trigger.DAYS_PAST_DUE, days=30, skill="calls")
    case = a_case(trigger=Trigger.DAYS_PAST_DUE, assigned_to=None, state=CaseState.WANTED)
    agents = (an_agent("a", languages=("de",)), an_agent("b", skills=("calls",)))
    assert taken_by(*agents, policy=a_policy(escalations=(rule,)), case=case).agent_id == "b"


def test_a_manager_takes_a_case_at_first_only_where_no_agent_is_there():
    assert taken_by(BOSS, an_agent("a"), load={"a": 50}).agent_id == "a"
    assert taken_by(BOSS, an_agent("a", absences=AWAY)).agent_id == "boss"


@pytest.mark.parametrize(
    ("moment", "is_away"),
    [
        (utc(2024, 3, 3, 14, 59), False),
        (utc(2024, 3, 3, 15), True),
        (utc(2024, 3, 8, 14, 59), True),
        (utc(2024, 3, 8, 15), False),
    ],
)
def test_absence_is_by_the_agents_own_day(moment: Any, is_away: bool):
    tokyo = an_agent("a", time_zone="Asia/Tokyo", absences=AWAY, languages=("de",))
    assert taken_by(tokyo, an_agent("b"), as_of=moment).agent_id == ("b" if is_away else "a")


def test_an_agents_unknown_zone_stops_no_case():
    assert taken_by(an_agent("a", time_zone="Nowhere/Town")).agent_id == "a"


WITH_A = a_case(assigned_to="a")


def test_scenario_42_the_backup_then_the_manager():
    agents = (an_agent("a", backup="c", manager="boss"), an_agent("b"), an_agent("c"), BOSS)
    backup = taken_by(*agents, step=AssignmentStep.BACKUP, case=WITH_A)
    assert (backup.agent_id, backup.because) == ("c", "C is the backup of A")
    manager = taken_by(*agents, step=AssignmentStep.MANAGER, case=WITH_A)
    assert (manager.agent_id, manager.because) == ("boss", "Boss is the manager of A")


@pytest.mark.parametrize("backup", [None, "a", "gone", "c"])
def test_without_a_backup_who_is_there_another_agent_takes_it(backup: str | None):
    agents = (an_agent("a", backup=backup), an_agent("b"), an_agent("c", absences=AWAY), BOSS)
    assert taken_by(*agents, step=AssignmentStep.BACKUP, case=WITH_A).agent_id == "b"


def test_without_another_agent_the_backup_step_goes_to_a_manager():
    assert taken_by(an_agent("a"), BOSS, step=AssignmentStep.BACKUP, case=WITH_A).agent_id == "boss"


def test_without_their_own_manager_any_manager_takes_it_least_loaded_first():
    agents = (an_agent("a", manager="gone"), BOSS, an_agent("chief", role=AgentRole.MANAGER))
    found = taken_by(*agents, step=AssignmentStep.MANAGER, case=WITH_A, load={"boss": 1})
    assert found.agent_id == "chief"


def test_without_any_manager_another_agent_takes_it():
    found = taken_by(an_agent("a"), an_agent("b"), step=AssignmentStep.MANAGER, case=WITH_A)
    assert found.agent_id == "b"
    assert "no manager is there" in found.because


@pytest.mark.parametrize("step", list(AssignmentStep))
def test_whoever_is_alone_keeps_it(step: AssignmentStep):
    assert taken_by(an_agent("a"), step=step, case=WITH_A).agent_id == "a"


@pytest.mark.parametrize("step", list(AssignmentStep))
def test_nobody_there_says_so(step: AssignmentStep):
    with pytest.raises(NobodyCanTakeIt, match="none of 1 agents and managers is there today"):
        taken_by(an_agent("a", absences=AWAY), step=step)
