"""What a letter may say: facts, cleaned of whatever does not belong into a mail. Templates see nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from channels.clean_text import OneLine, SomeLines
from receivables.account import Account, PaymentHistory, Standing
from receivables.agents import Agent
from receivables.collection_policy import Sender
from receivables.frozen import Frozen
from receivables.invoice import Invoice
from receivables.messages import Message, MessageItem, MessageKind, Tone
from receivables.money import Money, total_by_currency

HttpLink = Annotated[str, Field(pattern=r"^https?://[^\s\"'<>\\^`{|}]+$", max_length=2000)]
"""A link of our own configuration. Never one that a customer gave."""


class PersonToReach(Frozen):
    """The named person whom every automated message offers."""

    name: OneLine = Field(min_length=1)
    email: OneLine = Field(min_length=3)
    phone: OneLine = ""

    @field_validator("name")
    @classmethod
    def _is_not_blank(cls, name: str) -> str:
        if not name:
            raise ValueError("a letter names a person whom the customer can reach")
        return name


class LetterLine(Frozen):
    """A line of an invoice."""

    description: OneLine
    amount: Money


class Discount(Frozen):
    """For paying the whole early: `percent` of the invoice's amount, until a day (inclusive)."""

    percent: Decimal = Field(gt=0, lt=100)
    until_on: date


class PaymentWay(Frozen):
    """How to pay in a currency, in the policy's words."""

    currency: OneLine
    words: SomeLines
    link: HttpLink | None = None


class LetterItem(Frozen):
    """One invoice in a letter, in one currency. `received`: payments and credit notes so far, as a positive amount."""

    invoice_id: OneLine
    issued_on: date
    due_on: date
    amount: Money
    open_balance: Money
    received: Money
    days_past_due: int = 0
    level: int | None = None
    lines: tuple[LetterLine, ...] = ()
    discount: Discount | None = None
    purchase_order: OneLine | None = None

    @model_validator(mode="after")
    def _is_of_one_currency(self) -> LetterItem:
        if not self.amount.currency == self.open_balance.currency == self.received.currency:
            raise ValueError(f"invoice {self.invoice_id}: its amounts are not all of one currency")
        return self

    def discount_amount(self, *, as_of: date) -> Money | None:
        """What may be deducted when the whole is paid now; None where there is no discount, or it has lapsed.

        Rounded half up to the minor unit, as an accountant does.
        """
        if self.discount is None or as_of > self.discount.until_on or self.open_balance.minor <= 0:
            return None
        exact = Decimal(self.amount.minor) * self.discount.percent / 100
        minor = int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
        if not 0 < minor < self.open_balance.minor:
            return None
        return Money(minor=minor, currency=self.amount.currency)


class LetterFacts(Frozen):
    """All that a template may use. `as_of` is the customer's local day, `written_at` the instant of the Date header."""

    key: str = Field(min_length=1, max_length=500)
    kind: MessageKind
    template: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    tone: Tone
    language: OneLine
    """The customer's; a language that has no templates gets English."""
    country: OneLine = "GB"
    to: OneLine
    reply_token: str = Field(pattern=r"^[A-Za-z0-9_-]{1,58}$")
    company: OneLine = Field(min_length=1)
    company_address: SomeLines = ""
    company_email: OneLine
    reply_domain: OneLine
    customer_name: OneLine
    contact_name: OneLine = ""
    person: PersonToReach
    items: tuple[LetterItem, ...] = Field(min_length=1)
    on_account: tuple[Money, ...] = ()
    """Credit of the customer that lies on no invoice, one positive amount a currency: it lowers what is asked."""
    ways_to_pay: tuple[PaymentWay, ...] = ()
    self_service: HttpLink
    """The customer's own page: pay, dispute, ask for time, ask for a person."""
    is_unusual: bool = False
    """Being late is unusual for this customer (`lateness_is_unusual`)."""
    as_of: date
    written_at: datetime

    @field_validator("written_at")
    @classmethod
    def _has_a_zone(cls, written_at: datetime) -> datetime:
        if written_at.tzinfo is None:
            raise ValueError("written_at needs a time zone")
        return written_at.astimezone(UTC)

    @property
    def totals(self) -> dict[str, Money]:
        """What is open, one total a currency; for a receipt, what was received. Currencies are never added up."""
        if self.kind is MessageKind.RECEIPT:
            return total_by_currency(item.received for item in self.items)
        return total_by_currency(item.open_balance for item in self.items)

    def credit_for(self, currency: str) -> Money:
        """The credit on the account that may be deducted from this currency's total, never more than the total."""
        total = self.totals.get(currency, Money.zero(currency)).minor
        credit = sum(money.minor for money in self.on_account if money.currency == currency)
        return Money(minor=max(0, min(credit, total)), currency=currency)


FEW_SETTLED = 4
SELDOM_LATE = 0.2


def lateness_is_unusual(*, history: PaymentHistory) -> bool:
    """Whether "this is unusual for your account" is true: at least four settled, at most a fifth late, no trouble."""
    return (
        history.settled_count >= FEW_SETTLED and history.late_ratio <= SELDOM_LATE and history.last_trouble_on is None
    )


def gather_facts(
    *,
    message: Message,
    account: Account,
    sender: Sender,
    person: Agent | None,
    reply_token: str,
    as_of: date,
    written_at: datetime,
) -> LetterFacts:
    """The facts of a message that is about to be reserved. `person` is the customer's agent; None: the sender's person.

    Every invoice of the message must be on the account (KeyError).
    """
    every = (_item(item=item, standing=account.standing(item.invoice_id), as_of=as_of) for item in message.items)
    items = tuple(sorted(every, key=lambda item: (item.due_on, item.invoice_id)))
    currencies = {item.amount.currency for item in items}
    customer = account.customer
    return LetterFacts(
        key=message.key,
        kind=message.kind,
        template=message.template,
        tone=message.tone,
        language=customer.language,
        country=customer.country,
        to=message.to,
        reply_token=reply_token,
        company=sender.company,
        company_address=sender.address,
        company_email=sender.email,
        reply_domain=sender.reply_domain,
        customer_name=customer.name,
        contact_name=customer.contact.name,
        person=PersonToReach(name=person.name, email=person.email, phone=person.phone)
        if person is not None
        else PersonToReach(name=sender.person, email=sender.email, phone=sender.phone),
        items=items,
        on_account=account.unapplied,
        ways_to_pay=tuple(
            PaymentWay(currency=way.currency, words=way.words, link=way.link)
            for way in sender.ways_to_pay
            if way.currency in currencies
        ),
        self_service=self_service_page(sender, reply_token=reply_token),
        is_unusual=lateness_is_unusual(history=account.history),
        as_of=as_of,
        written_at=written_at,
    )


def self_service_page(sender: Sender, *, reply_token: str) -> str:
    """The customer's own page under the sender's self-service address."""
    return f"{sender.self_service.rstrip('/')}/{reply_token}"


def _item(*, item: MessageItem, standing: Standing, as_of: date) -> LetterItem:
    invoice: Invoice = standing.invoice
    return LetterItem(
        invoice_id=invoice.invoice_id,
        issued_on=invoice.issued_on,
        due_on=invoice.due_on,
        amount=invoice.amount,
        open_balance=item.open_balance,
        received=standing.received,
        days_past_due=invoice.days_past_due(as_of=as_of),
        level=item.level,
        lines=tuple(LetterLine(description=line.description, amount=line.amount) for line in invoice.lines),
        discount=Discount(percent=invoice.discount.percent, until_on=invoice.discount.until_on)
        if invoice.discount is not None and 0 < invoice.discount.percent < 100
        else None,
        purchase_order=invoice.purchase_order,
    )
