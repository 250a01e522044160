"""The keys of `baton run`: made once, kept in a file that only its owner can read."""

import json
import os
from datetime import datetime
from pathlib import Path

from pydantic import Field, ValidationError

from receivables.access import Role
from receivables.agents import AgentRole
from receivables.frozen import Frozen
from store import agents
from store.database import Database
from store.keys import check_key, make_key


class FirstKeys(Frozen):
    """The text of each key. `agents` are those of agents and managers, by agent_id."""

    service: str
    operator: str
    agents: dict[str, str] = Field(default_factory=dict)


async def first_keys(database: Database, file: Path, *, at: datetime) -> tuple[FirstKeys, bool]:
    """The keys in the file, and whether they were made now: where there are none, or the store knows them no more."""
    known = _read(file)
    async with database.writing() as connection:
        everybody = await agents.list_agents(connection)
        if known is not None and {agent.agent_id for agent in everybody} <= set(known.agents):
            secrets = (known.service, known.operator, *known.agents.values())
            if all([await check_key(connection, secret) is not None for secret in secrets]):
                return known, False
        made: dict[Role, str] = {}
        for role in (Role.SERVICE, Role.OPERATOR):
            _, made[role] = await make_key(connection, role=role, name="baton run", at=at)
        of_agents: dict[str, str] = {}
        for agent in everybody:
            role = Role.MANAGER if agent.role is AgentRole.MANAGER else Role.AGENT
            _, of_agents[agent.agent_id] = await make_key(
                connection, role=role, name="baton run", agent_id=agent.agent_id, at=at
            )
        keys = FirstKeys(service=made[Role.SERVICE], operator=made[Role.OPERATOR], agents=of_agents)
        # Written before the transaction commits: a crash in between leaves a file of keys that are not known, which the
        # next start makes anew, and never keys that nobody has.
        _write(file, keys)
    return keys, True


def _read(file: Path) -> FirstKeys | None:
    try:
        return FirstKeys.model_validate_json(file.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _write(file: Path, keys: FirstKeys) -> None:
    fresh = file.with_suffix(".tmp")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as into:
        json.dump(keys.model_dump(), into, indent=2)
        into.write("\n")
        into.flush()
        os.fsync(into.fileno())
    fresh.replace(file)
