"""Facts into a letter: Jinja2 in its sandbox, a file of words per letter and language, a layout each for text and HTML.

Words (`<language>/<template>.jinja`, `<language>/_common.jinja`) are plain text and are rendered once; the layouts
(`_layout.txt`, `_layout.html`) print them, the HTML one escaping everything. So the two parts never say different
things, and nothing that a customer is called can become markup. A folder of one's own is looked into first: it may
replace any of these files, or bring a whole `<language>/<template>.html` and `.txt` in place of the layouts.
"""

import re
from collections.abc import Iterator
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace

from jinja2 import Template, TemplateError

from channels.addresses import UnusableAddress, usable_address
from channels.clean_text import one_line
from channels.letter_facts import LetterFacts, self_service_page
from channels.letter_view import ItemView, view_of
from channels.mime import mailbox, message_id_of
from channels.samples import TEMPLATES_BY_KIND, kind_of_template, sample_facts
from channels.template_check import faults_of
from channels.template_files import FALLBACK_LANGUAGE, BadTemplate, TemplateFiles, place_in_template, words_of
from receivables.collection_policy import CollectionPolicy
from receivables.messages import Letter, MessageKind, Tone

__all__ = ["BadTemplate", "Renderer"]

_PARAGRAPHS = ("opening", "closing")
_LINES = ("part_payments", "credits", "discount_offers")
_OWN_WORDS = ("subject", "opening", "closing")
_SPACE = re.compile(r"[ \t\r\n]+")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_BLANK_LINES = re.compile(r"\n{3,}")
_MOST_IN_A_SUBJECT = 200
_WIDEST_COLUMN = 32


class Renderer:
    """Renders letters. Built once and shared; it holds compiled templates and no state.

    `extra_dir`: a folder of one's own templates, each file of which is preferred to ours. Where it is given, every
    template that it has a hand in is checked at once, and a broken one is refused here (`BadTemplate`).
    """

    def __init__(self, extra_dir: Path | None = None) -> None:
        self._files = TemplateFiles(extra_dir)
        if extra_dir is not None:
            self._check(touched_by=extra_dir)

    @property
    def templates(self) -> frozenset[str]:
        """The names that a policy may use."""
        return self._files.names

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(sorted(self._files.by_language))

    def render(self, facts: LetterFacts) -> Letter:
        """The letter for these facts. Raises `BadTemplate` where the template does not exist or fails on them."""
        letter, _ = self._render(facts)
        return letter

    def check_templates(self) -> None:
        """Render every template in every language, tone and number, and refuse what breaks promise 11.

        Raises `BadTemplate` with all faults: the template, the language, and what is missing.
        """
        self._check(touched_by=None)

    def check_policy_templates(self, policy: CollectionPolicy) -> None:
        """Refuse a policy whose templates or sender cannot be printed (`BadTemplate`, with the place of each fault).

        A template must exist, and must say what a message of its kind has to say (promise 11).
        """
        faults = list(_sender_faults(policy))
        for place, template, kind in _templates_of(policy):
            if template not in self.templates:
                faults.append(f"{place}: there is no template {template!r}; known: {', '.join(sorted(self.templates))}")
            elif not _suits(template, kind):
                ours = ", ".join(TEMPLATES_BY_KIND[kind])
                faults.append(f"{place}: {template!r} cannot be a {kind.value}; use {ours}, or a template of your own")
            elif kind is not kind_of_template(template):
                for language in self.languages:
                    faults += (f"{place}: {words}" for words in self._faults_of(template, kind=kind, language=language))
        if faults:
            raise BadTemplate(*dict.fromkeys(faults))

    def _check(self, *, touched_by: Path | None) -> None:
        faults: list[str] = []
        for language, names in sorted(self._files.by_language.items()):
            for template in sorted(names):
                if template not in self.templates:
                    faults.append(f"{language}/{template}.jinja: there is no {FALLBACK_LANGUAGE}/{template}.jinja")
                elif touched_by is None or self._files.find(language=language, template=template).is_partly_from(
                    touched_by
                ):
                    faults += self._faults_of(template, kind=kind_of_template(template), language=language)
        if faults:
            raise BadTemplate(*dict.fromkeys(faults))

    def _render(self, facts: LetterFacts) -> tuple[Letter, str]:
        try:
            return self._render_unguarded(facts)
        except TemplateError as fault:
            raise BadTemplate(words_of(fault)) from fault
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError) as fault:
            if place_in_template(fault) is None:
                raise
            raise BadTemplate(words_of(fault)) from fault

    def _render_unguarded(self, facts: LetterFacts) -> tuple[Letter, str]:
        found = self._files.find(language=facts.language, template=facts.template)
        view = view_of(facts, language=found.language)
        words = SimpleNamespace()
        variables: dict[str, object] = {**view.variables, "words": words}
        _take_words(words, found.common, variables)
        _take_words(words, found.own, variables)
        missing = [name for name in (*_OWN_WORDS, "automation_notice") if not hasattr(words, name)]
        if missing:
            raise BadTemplate(f"{found.own.name}: neither it nor its _common.jinja sets {', '.join(missing)}")
        variables["table"] = _text_table(words, view.items, is_receipt=facts.kind is MessageKind.RECEIPT)
        domain = _reply_domain(facts.reply_domain)
        letter = Letter(
            key=facts.key,
            message_id=message_id_of(facts.key, domain=domain),
            sender=mailbox(name=facts.company, address=facts.company_email),
            to=facts.to,
            reply_to=f"reply+{facts.reply_token}@{domain}",
            subject=one_line(words.subject, most=_MOST_IN_A_SUBJECT),
            text=_BLANK_LINES.sub("\n\n", found.text_layout.render(variables)).strip("\n") + "\n",
            html=found.html_layout.render(variables).strip("\n") + "\n",
            language=found.language,
            headers=(
                ("Date", format_datetime(facts.written_at)),
                ("Auto-Submitted", "auto-generated"),
                # Out-of-office notes stay welcome: they say when somebody is back.
                ("X-Auto-Response-Suppress", "DR, RN, NRN, AutoReply"),
                ("Content-Language", found.language),
            ),
        )
        return letter, words.automation_notice

    def _faults_of(self, template: str, *, kind: MessageKind, language: str) -> list[str]:
        faults: list[str] = []
        for tone in Tone:
            for many in (False, True):
                facts = sample_facts(kind, language, template=template, tone=tone, many=many)
                try:
                    letter, notice = self._render(facts)
                except BadTemplate as fault:
                    faults += [f"template {template} ({language}): {words}" for words in fault.faults]
                    continue
                faults += [
                    f"template {template} ({language}), {words}"
                    for words in faults_of(letter, facts=facts, automation_notice=notice)
                ]
        return list(dict.fromkeys(faults))


def _take_words(words: SimpleNamespace, template: Template, variables: dict[str, object]) -> None:
    """Run a file of words and keep the texts that it sets, as plain strings."""
    try:
        module = template.make_module(variables)
    except Exception:
        # Gives the fault the template's own lines, as `render` does by itself.
        template.environment.handle_exception()
    for name, value in vars(module).items():
        if name.startswith("_") or not isinstance(value, str):
            continue
        # A plain str even where Jinja gives Markup: the HTML layout must escape every one of them.
        text = str.__str__(value)
        if name in _PARAGRAPHS:
            parts = (_SPACE.sub(" ", part).strip(" ") for part in _BLANK_LINE.split(text))
            setattr(words, name, [part for part in parts if part])
        elif name in _LINES:
            parts = (_SPACE.sub(" ", part).strip(" ") for part in text.split("\n"))
            setattr(words, name, [part for part in parts if part])
        else:
            setattr(words, name, _SPACE.sub(" ", text).strip(" "))


def _text_table(words: SimpleNamespace, items: tuple[ItemView, ...], *, is_receipt: bool) -> list[str]:
    """The invoices as lines of aligned columns; a cell wider than its column moves the rest of its line."""
    head = (
        words.heading_invoice,
        words.heading_issued,
        words.heading_due,
        words.heading_amount,
        words.heading_paid if is_receipt else words.heading_open,
    )
    rows = [
        (item.invoice_id, item.issued_short, item.due_short, item.amount, item.received if is_receipt else item.open)
        for item in items
    ]
    widths = [min(_WIDEST_COLUMN, max(len(row[column]) for row in (head, *rows))) for column in range(5)]
    lines = [_text_row(head, widths), "-" * (sum(widths) + 8)]
    for item, row in zip(items, rows, strict=True):
        lines.append(_text_row(row, widths))
        if item.purchase_order:
            lines.append(f"  {item.purchase_order}")
        lines += [f"  - {line.description}{words.colon} {line.amount}" for line in item.lines]
    return [*lines, lines[1]]


def _text_row(cells: tuple[str, ...], widths: list[int]) -> str:
    texts = [cell.ljust(width) for cell, width in zip(cells[:3], widths[:3], strict=True)]
    amounts = [cell.rjust(width) for cell, width in zip(cells[3:], widths[3:], strict=True)]
    return "  ".join((*texts, *amounts)).rstrip(" ")


def _reply_domain(domain: str) -> str:
    return usable_address(f"reply@{domain}").rpartition("@")[2]


def _templates_of(policy: CollectionPolicy) -> Iterator[tuple[str, str, MessageKind]]:
    """Each template that the policy uses: the place, its name, and what for."""
    for name, ladder in policy.ladders.items():
        for position, notice in enumerate(ladder.notices):
            yield f"ladders.{name}.notices[{position}] ({notice.name})", notice.template, notice.kind
        for position, level in enumerate(ladder.levels):
            yield f"ladders.{name}.levels[{position}] ({level.name})", level.template, level.kind


def _suits(template: str, kind: MessageKind) -> bool:
    """Our own notices speak of one thing only; our reminders and final notices may stand for each other."""
    ours = [own_kind for own_kind, names in TEMPLATES_BY_KIND.items() if template in names]
    return not ours or kind in ours or not (kind.is_notice or ours[0].is_notice)


def _sender_faults(policy: CollectionPolicy) -> Iterator[str]:
    sender = policy.sender
    sample = sample_facts(MessageKind.REMINDER, FALLBACK_LANGUAGE)
    try:
        mailbox(name=sender.company, address=sender.email)
    except UnusableAddress as fault:
        yield f"sender.email: {fault}"
    try:
        _reply_domain(sender.reply_domain)
    except UnusableAddress:
        yield f"sender.reply_domain: {sender.reply_domain!r} is not a mail domain; write one like replies.example.com"
    for place, changed in (
        ("sender.company", {"company": sender.company}),
        ("sender.person", {"person": {"name": sender.person, "email": sender.email, "phone": sender.phone}}),
        ("sender.self_service", {"self_service": self_service_page(sender, reply_token=sample.reply_token)}),
        ("sender.ways_to_pay", {"ways_to_pay": [way.model_dump() for way in sender.ways_to_pay]}),
    ):
        try:
            LetterFacts.model_validate({**sample.model_dump(), **changed})
        except ValueError as fault:
            yield f"{place}: it cannot be printed in a letter: {one_line(str(fault), most=400)}"
