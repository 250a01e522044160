"""Promise 11, read off a rendered letter: what an honest automated message must say, and what it must not carry."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from channels.letter_facts import LetterFacts
from receivables.messages import Letter, MessageKind

_SAYS_AUTOMATIC = re.compile(r"autom[aá]t", re.IGNORECASE)
"""The stem of "automatic" in each of the languages that come with Baton."""

_NEVER_SHOWN = frozenset({"head", "style", "script", "template", "noscript"})
_FORBIDDEN = frozenset({"script", "iframe", "object", "embed", "link", "form", "base", "audio", "video", "svg"})
_VOID = frozenset({"area", "br", "col", "hr", "img", "input", "meta", "wbr", "link", "base", "embed"})
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0(?![.\d])", re.IGNORECASE
)
_LOADS = re.compile(r"url\s*\(|@import", re.IGNORECASE)


@dataclass
class _Page(HTMLParser):
    """What a reader of the HTML sees: shown text, links, the language; and what it should not have."""

    text: list[str] = field(default_factory=list)
    links: set[str] = field(default_factory=set)
    language: str = ""
    faults: list[str] = field(default_factory=list)
    _link: str | None = None
    """The link that is open, until it shows its first word: a link without words cannot be followed."""
    _open: list[tuple[str, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    @property
    def _is_hidden(self) -> bool:
        return any(hidden for _, hidden in self._open)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = values.get("lang", "")
        if tag in _FORBIDDEN:
            self.faults.append(f"has a <{tag}>; a letter carries none")
        if tag == "img" and not values.get("src", "").startswith("data:"):
            self.faults.append("loads an image from elsewhere; a letter loads nothing")
        if any(name.startswith("on") for name in values) or _LOADS.search(values.get("style", "")):
            self.faults.append(f"<{tag}> runs or loads something; a letter does neither")
        hidden = tag in _NEVER_SHOWN or "hidden" in values or bool(_HIDING.search(values.get("style", "")))
        if tag not in _VOID:
            self._open.append((tag, hidden))
        if tag == "a" and not (hidden or self._is_hidden):
            self._link = values.get("href", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._link = None
        for position in range(len(self._open) - 1, -1, -1):
            if self._open[position][0] == tag:
                del self._open[position:]
                return

    def handle_data(self, data: str) -> None:
        if any(name == "style" for name, _ in self._open) and _LOADS.search(data):
            self.faults.append("its style sheet loads something; a letter loads nothing")
        if not self._is_hidden:
            self.text.append(data)
            if self._link is not None and data.strip():
                self.links.add(self._link)


def faults_of(letter: Letter, *, facts: LetterFacts, automation_notice: str) -> list[str]:
    """All that keeps a letter from being honest and complete, in words that say what to print. Empty: it is fine."""
    page = _Page()
    page.feed(letter.html)
    page.close()
    in_html = " ".join(page.text)
    faults = [f"text: {fault}" for fault in _missing(letter.text, facts=facts, notice=automation_notice)]
    faults += [
        f"HTML: {fault}" for fault in _missing("\n".join([in_html, *page.links]), facts=facts, notice=automation_notice)
    ]
    faults += [f"HTML: {fault}" for fault in page.faults]
    if not page.language:
        faults.append('HTML: <html> has no lang attribute; write <html lang="{{ language }}">')
    if not letter.subject:
        faults.append("subject: it is empty")
    if letter.language in ("en", "de", "fr", "nl", "es") and not _SAYS_AUTOMATIC.search(automation_notice):
        faults.append("words.automation_notice does not say that the message is automatic")
    return list(dict.fromkeys(faults))


def _missing(shown: str, *, facts: LetterFacts, notice: str) -> list[str]:
    shown = _plain(shown)
    faults: list[str] = []
    if len(notice) < 20 or _plain(notice) not in shown:
        faults.append(
            "does not say that the message was written and sent automatically; print {{ words.automation_notice }}"
        )
    if facts.person.name not in shown or facts.person.email not in shown:
        faults.append("names no person to reach; print {{ person.name }} and {{ person.email }}")
    if facts.self_service not in shown:
        faults.append("does not lead to the customer's own page; print {{ links.page }}")
    if f"{facts.self_service}?about=dispute" not in shown:
        faults.append("offers no way to dispute; print {{ links.dispute }}")
    if facts.kind is MessageKind.RECEIPT:
        return faults
    if f"{facts.self_service}?about=time" not in shown:
        faults.append("offers no way to ask for time; print {{ links.time }}")
    if any(_plain(line) not in shown for way in facts.ways_to_pay for line in way.words.split("\n")):
        faults.append("does not offer all ways to pay; print the words of each of {{ ways }}")
    return faults


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
