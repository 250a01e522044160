"""From a judged outreach to a message and its letter, with facts from our own records only."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from channels.letter_facts import gather_facts
from channels.rendering import Renderer
from policy.outreach import Outreach
from policy.time_zones import local_date
from receivables.account import Account
from receivables.collection_policy import CollectionPolicy
from receivables.messages import Letter, Message, MessageState
from store import agents, customers


class Composer:
    """Renders what policy decided to write. The named person is the customer's agent, else the company's."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    async def compose(
        self,
        connection: AsyncConnection,
        *,
        account: Account,
        outreach: Outreach,
        policy: CollectionPolicy,
        as_of: datetime,
        lease: timedelta,
    ) -> tuple[Message, Letter]:
        """A message in state reserved, its lease running from now, and the letter word for word."""
        customer = account.customer
        message = Message(
            key=outreach.key,
            customer_id=outreach.customer_id,
            kind=outreach.kind,
            step=outreach.step,
            template=outreach.template,
            tone=outreach.tone,
            channel=outreach.channel,
            to=outreach.to,
            window_on=outreach.window_on,
            items=outreach.items,
            state=MessageState.RESERVED,
            reserved_at=as_of,
            lease_until=as_of + lease,
            rule=outreach.reason.words,
            segment=outreach.segment,
        )
        facts = gather_facts(
            message=message,
            account=account,
            sender=policy.sender,
            person=await agents.find_agent(connection, customer.owner) if customer.owner is not None else None,
            reply_token=await customers.reply_token(connection, customer.customer_id),
            as_of=local_date(customer=customer, policy=policy, as_of=as_of),
            written_at=as_of,
        )
        return message, self._renderer.render(facts)
