"""`baton decide`: what an agent decides about a case, read off the command line and taken to the case's run."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any
from uuid import uuid4

import typer
from pydantic import TypeAdapter, ValidationError

from activities.payloads import DecisionRequest, DecisionTaken
from activities.rulebook import RuleBook
from api.case_desk import TemporalCaseDesk
from commands.opening import now, opened_store, run
from commands.terminal import CommandFault, first_fault_of, say
from policy.decisions import check
from receivables.escalations import Decision
from receivables.money import Money
from runtime.settings import load_settings
from runtime.temporal import connect
from store import agents, cases, decisions, facts
from store.accounts import read_account
from store.cases import NoSuchCase

app = typer.Typer()

_DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)

OPTIONS: Mapping[str, tuple[dict[str, str], dict[str, str]]] = {
    "resume": ({}, {"on": "on"}),
    "hold": ({"until": "until_on", "reason": "reason"}, {}),
    "accept_promise": ({"on": "promised_on"}, {"amount": "amount"}),
    "move_due_date": ({"on": "due_on"}, {}),
    "close_dispute": ({"verdict": "verdict", "reason": "explanation"}, {}),
    "change_contact": ({"email": "email"}, {"name": "name"}),
    "personal_contact_only": ({}, {}),
    "keep_by_hand": ({"until": "until_on", "reason": "note"}, {}),
    "reassign": ({"to": "to"}, {}),
}
"""Each decision: the options that it needs, and those that it may have, each with the field that it fills."""

WORDS = {
    "resume": "automation goes on, now or --on a day",
    "hold": "nothing automated --until a day, for a --reason",
    "accept_promise": "the customer pays --on a day, an --amount or all that is open",
    "move_due_date": "more time: the invoices are due --on a day",
    "close_dispute": "the dispute is over: --verdict upheld, rejected or withdrawn, --reason",
    "change_contact": "write to --email (--name) from now on",
    "personal_contact_only": "no automated message to this customer any more",
    "keep_by_hand": "you go on by hand --until a day; --reason is your note",
    "reassign": "another agent takes it: --to AGENT",
}

DECISIONS = "\n\n".join(f"- {kind}: {words}" for kind, words in WORDS.items())


@app.command(
    "decide",
    help="Decide a case, in the name of the agent who has it, their backup, or a manager.\n\nDecisions:\n\n"
    + DECISIONS
    + "\n\nExamples:\n\n    baton decide case-INV-2057-1 resume --as sofia.reyes\n\n"
    '    baton decide case-INV-2057-1 hold --until 2027-01-15 --reason "audit until January" --as mary.clarke',
)
def decide(
    case_id: Annotated[str, typer.Argument(metavar="CASE", help="The case's id.", show_default=False)],
    decision: Annotated[str, typer.Argument(metavar="DECISION", help="See above.", show_default=False)],
    by: Annotated[str, typer.Option("--as", metavar="AGENT", help="Who decides.", show_default=False)],
    on: Annotated[str | None, typer.Option(metavar="DAY", help="A day, as 2027-01-15.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DAY", help="A day, as 2027-01-15.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why, in your words.")] = None,
    amount: Annotated[str | None, typer.Option(metavar="MONEY", help='As "1200.00 EUR".')] = None,
    verdict: Annotated[str | None, typer.Option(help="upheld, rejected or withdrawn.")] = None,
    email: Annotated[str | None, typer.Option(help="The new contact's address.")] = None,
    name: Annotated[str | None, typer.Option(help="The new contact's name.")] = None,
    to: Annotated[str | None, typer.Option(metavar="AGENT", help="Who takes it.")] = None,
    decision_id: Annotated[
        str | None, typer.Option("--id", help="Your own id of this decision: given again, it is taken once.")
    ] = None,
) -> None:
    given = {"on": on, "until": until, "reason": reason, "amount": amount, "verdict": verdict}
    given |= {"email": email, "name": name, "to": to}
    chosen = read_decision(decision, {option: text for option, text in given.items() if text is not None})
    request = DecisionRequest(
        case_id=case_id, decision_id=decision_id or f"cli-{uuid4().hex}", agent_id=by, decision=chosen
    )
    taken = run(_take_to_the_case(request))
    if taken is None:
        say("no worker answered: the decision waits with the case and is taken as soon as one does", style="yellow")
        return
    say(taken.words, style="green")
    if not taken.ends_case:
        say(f"the case goes on{f', with {taken.assigned.agent_id}' if taken.assigned else ''}")


def read_decision(kind: str, given: Mapping[str, str]) -> Decision:
    """The decision that was written on the command line. Raises CommandFault: what is missing, too much, or wrong."""
    kind = kind.strip().lower().replace("-", "_")
    if kind not in OPTIONS:
        raise CommandFault(
            f"{kind!r} is no decision",
            remedy=f"One of: {', '.join(name.replace('_', '-') for name in OPTIONS)}.",
            code=2,
        )
    needed, possible = OPTIONS[kind]
    missing = [f"--{option}" for option in needed if option not in given]
    beside = [f"--{option}" for option in given if option not in needed and option not in possible]
    if missing or beside:
        faults = [f"{', '.join(missing)} missing"] if missing else []
        faults += [f"it takes no {', '.join(beside)}"] if beside else []
        raise CommandFault(f"{kind.replace('_', '-')}: {'; '.join(faults)}", remedy=f"It says: {WORDS[kind]}.", code=2)
    fields: dict[str, Any] = {"kind": kind}
    for option, text in given.items():
        field = needed.get(option) or possible[option]
        fields[field] = _value(option, text)
    try:
        return _DECISION.validate_python(fields)
    except ValidationError as refusal:
        raise CommandFault(first_fault_of(refusal), remedy=f"It says: {WORDS[kind]}.", code=2) from refusal


async def _take_to_the_case(request: DecisionRequest) -> DecisionTaken | None:
    """The answer of the case's run; None where it waits there for a worker."""
    settings, at = load_settings(), now()
    async with opened_store(settings) as database:
        async with database.reading() as connection:
            case = await cases.find_case(connection, request.case_id)
            if case is None:
                raise NoSuchCase(f"there is no case {request.case_id}")
            earlier = await decisions.find_decision(connection, request.decision_id)
            if earlier is not None and (earlier.case_id, earlier.decision) == (request.case_id, request.decision):
                return DecisionTaken(**earlier.model_dump(include={"case_id", "decision_id", "words", "ends_case"}))
            everybody = await agents.list_agents(connection)
            by = next((agent for agent in everybody if agent.agent_id == request.agent_id), None)
            if by is None:
                known = ", ".join(agent.agent_id for agent in everybody) or "nobody yet"
                raise CommandFault(f"there is no agent {request.agent_id}", remedy=f"There are: {known}.")
            rules = await RuleBook().rules(connection)
            account = await read_account(
                connection, customer_id=case.customer_id, invoice_id=case.invoice_ids[0], as_of=at
            )
            # Refused here, in words, before anything is stored; the run asks again under the account's lock.
            check(
                decision=request.decision,
                case=case,
                by=by,
                agents=everybody,
                customer=account.customer,
                standings=account.standings,
                policy=rules.current,
                as_of=at,
            )
        if case.workflow_id is None:
            raise CommandFault(f"case {case.case_id} is being assigned", remedy="Ask again in a moment.")
        client = await connect(settings, wait_seconds=2)
        async with database.writing() as connection:
            await facts.take_fact(
                connection,
                fact_id=f"decision:{request.decision_id}",
                kind="decision",
                fingerprint=facts.fingerprint(request),
                by=by.agent_id,
                at=at,
                words=f"{by.agent_id} decides case {case.case_id}: {request.decision.kind}",
            )
        return await TemporalCaseDesk(client).decide(case.workflow_id, request)


def _value(option: str, text: str) -> date | Money | str:
    match option:
        case "on" | "until":
            return _day(option, text)
        case "amount":
            return _money(text)
        case _:
            return text


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as fault:
        raise CommandFault(f"--{option} {text}: a day is expected, as 2027-01-15", code=2) from fault


def _money(text: str) -> Money:
    amount, _, currency = text.strip().rpartition(" ")
    if not amount:
        raise CommandFault(f'--amount {text}: an amount and its currency are expected, as "1200.00 EUR"', code=2)
    if amount.isalpha():  # "EUR 1200.00", as we print it
        amount, currency = currency, amount
    try:
        return Money.of(amount.strip(), currency.upper())
    except ValueError as fault:
        raise CommandFault(f"--amount {text}: {fault}", code=2) from fault
