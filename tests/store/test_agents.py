"""The people who collect, and when people were in contact with a customer."""

from datetime import date

from receivables.agents import Absence, Agent, AgentRole
from store import agents, people_contacts
from store.database import Database
from tests.store.known import MONDAY, know, minutes_later

ANN = Agent(
    agent_id="agent-1",
    name="Ann",
    email="ann@example.com",
    phone="+44 20 7946 0001",
    languages=("en", "de"),
    skills=("disputes",),
    country="DE",
    time_zone="Europe/Berlin",
    backup="agent-2",
    manager="manager-1",
    absences=(Absence(from_on=date(2024, 3, 1), until_on=date(2024, 3, 8)),),
)


async def test_an_agent_is_read_back_as_saved_and_saved_again_in_place(database: Database) -> None:
    promoted = ANN.model_copy(update={"role": AgentRole.MANAGER, "absences": (), "backup": None})
    another = Agent(agent_id="agent-0", name="Bob", email="bob@example.com")
    async with database.writing() as connection:
        for agent in (ANN, ANN, another):
            await agents.save(connection, agent)
        assert await agents.find_agent(connection, "agent-1") == ANN
        assert await agents.find_agent(connection, "agent-9") is None
        await agents.save(connection, promoted)
        assert await agents.list_agents(connection) == [another, promoted]


async def test_contacts_by_people_are_recorded_once_and_read_from_an_instant_on(database: Database) -> None:
    await know(database, C_1=(), C_2=())
    async with database.writing() as connection:

        async def record(contact_id: str, minutes: int, customer_id: str = "C-1") -> bool:
            return await people_contacts.record_contact(
                connection,
                contact_id=contact_id,
                customer_id=customer_id,
                at=minutes_later(minutes),
                agent_id="agent-1",
                words="called",
            )

        assert await record("later", 5)
        assert await record("now", 0)
        assert await record("now", 3) is False
        assert await record("before", -1)
        assert await record("another's", 1, "C-2")
        since = await people_contacts.contacts_since(connection, customer_id="C-1", since=MONDAY)
    assert since == (MONDAY, minutes_later(5))
