"""Looking only: `baton why`, `baton cases`, `baton status`."""

import json
from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from activities.rulebook import RuleBook
from commands.opening import now, opened_store, run
from commands.terminal import CommandFault, out, plain, say, table_of
from policy.why import Explanation, explain
from receivables.escalations import Case
from receivables.ledger import PaymentFeed
from receivables.steps import Close, Contact, Escalate, NextStep, Wait
from receivables.timeline import Line
from runtime.settings import load_settings
from runtime.temporal import TemporalAway, address_of, connect
from store import cases as stored_cases
from store import feeds, invoices, policies, timeline
from store.accounts import read_account
from store.invoices import Headline
from store.overview import Overview, overview

app = typer.Typer()

LAST_LINES = 12


@app.command("why")
def why(
    invoice: Annotated[str, typer.Argument(metavar="INVOICE", help="The invoice's id.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Everything that was looked at, as JSON.")] = False,
) -> None:
    """Why an invoice is where it is: what comes next, when, by which rule and facts; what is held back and why.

    Example: baton why INV-2028
    """

    async def work() -> tuple[Headline, Explanation, list[Line]]:
        as_of = now()
        async with opened_store() as database, database.reading() as connection:
            record = await invoices.find_invoice(connection, invoice)
            if record is None:
                raise CommandFault(
                    f"there is no invoice {invoice}",
                    remedy="`baton status` shows what there is; ids are the backend's.",
                )
            account = await read_account(
                connection, customer_id=record.invoice.customer_id, invoice_id=invoice, as_of=as_of
            )
            rules = await RuleBook().rules(connection)
            lines = await timeline.lines_of(connection, invoice_id=invoice, newest_first=True, limit=LAST_LINES)
            headline = await invoices.headline_of(connection, invoice)
        return headline, explain(account=account, invoice_id=invoice, rules=rules, as_of=as_of), lines

    headline, explanation, lines = run(work())
    if as_json:
        typer.echo(explanation.model_dump_json(indent=2))
        return
    step = explanation.next_step
    say(headline.words, style="bold")
    say(f"  stage      {headline.stage.value}, segment {explanation.segment}: {explanation.segment_words}")
    say(f"  treatment  {explanation.treatment_words} (policy {explanation.policy_version})")
    out.print(Text("  next       ", style="bold") + Text(plain(_next_in_words(step))))
    say(f"  because    {step.reason.words} (rule {step.reason.rule})")
    for name, value in step.reason.facts.items():
        say(f"             {name}: {value}", style="dim")
    say("\nconsidered, in this order", style="bold")
    out.print(
        table_of(
            "rule",
            "what it says",
            rows=[(reason.rule, reason.words + _facts_in_words(reason.facts)) for reason in explanation.considered],
        )
    )
    if lines:
        say("\nso far", style="bold")
        for line in reversed(lines):
            say(f"  {line.at:%d %b %H:%M}  {line.kind.replace('_', ' '):<10} {line.words}")


@app.command("cases")
def cases(
    mine: Annotated[str | None, typer.Option("--mine", metavar="AGENT", help="Only those of this agent.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that have ended, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """The worklist: cases with a person, the earliest deadline first.

    Example: baton cases --mine anna.weber
    """

    async def work() -> list[Case]:
        async with opened_store() as database, database.reading() as connection:
            return await stored_cases.list_cases(
                connection, assigned_to=mine, is_open=None if everything else True, limit=1000
            )

    found = run(work())
    if as_json:
        typer.echo(json.dumps([case.model_dump(mode="json") for case in found], indent=2))
        return
    if not found:
        say(f"no cases{f' of {mine}' if mine else ''}")
        return
    at = now()
    out.print(
        table_of(
            "case",
            "with",
            "by (UTC)",
            "urgency",
            "customer",
            "invoices",
            "why",
            rows=[
                (
                    case.case_id,
                    case.assigned_to or "nobody yet",
                    Text(f"{case.deadline_at:%d %b %H:%M}", style="red" if _is_late(case, at) else ""),
                    case.urgency.value,
                    case.customer_id,
                    ", ".join(case.invoice_ids),
                    case.words if case.state.is_open else f"{case.state.value}: {case.outcome or case.words}",
                )
                for case in found
            ],
        )
    )
    if any(case.state.is_open for case in found):
        say("\ndecide one: baton decide CASE resume --as AGENT   (baton decide --help has all decisions)", style="dim")


@app.command("status")
def status() -> None:
    """How things stand: store, Temporal, policy, payment feeds, invoices by stage, cases, what is in doubt.

    Ends with code 1 where Temporal does not answer.

    Example: baton status
    """
    settings = load_settings()

    async def work() -> tuple[Overview, policies.PolicyText | None, list[PaymentFeed]]:
        async with opened_store(settings) as database, database.reading() as connection:
            return (
                await overview(connection, as_of=now()),
                await policies.current(connection),
                await feeds.list_feeds(connection),
            )

    async def ask_temporal() -> str | None:
        try:
            await connect(settings)
        except TemporalAway as fault:
            return str(fault)
        return None

    counts, policy, known_feeds = run(work())
    away = run(ask_temporal())
    where = address_of(settings)
    say(f"store      {settings.shown_store_url}")
    say(
        f"temporal   {where.address}, namespace {where.namespace}: {'answers' if away is None else 'does not answer'}",
        style="" if away is None else "red",
    )
    say(f"policy     {f'{policy.name} ({policy.version})' if policy else 'none was ever activated'}")
    for feed in known_feeds:
        say(f"feed       {feed.feed_id}, complete until {feed.complete_until_at:%d %b %Y %H:%M} UTC")
    if not known_feeds:
        say("feed       none was ever heard of: nobody is chased while the policy asks for fresh money", style="yellow")
    stages = ", ".join(f"{count} {stage.value.replace('_', ' ')}" for stage, count in counts.invoices.items() if count)
    say(f"invoices   {stages or 'none yet'}")
    say(f"cases      {counts.open_cases} open, {counts.late_cases} past their deadline")
    say(f"in doubt   {counts.in_doubt}{' (baton in-doubt list)' if counts.in_doubt else ''}")
    since = f", the oldest since {counts.untold_since:%d %b %H:%M} UTC" if counts.untold_since else ""
    say(f"untold     {counts.untold} facts wait to be told to workflows{since}; {counts.unread_replies} replies unread")
    if away is not None:
        raise CommandFault(away)


def _next_in_words(step: NextStep) -> str:
    match step:
        case Contact():
            return f"{step.step} ({step.message.value.replace('_', ' ')}) at {step.at:%a %d %b %Y %H:%M} UTC"
        case Wait():
            held = f"; {step.held_back} is held back" if step.held_back else ""
            return f"nothing until {step.look_again_at:%a %d %b %Y %H:%M} UTC, or news{held}"
        case Escalate():
            trigger = step.trigger.value.replace("_", " ")
            return f"a person, {step.urgency.value}, by {step.deadline_at:%a %d %b %H:%M} UTC ({trigger})"
        case Close():
            return f"the end: {step.stage.value}"


def _facts_in_words(facts: dict[str, str]) -> str:
    return f" ({'; '.join(f'{name}: {value}' for name, value in facts.items())})" if facts else ""


def _is_late(case: Case, at: datetime) -> bool:
    return case.state.is_open and case.deadline_at <= at
