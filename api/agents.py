"""The people who collect, and their managers."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, Field, model_validator

from api.access import EVERYBODY, Role, needs
from api.bodies import StrictRoute
from api.customers import TimeZone
from api.errors import problems
from api.services import Use
from api.values import Answered, Asked, CountryCode, Day, EmailAddress, KnownId, LanguageCode, Name, OneLine, OwnId
from receivables.agents import Absence, Agent, AgentRole
from store import agents

router = APIRouter(prefix="/v1", tags=["agents"], route_class=StrictRoute)

Skill = Annotated[str, Field(min_length=1, max_length=60), OneLine]


def _each_once(words: list[str]) -> list[str]:
    return list(dict.fromkeys(words))


class AbsenceDetails(Asked):
    """Away from the first to the last day, both included."""

    from_on: Day
    until_on: Day

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "AbsenceDetails":
        if self.until_on < self.from_on:
            raise ValueError(f"until_on {self.until_on} lies before from_on {self.from_on}")
        return self


class AgentDetails(Asked):
    """An agent or manager. What is left out takes its default: a PUT says the whole."""

    name: Name = Field(examples=["Anna Baker"])
    email: EmailAddress
    phone: Annotated[str, Field(max_length=60), OneLine] = ""
    role: AgentRole = AgentRole.AGENT
    languages: Annotated[list[LanguageCode], Field(min_length=1, max_length=30), AfterValidator(_each_once)] = Field(
        default_factory=lambda: ["en"]
    )
    skills: Annotated[list[Skill], Field(max_length=50), AfterValidator(_each_once)] = Field(
        default_factory=list[Skill]
    )
    country: CountryCode = "GB"
    time_zone: TimeZone = "Europe/London"
    backup: KnownId | None = Field(default=None, description="Who takes their cases when a deadline passes.")
    manager: KnownId | None = None
    absences: Annotated[list[AbsenceDetails], Field(max_length=200)] = Field(default_factory=list[AbsenceDetails])

    def agent(self, agent_id: str) -> Agent:
        return Agent(
            agent_id=agent_id,
            languages=tuple(self.languages),
            skills=tuple(self.skills),
            absences=tuple(Absence(from_on=absence.from_on, until_on=absence.until_on) for absence in self.absences),
            **self.model_dump(exclude={"languages", "skills", "absences"}),
        )


class AbsenceView(Answered):
    from_on: date
    until_on: date


class AgentView(Answered):
    agent_id: str
    name: str
    email: str
    phone: str
    role: AgentRole
    languages: list[str]
    skills: list[str]
    country: str
    time_zone: str
    backup: str | None
    manager: str | None
    absences: list[AbsenceView]

    @classmethod
    def of(cls, agent: Agent) -> "AgentView":
        return cls.model_validate(agent.model_dump())


class AgentList(Answered):
    agents: list[AgentView]


@router.get(
    "/agents",
    operation_id="list_agents",
    summary="List agents and managers",
    response_model=AgentList,
    dependencies=[Depends(needs(*EVERYBODY))],
    responses=problems(),
)
async def list_agents(use: Use) -> AgentList:
    async with use.database.reading() as connection:
        found = await agents.list_agents(connection)
    return AgentList(agents=[AgentView.of(agent) for agent in found])


@router.put(
    "/agents/{agent_id}",
    operation_id="save_agent",
    summary="Tell of an agent, new or changed",
    description="Says the whole of an agent: skills, languages, absences, who backs them up. The same again changes "
    "nothing.",
    response_model=AgentView,
    dependencies=[Depends(needs(Role.MANAGER, Role.OPERATOR))],
    responses=problems(400, 413),
)
async def save_agent(
    agent_id: OwnId,
    details: AgentDetails,
    use: Use,
) -> AgentView:
    agent = details.agent(agent_id)
    async with use.database.writing() as connection:
        await agents.save(connection, agent)
    return AgentView.of(agent)
