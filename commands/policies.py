"""`baton policy check` and `baton policy activate`: the rules as a file, checked with the place of each fault."""

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from commands.opening import bytes_of, now, opened_store, renderer_of, run
from commands.telling import TOLD_LATER, store_fact, tell_now
from commands.terminal import say
from policy.reading_policy import default_policy_text, read_policy, read_policy_bytes
from receivables.collection_policy import CollectionPolicy, Rollout
from runtime.settings import Settings, load_settings
from store import policies, timeline
from store.database import Database
from store.overview import running_invoices

BUILT_IN = "the built-in policy"

app = typer.Typer(no_args_is_help=True, help="Check a collection policy, or put it in force.")

PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The policy: a YAML file.", show_default=False)]


@app.command("check")
def check(file: PolicyFile) -> None:
    """Check a policy file: every fault with its line, its place and what to write there.

    Example: baton policy check examples/policy.yaml
    """
    policy = checked(bytes_of(file, what="a policy in YAML"), origin=str(file), settings=load_settings())
    levels = ", ".join(f"{name} ({len(ladder.levels)} levels)" for name, ladder in policy.ladders.items())
    say(f"{file}: no faults", style="green")
    say(f"  name      {policy.name}")
    say(f"  version   {policy.version}")
    say(f"  segments  {', '.join(segment.name for segment in policy.segments)}")
    say(f"  ladders   {levels}")
    say(f"  hours     {hours_in_words(policy)}")
    say(f"  running invoices would {policy.running_invoices.value}")


@app.command("activate")
def activate(
    file: PolicyFile,
    running: Annotated[
        Rollout | None,
        typer.Option(help="What running invoices do: keep their rules, or move to these. Else as the file says."),
    ] = None,
) -> None:
    """Put a policy in force. Running invoices look again at once; no level is sent twice, none is skipped.

    Example: baton policy activate policy.yaml --running keep
    """
    settings = load_settings()
    text = bytes_of(file, what="a policy in YAML")
    checked(text, origin=str(file), settings=settings)
    policy, chosen = with_running(text.decode("utf-8-sig"), running, origin=str(file))

    async def work() -> tuple[bool, int, bool]:
        async with opened_store(settings) as database:
            return await put_in_force(settings, database, policy, chosen, by="operator at the command line", at=now())

    is_new, running_count, is_told = run(work())
    if not is_new:
        say(f"{policy.name} ({policy.version}) is in force already; nothing has changed")
        return
    say(f"{policy.name} ({policy.version}) is in force from now on", style="green")
    say(
        f"  {running_count} running invoices look again, and {policy.running_invoices.value} their rules"
        if policy.running_invoices is Rollout.KEEP
        else f"  {running_count} running invoices look again, and move to these rules"
    )
    if not is_told:
        say(f"  {TOLD_LATER}", style="yellow")


def checked(content: bytes, *, origin: str, settings: Settings) -> CollectionPolicy:
    """The policy, complete with templates that exist. Raises BadPolicy, BadTemplate."""
    policy = read_policy_bytes(content, origin=origin)
    renderer_of(settings).check_policy_templates(policy)
    return policy


def with_running(text: str, running: Rollout | None, *, origin: str) -> tuple[CollectionPolicy, str]:
    """The policy and its text, with another answer to what running invoices do, where one was chosen."""
    policy = read_policy(text, origin=origin)
    if running is None or policy.running_invoices is running:
        return policy, text
    text, count = re.subn(r"^running_invoices\s*:.*$", f"running_invoices: {running.value}", text, flags=re.MULTILINE)
    if count == 0:
        text = f"{text.rstrip()}\n\nrunning_invoices: {running.value}\n"
    return read_policy(text, origin=origin), text


async def put_in_force(
    settings: Settings, database: Database, policy: CollectionPolicy, text: str, *, by: str, at: datetime
) -> tuple[bool, int, bool]:
    """Activate it and have every running invoice look again: whether it is new, how many, whether all were told."""
    async with database.writing() as connection:
        if not await policies.activate(connection, version=policy.version, name=policy.name, text=text, at=at):
            return False, 0, True
        # A policy may come back after another one: each activation is a fact of its own.
        fact_id = f"policy:{policy.version}:{uuid4().hex}"
        words = f"policy {policy.name} ({policy.version}) activated by {by}"
        running = await running_invoices(connection)
        await timeline.add_line(
            connection, natural_key=fact_id, customer_id="", at=at, kind="alert", words=words, rule="policy"
        )
        tellings = await store_fact(
            connection,
            fact_id=fact_id,
            kind="policy",
            content=policy.version,
            words=words,
            by=by,
            at=at,
            invoice_ids=running,
        )
    return True, len(running), await tell_now(settings, database, tellings, at=at)


async def first_policy(settings: Settings, *, file: Path | None = None, at: datetime) -> str | None:
    """Give a store that never had a policy its first one; what it is called, None where there is one already.

    That of `file`, else of BATON_POLICY_FILE, else the built-in one. Raises BadPolicy, BadTemplate.
    """
    async with opened_store(settings) as database:
        async with database.reading() as connection:
            if await policies.current(connection) is not None:
                return None
        file = file or settings.policy_file
        content = bytes_of(file, what="a policy in YAML") if file is not None else default_policy_text().encode()
        policy = checked(content, origin=str(file or BUILT_IN), settings=settings)
        async with database.writing() as connection:
            await policies.activate(
                connection, version=policy.version, name=policy.name, text=content.decode("utf-8-sig"), at=at
            )
        return f"{policy.name} ({policy.version}), from {file or BUILT_IN}"


def hours_in_words(policy: CollectionPolicy) -> str:
    """When customers are written to: "09:00 to 17:00 on mon tue wed thu fri, not on public holidays"."""
    hours = policy.contact.hours
    if is_always_open(policy):
        return "always open: customers are written to at any hour of any day"
    until = "24:00" if hours.until.isoformat("minutes") == "00:00" else hours.until.isoformat("minutes")
    holidays = "" if hours.public_holidays == "open" else ", not on public holidays"
    return (
        f"{hours.from_.isoformat('minutes')} to {until} on {' '.join(hours.weekdays)}{holidays} (the customer's time)"
    )


def is_always_open(policy: CollectionPolicy) -> bool:
    hours = policy.contact.hours
    all_day = hours.from_.isoformat("minutes") == hours.until.isoformat("minutes") == "00:00"
    return all_day and len(set(hours.weekdays)) == 7 and hours.public_holidays == "open"
