"""What letters say: true of this customer and invoice, in their language; and nothing that they are called runs."""

import html
import re
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from writing import a_letter_item, some_facts

from channels.letter_facts import (
    Discount,
    LetterFacts,
    LetterItem,
    LetterLine,
    PaymentWay,
    gather_facts,
    lateness_is_unusual,
)
from channels.mime import message_id_of, to_mime
from channels.rendering import BadTemplate, Renderer
from receivables.account import PaymentHistory
from receivables.agents import Agent
from receivables.collection_policy import WayToPay
from receivables.invoice import EarlyPaymentDiscount, InvoiceLine
from receivables.messages import Letter, MessageKind, Tone
from receivables.money import Money
from tests.builders import (
    a_customer,
    a_message,
    a_sender,
    a_standing,
    an_account,
    an_invoice,
    an_item,
    eur,
    utc,
)

RENDERER = Renderer()
LANGUAGES = ("en", "de", "fr", "nl", "es")


def _letter(*items: LetterItem, **changes: object) -> Letter:
    return RENDERER.render(some_facts(*items, **changes))


def _spaced(text: str) -> str:
    """With plain spaces, for comparison: the letters themselves have unbreakable ones in amounts."""
    return re.sub(r"[\u00a0\u202f]", " ", text)


# What it says


def test_scenario_25_a_part_payment_is_acknowledged_and_only_the_rest_is_asked_for():
    letter = _letter(a_letter_item(amount="100.00", received="50.00"))
    said = "For invoice INV-1 we have already received or credited €50.00, thank you; €50.00 is open."
    assert said in letter.text
    assert said in html.unescape(letter.html)
    assert "€50.00 is still open" in letter.text
    assert "Total EUR: €50.00" in letter.text
    assert "already received" not in _letter().text


@pytest.mark.parametrize("language", LANGUAGES)
def test_scenario_13_two_currencies_have_two_totals_and_no_sum(language: str):
    items = (
        a_letter_item(amount="100.00"),
        a_letter_item(invoice_id="INV-2", amount="70.00"),
        a_letter_item(invoice_id="INV-3", amount="50.00", currency="USD"),
    )
    letter = _letter(*items, language=language, country="")
    for part in (letter.text, letter.html):
        assert "170" in part
        assert re.search(r"\b50[.,]00", part)
        assert "220" not in part
    assert len(re.findall(r"(?:Total|Summe|Totaal) (?:EUR|USD)\u00a0?: ", letter.text)) == 2


@pytest.mark.parametrize(
    ("language", "country", "currency", "amount", "expected"),
    [
        ("en", "GB", "EUR", "1234.50", "€1,234.50"),
        ("en", "US", "USD", "1234.50", "$1,234.50"),
        ("de", "DE", "EUR", "1234.50", "1.234,50 €"),
        ("de", "CH", "CHF", "1234.50", "CHF 1’234.50"),
        ("fr", "FR", "EUR", "1234.50", "1 234,50 €"),
        ("nl", "NL", "EUR", "1234.50", "€ 1.234,50"),
        ("es", "ES", "EUR", "12345.60", "12.345,60 €"),
        ("de", "DE", "JPY", "123450", "123.450 ¥"),
        ("de", "DE", "KWD", "1234.567", "1.234,567 KWD"),
        ("de", "DE", "IQD", "1234.567", "1.234,567 IQD"),
    ],
)
def test_scenario_31_amounts_are_in_the_invoice_s_currency_and_the_customer_s_locale(
    language: str, country: str, currency: str, amount: str, expected: str
):
    letter = _letter(a_letter_item(amount=amount, currency=currency), language=language, country=country)
    assert expected in _spaced(letter.text)
    assert expected in _spaced(html.unescape(letter.html))


@pytest.mark.parametrize(
    ("language", "country", "expected"),
    [
        ("en", "GB", "was due on 1 March 2024"),
        ("en", "US", "was due on March 1, 2024"),
        ("en", "ZZ", "was due on 1 March 2024"),
        ("de", "DE", "am 1. März 2024 fällig"),
        ("fr", "FR", "au plus tard le 1er mars 2024"),
        ("nl", "NL", "uiterlijk op 1 maart 2024"),
        ("es", "ES", "venció el 1 de marzo de 2024"),
        ("de-AT", "AT", "am 1. März 2024 fällig"),
        ("DE", "DE", "am 1. März 2024 fällig"),
        ("pl", "PL", "was due on 1 March 2024"),
        ("", "", "was due on 1 March 2024"),
    ],
)
def test_days_are_written_as_the_customer_writes_them_and_an_unknown_language_is_english(
    language: str, country: str, expected: str
):
    assert expected in _letter(language=language, country=country).text


@pytest.mark.parametrize(
    ("language", "one", "many"),
    [
        ("en", "Reminder: invoice INV-1 was due", "Reminder: 2 invoices are past due"),
        ("de", "Erinnerung: Rechnung INV-1 war", "Erinnerung: 2 Rechnungen sind überfällig"),
        ("fr", "Rappel : la facture INV-1 était", "Rappel : 2 factures sont échues"),
        ("nl", "Herinnering: factuur INV-1 verviel", "Herinnering: 2 facturen zijn vervallen"),
        ("es", "Recordatorio: la factura INV-1 venció", "Recordatorio: 2 facturas han vencido"),
    ],
)
def test_one_invoice_and_several_are_spoken_of_as_such(language: str, one: str, many: str):
    assert _spaced(_letter(language=language).subject).startswith(one)
    letter = _letter(a_letter_item(), a_letter_item(invoice_id="INV-2"), language=language)
    assert _spaced(letter.subject) == many


@pytest.mark.parametrize("template", ["reminder_1", "reminder_2", "reminder_3", "final_notice"])
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "This is unusual for your account"),
        ("de", "Das ist für Ihr Kundenkonto ungewöhnlich"),
        ("fr", "C’est inhabituel pour votre compte"),
        ("nl", "Dat zijn wij van u niet gewend"),
        ("es", "No es lo habitual en su cuenta"),
    ],
)
def test_unusual_for_your_account_is_said_only_where_it_is_true(template: str, language: str, words: str):
    assert words in _letter(template=template, language=language, is_unusual=True).text
    assert words not in _letter(template=template, language=language, is_unusual=False).text


@pytest.mark.parametrize(
    ("history", "unusual"),
    [
        (PaymentHistory(settled_count=10, settled_late_count=2), True),
        (PaymentHistory(settled_count=10, settled_late_count=3), False),
        (PaymentHistory(settled_count=4, settled_late_count=0), True),
        (PaymentHistory(settled_count=3, settled_late_count=0), False),
        (PaymentHistory(settled_count=10, last_trouble_on=date(2024, 1, 5)), False),
        (PaymentHistory(), False),
    ],
)
def test_lateness_is_unusual_for_those_who_seldom_were_late(history: PaymentHistory, unusual: bool):
    assert lateness_is_unusual(history=history) is unusual


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", ["reminder_1", "reminder_2", "reminder_3"])
def test_each_tone_is_another_letter(language: str, template: str):
    letters = {_letter(language=language, template=template, tone=tone).text for tone in Tone}
    assert len(letters) == len(Tone)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", ["reminder_1", "reminder_2", "reminder_3", "final_notice"])
def test_a_letter_has_the_same_paragraphs_in_each_tone_and_number(language: str, template: str):
    several = (a_letter_item(), a_letter_item(invoice_id="INV-2"))
    for unusual in (False, True):
        counts = {
            _letter(*items, language=language, template=template, tone=tone, is_unusual=unusual).html.count("<p>")
            for tone in Tone
            for items in ((), several)
        }
        assert len(counts) == 1, counts


def test_the_discount_is_offered_only_where_an_item_has_one_that_still_holds():
    def due_soon(**changes: object) -> str:
        return _letter(
            a_letter_item(amount="99.99", due_on=date(2024, 4, 1), **changes),
            kind=MessageKind.DUE_SOON,
            template="due_soon",
        ).text

    offered = due_soon(discount=Discount(percent=Decimal("2.5"), until_on=date(2024, 3, 6)))
    assert "in full by 6 March 2024" in offered
    assert "discount of 2.5% (€2.50) and pay €97.49" in offered
    assert "discount" not in due_soon()
    assert "discount" not in due_soon(discount=Discount(percent=Decimal(2), until_on=date(2024, 3, 5)))
    chased = _letter(a_letter_item(discount=Discount(percent=Decimal(2), until_on=date(2024, 3, 6))))
    assert "discount" not in chased.text


def test_scenario_27_credit_on_the_account_lowers_what_is_asked():
    letter = _letter(on_account=(Money.of("30.00", "EUR"), Money.of("500.00", "USD")))
    assert "a credit of €30.00" in letter.text
    assert "€70.00 is left to pay" in letter.text
    assert "To pay: €70.00" in letter.text
    assert "USD" not in letter.text
    assert "€0.00 is left to pay" in _letter(on_account=(Money.of("300.00", "EUR"),)).text


def test_only_ways_to_pay_from_the_facts_are_offered_and_the_own_page_where_a_currency_has_none():
    items = (a_letter_item(), a_letter_item(invoice_id="INV-2", currency="CHF"))
    ways = (
        PaymentWay(currency="EUR", words="Bank transfer\nIBAN DE00 0000", link="https://pay.example.com/eur?a=1&b=2"),
    )
    letter = _letter(*items, ways_to_pay=ways)
    assert "- EUR: Bank transfer\n  IBAN DE00 0000\n  https://pay.example.com/eur?a=1&b=2\n" in letter.text
    assert "Amounts in CHF can be paid on your own page: https://pay.example.com/token-of-c1" in letter.text
    assert 'href="https://pay.example.com/eur?a=1&amp;b=2"' in letter.html
    assert "Bank transfer<br>IBAN DE00 0000" in letter.html


def test_a_receipt_asks_for_nothing():
    letter = _letter(a_letter_item(received="100.00"), kind=MessageKind.RECEIPT, template="receipt")
    assert letter.subject == "Thank you: invoice INV-1 is settled"
    assert "Total EUR: €100.00" in letter.text
    assert "How to pay" not in letter.text + letter.html
    assert "about=time" not in letter.text + letter.html
    assert "about=dispute" in letter.text


def test_invoice_lines_are_listed_unless_there_are_too_many():
    lines = tuple(LetterLine(description=f"Position {n}", amount=eur("10.00")) for n in range(30))
    few = _letter(a_letter_item(lines=lines, purchase_order="PO-77"))
    assert "  - Position 29: €10.00" in few.text
    assert "Position 29" in few.html
    assert "PO-77" in few.text
    many = _letter(a_letter_item(lines=lines), a_letter_item(invoice_id="INV-2", lines=lines[:1]))
    assert "Position" not in many.text + many.html


def test_scenario_fifty_invoices_make_one_letter_with_one_total():
    items = tuple(a_letter_item(invoice_id=f"INV-{n}", amount="10.10") for n in range(50))
    letter = _letter(*items)
    assert letter.subject == "Reminder: 50 invoices are past due"
    assert letter.text.count("Total EUR: €505.00") == 1
    assert all(f"INV-{n} " in letter.text for n in range(50))


def test_an_unknown_template_is_refused_by_name():
    with pytest.raises(BadTemplate, match=r"there is no template 'nope'; known: .*reminder_1"):
        _letter(template="nope")


# Headers


def test_a_letter_s_headers_come_from_the_key_the_token_and_the_time_given():
    letter = _letter()
    assert letter.message_id == message_id_of("C-1:level-1:2024-03-06", domain="replies.example.com")
    assert letter.reply_to == "reply+token-of-c1@replies.example.com"
    assert letter.sender == "Example Ltd <accounts@example.com>"
    headers = dict(letter.headers)
    assert headers["Date"] == "Wed, 06 Mar 2024 09:00:00 +0000"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["Content-Language"] == "en"
    assert "Precedence" not in headers
    assert letter == _letter(), "the same facts make the same letter"


# Whatever a customer is called

HOSTILE = [
    "<script>alert(1)</script>",
    "</p><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "{{ 7 * 7 }}",
    "{% raw %}{{ ''.__class__ }}",
    "{# gone #}",
    "${7*7} #{7*7} %s %(name)s {0}",
    "Acme\r\nBcc: all@evil.example",
    "Acme\n\nTotal EUR: €0.00",
    "\u202eevil\u2066",
    "\x00\x07\x1b[31m",
    "=?utf-8?q?=0D=0ABcc:_all=40evil.example?=",
    "a" * 5000,
    "&lt;b&gt; &amp;",
]
anything = st.text(max_size=80) | st.sampled_from(HOSTILE)


class _Skeleton(HTMLParser):
    """The tags and attribute names of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _facts_called(name: str) -> LetterFacts:
    item = a_letter_item(
        invoice_id=name or "INV-1",
        lines=(LetterLine(description=name, amount=eur("1.00")),),
        purchase_order="PO " + name,
        received="1.00",
    )
    return some_facts(item, customer_name=name, contact_name="A " + name, company="B " + name, template="reminder_1")


PLAIN = _Skeleton(RENDERER.render(_facts_called("plain")).html)


@given(name=anything)
def test_names_with_markup_line_breaks_or_template_syntax_are_inert(name: str):
    letter = RENDERER.render(_facts_called(name))
    assert _Skeleton(letter.html).tags == PLAIN.tags
    assert "\n" not in letter.subject
    assert len(letter.subject) <= 200
    assert not re.search(
        "[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", letter.text + letter.subject
    )
    assert letter.text.count("\n") == RENDERER.render(_facts_called("plain")).text.count("\n")
    mail = to_mime(letter)
    assert set(mail.keys()) == set(to_mime(_letter()).keys())
    assert mail["Bcc"] is None


@pytest.mark.parametrize("name", ["{{ 7 * 7 }}", "{% set words = 1 %}", "<b>Acme</b>", "Müller & Söhne"])
def test_a_name_is_printed_as_it_is(name: str):
    letter = _letter(contact_name=name)
    assert f"Dear {name}," in letter.text
    assert f"<p>Dear {html.escape(name)},</p>" in letter.html


@given(
    text=anything, template=st.sampled_from(["delivery_notice", "due_soon", "reminder_2", "final_notice", "receipt"])
)
def test_no_template_lets_markup_through(text: str, template: str):
    facts = _facts_called(text).model_copy(update={"template": template})
    plain = _facts_called("plain").model_copy(update={"template": template})
    assert _Skeleton(RENDERER.render(facts).html).tags == _Skeleton(RENDERER.render(plain).html).tags


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "https://x.example/\"onclick='1", "https://x.example/\nBcc: a", ""]
)
def test_a_link_that_is_not_a_plain_web_address_is_refused(link: str):
    with pytest.raises(ValueError, match="self_service"):
        some_facts(self_service=link)


@pytest.mark.parametrize(
    "changes",
    [
        {"reply_token": "a b"},
        {"reply_token": "a\r\n"},
        {"reply_token": "x" * 59},
        {"template": "../../etc/passwd"},
        {"items": ()},
        {"unknown": 1},
    ],
)
def test_facts_that_cannot_be_are_refused(changes: dict[str, object]):
    with pytest.raises(ValueError, match=next(iter(changes))):
        LetterFacts.model_validate({**some_facts().model_dump(), **changes})


# From the account


def test_facts_are_gathered_from_the_account_and_the_sender():
    invoice = an_invoice(
        invoice_id="INV-7",
        amount="100.00",
        lines=(InvoiceLine(description="Chairs", amount=eur("100.00")),),
        discount=EarlyPaymentDiscount(percent=Decimal(2), until_on=date(2024, 2, 11)),
    )
    later = an_invoice(invoice_id="INV-8", due_on=date(2024, 3, 2))
    account = an_account(
        a_standing(later),
        a_standing(invoice, open_balance="60.00"),
        customer=a_customer(language="de", owner="agent-1"),
        unapplied=(eur("5.00"),),
        history=PaymentHistory(settled_count=20),
    )
    message = a_message(an_item(later), an_item(invoice, open_balance=eur("60.00")), at=utc(2024, 3, 6, 9))
    ways = (WayToPay(currency="EUR", words="Transfer"), WayToPay(currency="USD", words="Wire"))
    facts = gather_facts(
        message=message,
        account=account,
        sender=a_sender(ways_to_pay=ways, self_service="https://pay.example.com/"),
        person=Agent(agent_id="agent-1", name="Ada", email="ada@example.com", phone="+49 30 1"),
        reply_token="token",
        as_of=date(2024, 3, 6),
        written_at=utc(2024, 3, 6, 9),
    )
    assert [item.invoice_id for item in facts.items] == ["INV-7", "INV-8"], "the oldest first"
    assert facts.items[0].received == eur("40.00")
    assert facts.items[0].days_past_due == 5
    assert facts.person.name == "Ada"
    assert [way.words for way in facts.ways_to_pay] == ["Transfer"]
    assert facts.self_service == "https://pay.example.com/token"
    assert facts.is_unusual
    assert facts.totals == {"EUR": eur("160.00")}
    letter = RENDERER.render(facts)
    assert letter.to == message.to
    assert "Zu zahlen: 155,00 €" in _spaced(letter.text)


def test_without_an_agent_the_sender_s_person_is_named():
    facts = gather_facts(
        message=a_message(at=utc(2024, 3, 6, 9)),
        account=an_account(),
        sender=a_sender(),
        person=None,
        reply_token="token",
        as_of=date(2024, 3, 6),
        written_at=utc(2024, 3, 6, 9),
    )
    assert facts.person.name == "Grace Miller"
    assert "Grace Miller" in RENDERER.render(facts).text
