"""What a template sees: texts and yes-or-no values, ready to print. Nothing of ours can be called from a template."""

from dataclasses import dataclass
from urllib.parse import quote

from babel import Locale

from channels.formatting import day_text, list_text, locale_of, money_text, percent_text, short_day_text
from channels.letter_facts import LetterFacts, LetterItem
from receivables.messages import MessageKind

MOST_LINES_SHOWN = 30
"""With more invoice lines than this in one letter, the table of the invoices alone says it better."""


@dataclass(frozen=True, slots=True)
class LineView:
    description: str
    amount: str


@dataclass(frozen=True, slots=True)
class DiscountView:
    percent: str
    until: str
    amount: str
    to_pay: str


@dataclass(frozen=True, slots=True)
class ItemView:
    """`issued` and `due` are as in a sentence, `issued_short` and `due_short` as in a table."""

    invoice_id: str
    issued: str
    issued_short: str
    due: str
    due_short: str
    amount: str
    open: str
    received: str
    is_part_paid: bool
    days_past_due: int
    purchase_order: str
    lines: tuple[LineView, ...]
    discount: DiscountView | None


@dataclass(frozen=True, slots=True)
class TotalView:
    """`credit` and `to_pay` are empty where no credit on the account lowers the total."""

    currency: str
    total: str
    credit: str
    to_pay: str


@dataclass(frozen=True, slots=True)
class PersonView:
    name: str
    email: str
    email_link: str
    phone: str
    phone_link: str


@dataclass(frozen=True, slots=True)
class WayView:
    currency: str
    words: tuple[str, ...]
    link: str


@dataclass(frozen=True, slots=True)
class LinksView:
    page: str
    dispute: str
    time: str
    person: str


@dataclass(frozen=True, slots=True)
class View:
    """The variables of a template by name, and its items once more, typed."""

    variables: dict[str, object]
    items: tuple[ItemView, ...]


def view_of(facts: LetterFacts, *, language: str) -> View:
    """What a template in this language sees of the facts."""
    locale = locale_of(language, facts.country)
    shows_lines = 0 < sum(len(item.lines) for item in facts.items) <= MOST_LINES_SHOWN
    items = tuple(_item_view(item, facts=facts, locale=locale, shows_lines=shows_lines) for item in facts.items)
    totals = tuple(_total_view(currency, facts=facts, locale=locale) for currency in facts.totals)
    is_receipt = facts.kind is MessageKind.RECEIPT
    payable = {way.currency for way in facts.ways_to_pay}
    uncovered = [] if is_receipt else [currency for currency in facts.totals if currency not in payable]
    variables: dict[str, object] = {
        "kind": facts.kind.value,
        "tone": facts.tone.value,
        "language": language,
        "is_receipt": is_receipt,
        "is_unusual": facts.is_unusual,
        "company": facts.company,
        "company_address": tuple(line for line in facts.company_address.split("\n") if line),
        "customer_name": facts.customer_name,
        "contact_name": facts.contact_name,
        "items": items,
        "first": items[0],
        "count": len(items),
        "one": len(items) == 1,
        "oldest_due": day_text(min(item.due_on for item in facts.items), locale),
        "totals": totals,
        "total": list_text([total.total for total in totals], locale),
        "to_pay": list_text([total.to_pay or total.total for total in totals], locale),
        "several_currencies": len(totals) > 1,
        "person": _person_view(facts),
        "links": _links_view(facts.self_service),
        "ways": ()
        if is_receipt
        else tuple(
            WayView(currency=way.currency, words=tuple(way.words.split("\n")), link=way.link or "")
            for way in facts.ways_to_pay
        ),
        "uncovered": list_text(uncovered, locale) if uncovered else "",
    }
    return View(variables=variables, items=items)


def _item_view(item: LetterItem, *, facts: LetterFacts, locale: Locale, shows_lines: bool) -> ItemView:
    return ItemView(
        invoice_id=item.invoice_id,
        issued=day_text(item.issued_on, locale),
        issued_short=short_day_text(item.issued_on, locale),
        due=day_text(item.due_on, locale),
        due_short=short_day_text(item.due_on, locale),
        amount=money_text(item.amount, locale),
        open=money_text(item.open_balance, locale),
        received=money_text(item.received, locale),
        is_part_paid=item.received.minor > 0 and item.open_balance.minor > 0,
        days_past_due=item.days_past_due,
        purchase_order=item.purchase_order or "",
        lines=tuple(LineView(line.description, money_text(line.amount, locale)) for line in item.lines)
        if shows_lines
        else (),
        discount=_discount_view(item, facts=facts, locale=locale),
    )


def _discount_view(item: LetterItem, *, facts: LetterFacts, locale: Locale) -> DiscountView | None:
    amount = item.discount_amount(as_of=facts.as_of)
    if amount is None or item.discount is None:
        return None
    return DiscountView(
        percent=percent_text(item.discount.percent, locale),
        until=day_text(item.discount.until_on, locale),
        amount=money_text(amount, locale),
        to_pay=money_text(item.open_balance - amount, locale),
    )


def _total_view(currency: str, *, facts: LetterFacts, locale: Locale) -> TotalView:
    total = facts.totals[currency]
    credit = facts.credit_for(currency)
    is_lowered = credit.minor > 0 and facts.kind is not MessageKind.RECEIPT
    return TotalView(
        currency=currency,
        total=money_text(total, locale),
        credit=money_text(credit, locale) if is_lowered else "",
        to_pay=money_text(total - credit, locale) if is_lowered else "",
    )


def _person_view(facts: LetterFacts) -> PersonView:
    person = facts.person
    dialled = "".join(sign for sign in person.phone if sign in "+0123456789")
    return PersonView(
        name=person.name,
        email=person.email,
        email_link="mailto:" + quote(person.email, safe="@+"),
        phone=person.phone,
        phone_link=f"tel:{dialled}" if len(dialled) >= 3 else "",
    )


def _links_view(page: str) -> LinksView:
    mark = "&" if "?" in page else "?"
    return LinksView(
        page=page,
        dispute=f"{page}{mark}about=dispute",
        time=f"{page}{mark}about=time",
        person=f"{page}{mark}about=person",
    )
