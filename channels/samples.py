"""Sample facts: what `check_templates` renders every template with, and what `baton preview` shows."""

from datetime import UTC, date, datetime
from decimal import Decimal

from channels.letter_facts import Discount, LetterFacts, LetterItem, LetterLine, PaymentWay, PersonToReach
from receivables.messages import MessageKind, Tone
from receivables.money import Money

SAMPLE_DAY = date(2026, 3, 17)

TEMPLATES_BY_KIND: dict[MessageKind, tuple[str, ...]] = {
    MessageKind.DELIVERY_NOTICE: ("delivery_notice",),
    MessageKind.DUE_SOON: ("due_soon",),
    MessageKind.REMINDER: ("reminder_1", "reminder_2", "reminder_3"),
    MessageKind.FINAL_NOTICE: ("final_notice",),
    MessageKind.RECEIPT: ("receipt",),
}
"""The templates that come with Baton, by what they are for."""

_TONES = {MessageKind.REMINDER: Tone.NEUTRAL, MessageKind.FINAL_NOTICE: Tone.FIRM}
_COUNTRIES = {"en": "GB", "de": "DE", "fr": "FR", "nl": "NL", "es": "ES"}


def kind_of_template(template: str) -> MessageKind:
    """What a template is for. One that we do not know is checked as a reminder, which has the most to say."""
    for kind, templates in TEMPLATES_BY_KIND.items():
        if template in templates:
            return kind
    return MessageKind.REMINDER


def sample_facts(
    kind: MessageKind,
    language: str,
    *,
    template: str | None = None,
    tone: Tone | None = None,
    many: bool = False,
) -> LetterFacts:
    """Facts of an invented customer. `many`: several invoices in two currencies, with everything that can be said."""
    items = _many_items(kind) if many else (_item("INV-1042", kind=kind),)
    return LetterFacts(
        key=f"sample:{kind.value}:{SAMPLE_DAY}",
        kind=kind,
        template=template or TEMPLATES_BY_KIND[kind][0],
        tone=tone or _TONES.get(kind, Tone.FRIENDLY),
        language=language,
        country=_COUNTRIES.get(language, "GB"),
        to="ap@customer.example",
        reply_token="sample-token",
        company="Northwind Trading",
        company_address="1 Harbour Road\nBristol BS1 4AA",
        company_email="accounts@northwind.example",
        reply_domain="replies.northwind.example",
        customer_name="Hartmann & Söhne",
        contact_name="" if many else "Alex Hartmann",
        person=PersonToReach(name="Robin Ellery", email="robin.ellery@northwind.example", phone="+44 117 496 0123"),
        items=items,
        on_account=(Money.of("20.00", "EUR"),) if many and kind is not MessageKind.RECEIPT else (),
        ways_to_pay=(
            PaymentWay(currency="EUR", words="Northwind Trading, IBAN GB33BUKB20201555555555, BIC BUKBGB22"),
            PaymentWay(currency="USD", words="Card or bank transfer", link="https://card.northwind.example/usd"),
        )
        if many
        else (PaymentWay(currency="EUR", words="Northwind Trading, IBAN GB33BUKB20201555555555, BIC BUKBGB22"),),
        self_service="https://account.northwind.example/sample-token",
        is_unusual=many,
        as_of=SAMPLE_DAY,
        written_at=datetime(2026, 3, 17, 9, 0, tzinfo=UTC),
    )


def _many_items(kind: MessageKind) -> tuple[LetterItem, ...]:
    is_paid = kind is MessageKind.RECEIPT
    return (
        _item("INV-1042", kind=kind),
        _item(
            "INV-1043",
            kind=kind,
            received="1000.00" if is_paid else "400.00",
            discount=Discount(percent=Decimal(2), until_on=date(2026, 3, 20)),
            lines=(
                LetterLine(description="Shelving, oak", amount=Money.of("700.00", "EUR")),
                LetterLine(description="Delivery and fitting", amount=Money.of("300.00", "EUR")),
            ),
        ),
        _item("INV-1044", kind=kind, currency="USD"),
        _item("INV-1045", kind=kind, currency="JPY", amount="120000"),
    )


def _item(
    invoice_id: str,
    *,
    kind: MessageKind,
    currency: str = "EUR",
    amount: str = "1000.00",
    received: str | None = None,
    discount: Discount | None = None,
    lines: tuple[LetterLine, ...] = (),
) -> LetterItem:
    is_ahead = kind in (MessageKind.DELIVERY_NOTICE, MessageKind.DUE_SOON)
    due_on = date(2026, 3, 31) if is_ahead else date(2026, 3, 3)
    billed = Money.of(amount, currency)
    paid = Money.of(received or "0", currency) if kind is not MessageKind.RECEIPT else billed
    return LetterItem(
        invoice_id=invoice_id,
        issued_on=date(2026, 3, 1) if is_ahead else date(2026, 2, 1),
        due_on=due_on,
        amount=billed,
        open_balance=billed - paid,
        received=paid,
        days_past_due=max(0, (SAMPLE_DAY - due_on).days),
        level=1 if kind is MessageKind.REMINDER else None,
        lines=lines,
        discount=discount,
    )
