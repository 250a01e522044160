"""`baton keys`: who may use the API. A key is shown once, when it is made; only its hash is stored."""

from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from commands.opening import now, opened_store, run
from commands.terminal import CommandFault, out, say, table_of
from receivables.access import KeyRecord, Role
from receivables.agents import AgentRole
from store import agents
from store.keys import list_keys, make_key, revoke_key

app = typer.Typer(no_args_is_help=True, help="Keys of the API: make, list, revoke.")


@app.command("add")
def add(
    role: Annotated[Role, typer.Argument(help="What its holder may do.", show_default=False)],
    name: Annotated[str, typer.Option(help="What it is for.", show_default=False)] = "",
    agent: Annotated[str | None, typer.Option("--as", metavar="AGENT", help="Whose, for agents and managers.")] = None,
) -> None:
    """Make a key and show it, once.

    Examples:

        baton keys add service --name "our ERP"

        baton keys add agent --as anna.weber
    """

    async def work() -> tuple[KeyRecord, str]:
        async with opened_store() as database, database.writing() as connection:
            if agent is not None:
                await _require_agent(connection, agent, role)
            return await make_key(connection, role=role, name=name or agent or role.value, agent_id=agent, at=now())

    record, secret = run(work())
    say(secret, style="bold")
    typer.echo(f"role {record.role.value}; keep it now, it is not shown again (id {record.key_id})", err=True)


async def _require_agent(connection: AsyncConnection, agent_id: str, role: Role) -> None:
    found = await agents.find_agent(connection, agent_id)
    if found is None:
        raise CommandFault(f"there is no agent {agent_id}", remedy="`baton agents load FILE` tells of them.")
    if role is Role.MANAGER and found.role is not AgentRole.MANAGER:
        raise CommandFault(f"{agent_id} is no manager", remedy=f"baton keys add agent --as {agent_id}")
    if role not in (Role.AGENT, Role.MANAGER):
        raise CommandFault(f"a key of role {role.value} is nobody's own", remedy="Leave --as out.")


@app.command("list")
def list_all() -> None:
    """List the keys that were made, without their secrets.

    Example: baton keys list
    """

    async def work() -> list[KeyRecord]:
        async with opened_store() as database, database.reading() as connection:
            return await list_keys(connection)

    found = run(work())
    if not found:
        say('no keys yet; make one: baton keys add service --name "our ERP"')
        return
    out.print(
        table_of(
            "id",
            "role",
            "whose",
            "name",
            "made (UTC)",
            "state",
            rows=[
                (
                    key.key_id,
                    key.role.value,
                    key.agent_id or "",
                    key.name,
                    f"{key.made_at:%d %b %Y %H:%M}",
                    f"revoked {key.revoked_at:%d %b %Y %H:%M}" if key.revoked_at else "in use",
                )
                for key in found
            ],
        )
    )


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Its id, not its secret.", show_default=False)],
) -> None:
    """End a key: within seconds the API takes it no more.

    Example: baton keys revoke 1f9a02bc44de
    """

    async def work() -> bool:
        async with opened_store() as database, database.writing() as connection:
            return await revoke_key(connection, key_id=key_id, at=now())

    say(f"key {key_id} is revoked" if run(work()) else f"key {key_id} had been revoked before")
