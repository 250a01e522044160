"""`baton agents`: the people who collect, from a YAML file."""

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pydantic import ValidationError

from commands.opening import bytes_of, opened_store, run
from commands.terminal import CommandFault, first_fault_of, out, say, table_of
from receivables.agents import Agent, AgentRole
from store import agents
from store.database import Database

app = typer.Typer(no_args_is_help=True, help="The people who collect: agents and their managers.")


@app.command("load")
def load(file: Annotated[Path, typer.Argument(metavar="FILE", help="Agents, in YAML.", show_default=False)]) -> None:
    """Tell of agents and managers, new or changed: all of a file, or nothing of it.

    Example: baton agents load examples/agents.yaml
    """
    found = read_agents(bytes_of(file, what="a list of agents in YAML"), origin=str(file))

    async def work() -> None:
        async with opened_store() as database:
            await save_agents(database, found)

    run(work())
    managers = sum(agent.role is AgentRole.MANAGER for agent in found)
    say(f"{len(found) - managers} agents and {managers} managers are known", style="green")


@app.command("list")
def list_all() -> None:
    """List agents and managers.

    Example: baton agents list
    """

    async def work() -> list[Agent]:
        async with opened_store() as database, database.reading() as connection:
            return await agents.list_agents(connection)

    found = run(work())
    if not found:
        say("no agents yet; tell of them: baton agents load FILE")
        return
    out.print(
        table_of(
            "agent",
            "name",
            "role",
            "languages",
            "skills",
            "backup",
            "manager",
            rows=[
                (
                    agent.agent_id,
                    agent.name,
                    agent.role.value,
                    " ".join(agent.languages),
                    " ".join(agent.skills),
                    agent.backup or "",
                    agent.manager or "",
                )
                for agent in found
            ],
        )
    )


async def save_agents(database: Database, found: tuple[Agent, ...]) -> None:
    async with database.writing() as connection:
        for agent in found:
            await agents.save(connection, agent)


def read_agents(content: bytes, *, origin: str) -> tuple[Agent, ...]:
    """The agents of a file: a list, or `agents:` with a list. Raises CommandFault with every fault and its place."""
    try:
        tree = yaml.safe_load(content.decode("utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as fault:
        raise CommandFault(f"{origin}: this is no YAML: {fault}") from fault
    listed: Any = tree.get("agents") if isinstance(tree, dict) else tree
    if not isinstance(listed, list) or not listed:
        raise CommandFault(f"{origin}: a list of agents is expected, as examples/agents.yaml has it")
    found: list[Agent] = []
    faults: list[str] = []
    for place, entry in enumerate(listed):
        try:
            found.append(Agent.model_validate(entry))
        except ValidationError as refusal:
            faults += [f"{origin}: agents[{place}].{fault}" for fault in first_fault_of(refusal).splitlines()]
    known = {agent.agent_id for agent in found}
    if len(known) < len(found):
        faults.append(f"{origin}: two agents have the same agent_id")
    faults += [
        f"{origin}: {agent.agent_id}.{field}: {name} is not in this file"
        for agent in found
        for field, name in (("backup", agent.backup), ("manager", agent.manager))
        if not faults and name is not None and name not in known
    ]
    if faults:
        raise CommandFault("\n".join(faults), remedy="Nothing was loaded.")
    return tuple(found)
