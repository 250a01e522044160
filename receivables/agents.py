"""The people who collect: agents and their managers."""

from datetime import date
from enum import StrEnum

from receivables.frozen import Frozen


class AgentRole(StrEnum):
    AGENT = "agent"
    MANAGER = "manager"


class Absence(Frozen):
    """Away from the first to the last day, both included, in the agent's own zone."""

    from_on: date
    until_on: date


class Agent(Frozen):
    """A human collector. `backup` and `manager` are other agents' ids; `skills` are free words that policy asks for."""

    agent_id: str
    name: str
    email: str
    phone: str = ""
    role: AgentRole = AgentRole.AGENT
    languages: tuple[str, ...] = ("en",)
    skills: tuple[str, ...] = ()
    country: str = "GB"
    time_zone: str = "Europe/London"
    backup: str | None = None
    manager: str | None = None
    absences: tuple[Absence, ...] = ()

    def is_absent(self, *, on: date) -> bool:
        return any(absence.from_on <= on <= absence.until_on for absence in self.absences)
