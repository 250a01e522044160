"""`baton in-doubt`: messages that may or may not have left, listed and settled by a person."""

from typing import Annotated
from uuid import uuid4

import typer

from commands.opening import now, opened_store, run
from commands.telling import TOLD_LATER, store_fact, tell_now
from commands.terminal import CommandFault, out, say, table_of
from receivables.messages import Message, MessageState
from runtime.settings import load_settings
from store import agents, messages, timeline
from store.messages import NoSuchMessage

app = typer.Typer(no_args_is_help=True, help="Messages that may or may not have left.")

OUTCOMES = {"sent": MessageState.SENT, "send-again": MessageState.DEFERRED, "dropped": MessageState.DROPPED}


@app.command("list")
def list_in_doubt() -> None:
    """List what is in doubt. Nothing of it is sent again unless a person says so.

    Example: baton in-doubt list
    """

    async def work() -> list[Message]:
        async with opened_store() as database, database.reading() as connection:
            return await messages.in_doubt(connection, limit=1000)

    found = run(work())
    if not found:
        say("nothing is in doubt")
        return
    out.print(
        table_of(
            "key",
            "to",
            "invoices",
            "since (UTC)",
            "what is known",
            rows=[
                (
                    message.key,
                    message.to,
                    ", ".join(f"{item.invoice_id} {item.step}" for item in message.items),
                    f"{message.reserved_at:%d %b %H:%M}",
                    message.outcome,
                )
                for message in found
            ],
        )
    )
    say("\nsettle one: baton in-doubt settle KEY sent|send-again|dropped --as AGENT", style="dim")


@app.command("settle")
def settle(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The message's key.", show_default=False)],
    outcome: Annotated[
        str,
        typer.Argument(
            metavar="OUTCOME",
            show_default=False,
            help="sent: it left. send-again: it did not, send it. dropped: it did not, and shall not.",
        ),
    ],
    by: Annotated[str, typer.Option("--as", metavar="AGENT", help="Who settles it.", show_default=False)],
    because: Annotated[str, typer.Option(help="How you know.")] = "looked up by hand",
) -> None:
    """Say what became of a message, or have it sent again. Its invoices look again at once.

    Example: baton in-doubt settle C-1011:level-1:2026-11-23 sent --as anna.weber --because "in the server's log"
    """
    state = OUTCOMES.get(outcome.strip().lower().replace("_", "-"))
    if state is None:
        raise CommandFault(f"{outcome!r} is no outcome", remedy=f"One of: {', '.join(OUTCOMES)}.", code=2)
    settings, at = load_settings(), now()

    async def work() -> tuple[Message, bool]:
        async with opened_store(settings) as database:
            async with database.writing() as connection:
                if await agents.find_agent(connection, by) is None:
                    known = ", ".join(agent.agent_id for agent in await agents.list_agents(connection))
                    raise CommandFault(f"there is no agent {by}", remedy=f"There are: {known or 'none yet'}.")
                message = await messages.find(connection, key)
                if message is None:
                    raise NoSuchMessage(f"there is no message {key}")
                await messages.settle(connection, key=key, state=state, at=at, outcome=because, by=by)
                words = f"{message.step} in doubt settled by {by}: {outcome}"
                fact_id = f"settlement:cli-{uuid4().hex}"
                await timeline.add_line(
                    connection,
                    natural_key=fact_id,
                    customer_id=message.customer_id,
                    at=at,
                    kind="message",
                    words=words,
                    facts={"message": key, "because": because},
                )
                tellings = await store_fact(
                    connection,
                    fact_id=fact_id,
                    kind="settlement",
                    content={"key": key, "outcome": outcome},
                    words=words,
                    by=by,
                    at=at,
                    invoice_ids=[item.invoice_id for item in message.items],
                )
            return message, await tell_now(settings, database, tellings, at=at)

    message, is_told = run(work())
    what = {
        MessageState.SENT: "counts as sent; its level is used",
        MessageState.DEFERRED: "is judged again now, and sent again if it is still due",
        MessageState.DROPPED: "is dropped; its level is free",
    }[state]
    say(f"{message.key} {what}", style="green")
    if not is_told:
        say(TOLD_LATER, style="yellow")
