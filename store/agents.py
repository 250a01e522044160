"""The people who collect, as the backend or an operator described them last."""

from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.agents import Agent
from store import tables
from store.inserting import insert_or_update


def agent_of_row(row: Row[Any]) -> Agent:
    return Agent.model_validate(dict(row._mapping))


async def save(connection: AsyncConnection, agent: Agent) -> None:
    """The agent as given, new or in place of what was known of them."""
    await insert_or_update(connection, tables.agents, agent.model_dump(mode="json"), key=("agent_id",))


async def find_agent(connection: AsyncConnection, agent_id: str) -> Agent | None:
    row = (await connection.execute(select(tables.agents).where(tables.agents.c.agent_id == agent_id))).one_or_none()
    return None if row is None else agent_of_row(row)


async def list_agents(connection: AsyncConnection) -> list[Agent]:
    """All agents and managers, by id."""
    rows = await connection.execute(select(tables.agents).order_by(tables.agents.c.agent_id))
    return [agent_of_row(row) for row in rows]
