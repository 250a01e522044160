"""Who takes a case: the customer's owner, else the least loaded agent who fits; then a backup; then a manager."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from policy.escalation_rules import rules_for
from policy.time_zones import UnknownTimeZone, zone_named
from receivables.agents import Agent, AgentRole
from receivables.collection_policy import CollectionPolicy
from receivables.customer import Customer
from receivables.escalations import AssignmentStep, Case, Trigger
from receivables.frozen import Frozen
from receivables.replies import Reading


class Assignment(Frozen):
    """Who has the case, and why, in words."""

    agent_id: str
    because: str


class NobodyCanTakeIt(LookupError):
    """No agent and no manager is there today: the case waits, and is asked about again."""


def assign(
    *,
    case: Case,
    customer: Customer,
    agents: tuple[Agent, ...],
    load: Mapping[str, int],
    as_of: datetime,
    step: AssignmentStep,
    policy: CollectionPolicy,
    segment: str | None = None,
    reading: Reading | None = None,
) -> Assignment:
    """Who takes the case at this step. `load` is how many open cases each agent has; ties go by agent id.

    Agents who are absent (on their own day) are passed over. The `segment` and, for a case made by a reply, its
    `reading` tell which rule asks for a skill; without them only rules for all segments do. Nobody is left without
    a case for want of language or skill: who fits best takes it. Where a backup or manager is wanted and nobody else
    is there, the one who has it keeps it. Raises `NobodyCanTakeIt` where nobody at all is there.
    """
    present = _Present(agents, load, as_of)
    if not present.agents:
        raise NobodyCanTakeIt(
            f"case {case.case_id}: none of {len(agents)} agents and managers is there today; "
            "enter an agent who is, or end an absence"
        )
    skill = _skill_for(case, policy, segment, reading)
    holder = present.known.get(case.assigned_to or "")
    match step:
        case AssignmentStep.AGENT:
            found = _owner(customer, present) or _least_loaded(present, customer, skill, without=None)
        case AssignmentStep.BACKUP:
            found = _backup_of(holder, present) or _least_loaded(present, customer, skill, without=case.assigned_to)
        case AssignmentStep.MANAGER:
            found = (
                _manager_who_has_it(case, holder, present)
                or _manager_of(holder, present)
                or _any_manager(present, without=case.assigned_to)
            )
    return found or _somebody_else(present, case.assigned_to)


def is_there(agent: Agent, *, as_of: datetime) -> bool:
    """Whether the agent is not absent on their own day. An unknown zone counts as UTC: it must not stop a case."""
    try:
        local = as_of.astimezone(zone_named(agent.time_zone))
    except UnknownTimeZone:
        local = as_of.astimezone(UTC)
    return not agent.is_absent(on=local.date())


class _Present:
    """The agents who are there, least loaded first."""

    def __init__(self, agents: tuple[Agent, ...], load: Mapping[str, int], as_of: datetime) -> None:
        self.known = {agent.agent_id: agent for agent in agents}
        self.load = load
        self.agents = sorted(
            (agent for agent in self.known.values() if is_there(agent, as_of=as_of)),
            key=lambda agent: (load.get(agent.agent_id, 0), agent.agent_id),
        )

    def get(self, agent_id: str | None) -> Agent | None:
        return next((agent for agent in self.agents if agent.agent_id == agent_id), None)

    def cases_of(self, agent: Agent) -> str:
        count = self.load.get(agent.agent_id, 0)
        return f"{count} open case{'' if count == 1 else 's'}"


def _owner(customer: Customer, present: _Present) -> Assignment | None:
    if customer.owner is None:
        return None
    owner = present.get(customer.owner)
    if owner is not None:
        return Assignment(agent_id=owner.agent_id, because=f"{owner.name} looks after this customer")
    away = present.known.get(customer.owner)
    backup = present.get(away.backup) if away is not None else None
    if away is None or backup is None:
        return None
    return Assignment(agent_id=backup.agent_id, because=f"{away.name}, who looks after this customer, is absent")


def _least_loaded(
    present: _Present, customer: Customer, skill: str | None, *, without: str | None
) -> Assignment | None:
    """The least loaded of those who fit best; the skill weighs more than the language. Managers only if nobody else."""
    candidates = [agent for agent in present.agents if agent.role is AgentRole.AGENT and agent.agent_id != without]
    if not candidates:
        return None
    best = max(candidates, key=lambda agent: _fit(agent, customer, skill))
    why = [f"least loaded ({present.cases_of(best)})"]
    if skill is not None:
        why.append(f"knows {skill}" if skill in best.skills else f"nobody who is there knows {skill}")
    speaks = customer.language in best.languages
    why.append(f"speaks {customer.language}" if speaks else f"nobody who fits better speaks {customer.language}")
    return Assignment(agent_id=best.agent_id, because=f"{best.name}: {', '.join(why)}")


def _fit(agent: Agent, customer: Customer, skill: str | None) -> tuple[bool, bool]:
    return skill is None or skill in agent.skills, customer.language in agent.languages


def _backup_of(holder: Agent | None, present: _Present) -> Assignment | None:
    backup = present.get(holder.backup) if holder is not None else None
    if holder is None or backup is None or backup.agent_id == holder.agent_id:
        return None
    return Assignment(agent_id=backup.agent_id, because=f"{backup.name} is the backup of {holder.name}")


def _manager_who_has_it(case: Case, holder: Agent | None, present: _Present) -> Assignment | None:
    """A manager's own deadline has passed: the case stays, and they are asked again."""
    if (
        case.assignment_step is not AssignmentStep.MANAGER
        or holder is None
        or holder.role is not AgentRole.MANAGER
        or present.get(holder.agent_id) is None
    ):
        return None
    return Assignment(agent_id=holder.agent_id, because=f"{holder.name} has it, and the deadline has passed")


def _manager_of(holder: Agent | None, present: _Present) -> Assignment | None:
    manager = present.get(holder.manager) if holder is not None else None
    if holder is None or manager is None or manager.agent_id == holder.agent_id:
        return None
    return Assignment(agent_id=manager.agent_id, because=f"{manager.name} is the manager of {holder.name}")


def _any_manager(present: _Present, *, without: str | None) -> Assignment | None:
    managers = [agent for agent in present.agents if agent.role is AgentRole.MANAGER and agent.agent_id != without]
    if not managers:
        return None
    return Assignment(
        agent_id=managers[0].agent_id,
        because=f"{managers[0].name} is the least loaded manager ({present.cases_of(managers[0])})",
    )


def _somebody_else(present: _Present, holder_id: str | None) -> Assignment:
    """Nobody of the wanted kind is there: a manager, else any other, else whoever has it keeps it."""
    manager = _any_manager(present, without=holder_id)
    if manager is not None:
        return Assignment(agent_id=manager.agent_id, because=f"no agent is there; {manager.because}")
    others = [agent for agent in present.agents if agent.agent_id != holder_id]
    if others:
        return Assignment(
            agent_id=others[0].agent_id,
            because=f"no manager is there; {others[0].name} is least loaded ({present.cases_of(others[0])})",
        )
    return Assignment(agent_id=present.agents[0].agent_id, because=f"{present.agents[0].name}: nobody else is there")


def _skill_for(case: Case, policy: CollectionPolicy, segment: str | None, reading: Reading | None) -> str | None:
    if case.trigger is Trigger.REPLY and reading is None:
        return None
    intents = [read.intent for read in reading.intents] if reading is not None else []
    rules = rules_for(policy=policy, trigger=case.trigger, segment=segment, intents=intents)
    return next((rule.skill for rule in rules if rule.skill is not None), None)
