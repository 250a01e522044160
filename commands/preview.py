"""`baton preview`: any message as a customer would read it; nothing is reserved and nothing leaves."""

from datetime import datetime
from typing import Annotated

import typer

from activities.rulebook import RuleBook
from channels.letter_facts import LetterFacts, gather_facts
from channels.rendering import Renderer
from channels.samples import kind_of_template, sample_facts
from commands.opening import now, opened_store, renderer_of, run
from commands.terminal import CommandFault, say
from policy.time_zones import local_date
from receivables.account import Account, Standing
from receivables.collection_policy import CollectionPolicy
from receivables.messages import ChannelName, Letter, Message, MessageItem, MessageKind, MessageState, Tone
from runtime.settings import Settings, load_settings
from store import agents, customers
from store.accounts import read_account

app = typer.Typer()


@app.command("preview")
def preview(
    template: Annotated[str, typer.Argument(metavar="TEMPLATE", help="Its name, as reminder_2.", show_default=False)],
    customer: Annotated[
        str | None, typer.Option("--customer", metavar="ID", help="With this customer's own open invoices.")
    ] = None,
    language: Annotated[str | None, typer.Option(metavar="xx", help="en, de, fr, nl, es; else the customer's.")] = None,
    tone: Annotated[Tone | None, typer.Option(help="Else as the message's kind has it.")] = None,
    many: Annotated[bool, typer.Option("--many", help="The sample with several invoices and currencies.")] = False,
    html: Annotated[bool, typer.Option("--html", help="The HTML part alone, to be opened in a browser.")] = False,
) -> None:
    """Show a message as its reader would see it. Nothing is sent.

    Examples:

        baton preview reminder_2 --language de

        baton preview final_notice --customer C-1002 --html > letter.html
    """
    settings = load_settings()
    renderer = renderer_of(settings)
    if template not in renderer.templates:
        raise CommandFault(
            f"there is no template {template!r}", remedy=f"There are: {', '.join(sorted(renderer.templates))}.", code=2
        )
    if customer is None:
        facts = sample_facts(
            kind_of_template(template), _known(language, renderer), template=template, tone=tone, many=many
        )
    else:
        facts = run(_facts_for(settings, customer, template, tone, at=now()))
        if language is not None:
            facts = facts.model_copy(update={"language": _known(language, renderer)})
    letter = renderer.render(facts)
    if html:
        typer.echo(letter.html, nl=False)
    else:
        _show(letter)


def _known(language: str | None, renderer: Renderer) -> str:
    if language is None:
        return "en"
    if language not in renderer.languages:
        raise CommandFault(
            f"there are no templates in {language!r}", remedy=f"There are: {', '.join(renderer.languages)}.", code=2
        )
    return language


def _show(letter: Letter) -> None:
    headers = [("From", letter.sender), ("To", letter.to), ("Reply-To", letter.reply_to), ("Subject", letter.subject)]
    for name, value in (*headers, ("Message-ID", letter.message_id), *letter.headers):
        say(f"{name}: {value}", style="dim")
    say("")
    say(letter.text.rstrip("\n"))


async def _facts_for(
    settings: Settings, customer_id: str, template: str, tone: Tone | None, *, at: datetime
) -> LetterFacts:
    async with opened_store(settings) as database, database.writing() as connection:  # it may make the reply token
        if await customers.find_customer(connection, customer_id) is None:
            raise CommandFault(f"there is no customer {customer_id}")
        account = await read_account(connection, customer_id=customer_id, as_of=at)
        policy = (await RuleBook().rules(connection)).current
        message = _as_if(account, template, tone, policy, at=at)
        owner = account.customer.owner
        return gather_facts(
            message=message,
            account=account,
            sender=policy.sender,
            person=await agents.find_agent(connection, owner) if owner is not None else None,
            reply_token=await customers.reply_token(connection, customer_id),
            as_of=message.window_on,
            written_at=at,
        )


def _as_if(account: Account, template: str, tone: Tone | None, policy: CollectionPolicy, *, at: datetime) -> Message:
    """The message that would go out, were this template due for all that the customer owes."""
    kind = kind_of_template(template)
    today = local_date(customer=account.customer, policy=policy, as_of=at)
    owed = [standing for standing in account.standings if standing.open_balance.minor > 0]
    is_ahead = kind in (MessageKind.DELIVERY_NOTICE, MessageKind.DUE_SOON)
    fitting = [each for each in owed if (each.invoice.due_on >= today) is is_ahead] or owed
    if not fitting:
        raise CommandFault(
            f"customer {account.customer.customer_id} owes nothing now", remedy="Leave --customer out to see a sample."
        )
    return Message(
        key=f"preview:{account.customer.customer_id}:{template}",
        customer_id=account.customer.customer_id,
        kind=kind,
        step=template,
        template=template,
        tone=tone or (Tone.FIRM if kind is MessageKind.FINAL_NOTICE else Tone.FRIENDLY),
        channel=ChannelName.EMAIL,
        to=account.customer.contact.email or "nobody@no-address.invalid",
        window_on=today,
        items=tuple(_item(standing, template) for standing in fitting),
        state=MessageState.RESERVED,
        reserved_at=at,
        lease_until=at,
    )


def _item(standing: Standing, template: str) -> MessageItem:
    return MessageItem(
        invoice_id=standing.invoice.invoice_id,
        step=template,
        level=None,
        cycle=standing.invoice.cycle,
        open_balance=standing.open_balance,
    )
