"""Promise 11: an automated message says that it is one, names a person, offers to pay, to dispute, to ask for time."""

import html
import re
import shutil
from pathlib import Path

import pytest
from writing import some_facts

from channels.rendering import BadTemplate, Renderer
from channels.samples import TEMPLATES_BY_KIND, kind_of_template, sample_facts
from channels.template_files import OUR_TEMPLATES
from receivables.collection_policy import WayToPay
from receivables.messages import MessageKind, Tone
from tests.builders import a_ladder, a_level, a_notice, a_policy, a_sender

LANGUAGES = ("de", "en", "es", "fr", "nl")
EVERY_TEMPLATE = [name for names in TEMPLATES_BY_KIND.values() for name in names]


def _replaced(folder: Path, name: str, old: str, new: str, *, only_in: str = "") -> Path:
    """A folder of one's own with one of our files in it, changed in one place. `only_in`: a layout of one language."""
    text = (OUR_TEMPLATES / name).read_text(encoding="utf-8")
    assert old in text, f"{name} has changed; this test needs {old!r} in it"
    (folder / only_in / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / only_in / name).write_text(text.replace(old, new), encoding="utf-8")
    return folder


def _refusal(folder: Path) -> str:
    with pytest.raises(BadTemplate) as refused:
        Renderer(folder)
    return str(refused.value)


def test_our_templates_keep_the_promise_in_every_language():
    renderer = Renderer()
    renderer.check_templates()
    assert renderer.languages == LANGUAGES
    assert renderer.templates == set(EVERY_TEMPLATE)


def test_every_kind_of_message_has_a_template():
    assert set(TEMPLATES_BY_KIND) == set(MessageKind), "a new kind of message needs a template in every language"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", EVERY_TEMPLATE)
@pytest.mark.parametrize("many", [False, True])
def test_a_letter_names_a_person_and_says_that_it_is_automatic(language: str, template: str, many: bool):
    facts = sample_facts(kind_of_template(template), language, template=template, many=many)
    letter = Renderer().render(facts)
    for part in (letter.text, html.unescape(letter.html)):
        assert "Robin Ellery" in part
        assert "robin.ellery@northwind.example" in part
        assert "+44 117 496 0123" in part
        assert re.search("autom[aá]t", part)
        assert "about=dispute" in part
        for item in facts.items:
            assert item.invoice_id in part
        if facts.kind is not MessageKind.RECEIPT:
            assert "about=time" in part
            assert "IBAN GB33BUKB20201555555555" in part
    assert f'<html lang="{language}">' in letter.html
    assert ("Auto-Submitted", "auto-generated") in letter.headers


@pytest.mark.parametrize("layout", ["_layout.txt", "_layout.html"])
@pytest.mark.parametrize(
    ("printed", "complaint"),
    [
        ("{{ words.automation_notice }}", "does not say that the message was written and sent automatically"),
        ("{{ words.person_intro }}", ""),
        ("{{ person.email }}", "names no person to reach"),
        ("{{ links.dispute }}", "offers no way to dispute"),
        ("{{ links.time }}", "offers no way to ask for time"),
        ("{{ line }}", "does not offer all ways to pay"),
    ],
)
def test_a_layout_that_leaves_out_a_part_is_refused_for_every_template(
    tmp_path: Path, layout: str, printed: str, complaint: str
):
    folder = _replaced(tmp_path, layout, printed, "", only_in="nl")
    if not complaint:
        # The person is named a second time, in the notice: that is enough.
        Renderer(folder)
        return
    refusal = _refusal(folder)
    assert complaint in refusal
    assert f"template reminder_1 (nl), {'text' if layout.endswith('txt') else 'HTML'}: " in refusal
    assert "(de)" not in refusal


def test_a_layout_is_checked_in_every_language(tmp_path: Path):
    refusal = _refusal(_replaced(tmp_path, "_layout.txt", "{{ links.dispute }}", ""))
    for language in LANGUAGES:
        for template in EVERY_TEMPLATE:
            assert f"template {template} ({language}), text: offers no way to dispute" in refusal


def test_a_template_without_a_named_person_is_refused(tmp_path: Path):
    page = "<html lang='{{ language }}'><p>Pay now! {{ words.automation_notice }}</p></html>"
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "reminder_2.html").write_text(page)
    refusal = _refusal(tmp_path)
    assert "template reminder_2 (en), HTML: names no person to reach; print {{ person.name }}" in refusal
    assert "HTML: offers no way to dispute; print {{ links.dispute }}" in refusal
    assert "HTML: offers no way to ask for time; print {{ links.time }}" in refusal
    assert "HTML: does not offer all ways to pay" in refusal
    assert "reminder_1" not in refusal
    assert "(de)" not in refusal


@pytest.mark.parametrize(
    "hidden",
    [
        "<!-- {} -->",
        '<p style="display: none">{}</p>',
        "<p hidden>{}</p>",
        "<head><title>{}</title></head>",
        '<div style="font-size:0px"><b>{}</b></div>',
    ],
)
def test_what_a_reader_cannot_see_does_not_count(tmp_path: Path, hidden: str):
    notice = "{{ words.automation_notice }}"
    folder = _replaced(tmp_path, "_layout.html", notice, hidden.format(notice), only_in="nl")
    assert "does not say that the message was written and sent automatically" in _refusal(folder)


def test_a_notice_that_does_not_speak_of_automation_is_refused(tmp_path: Path):
    folder = _replaced(tmp_path, "fr/_common.jinja", "envoyé automatiquement", "envoyé avec le plus grand soin")
    refusal = _refusal(folder)
    assert "(fr), words.automation_notice does not say that the message is automatic" in refusal
    assert "(en)" not in refusal


@pytest.mark.parametrize(
    ("added", "complaint"),
    [
        ('<img src="https://track.example/pixel.gif">', "loads an image from elsewhere"),
        ("<script>alert(1)</script>", "has a <script>"),
        ('<p style="background: url(https://track.example/x)">', "runs or loads something"),
        ('<p onclick="x()">', "runs or loads something"),
        ("<iframe></iframe>", "has a <iframe>"),
    ],
)
def test_a_layout_that_loads_or_runs_something_is_refused(tmp_path: Path, added: str, complaint: str):
    greeting = "<p>{{ words.greeting }}</p>"
    folder = _replaced(tmp_path, "_layout.html", greeting, greeting + added, only_in="nl")
    assert complaint in _refusal(folder)


def test_a_layout_without_a_language_is_refused(tmp_path: Path):
    folder = _replaced(tmp_path, "_layout.html", ' lang="{{ language }}"', "", only_in="nl")
    assert "no lang attribute" in _refusal(folder)


# A folder of one's own


def test_one_s_own_words_are_used_in_place_of_ours(tmp_path: Path):
    folder = _replaced(tmp_path, "en/reminder_1.jinja", "Reminder: invoice", "A gentle nudge: invoice")
    assert Renderer(folder).render(some_facts()).subject.startswith("A gentle nudge: invoice INV-1")
    assert Renderer().render(some_facts()).subject.startswith("Reminder: invoice INV-1")


def test_a_template_of_one_s_own_has_a_name_of_its_own_and_english_stands_in_for_other_languages(tmp_path: Path):
    folder = _replaced(tmp_path, "en/reminder_1.jinja", "Reminder: invoice", "Kindly: invoice")
    (folder / "en" / "reminder_1.jinja").rename(folder / "en" / "gentle_nudge.jinja")
    renderer = Renderer(folder)
    assert renderer.templates == {*EVERY_TEMPLATE, "gentle_nudge"}
    letter = renderer.render(some_facts(template="gentle_nudge", language="de", country="DE"))
    assert letter.language == "en"
    assert letter.subject.startswith("Kindly: invoice")
    assert "Guten Tag" not in letter.text


def test_a_language_of_one_s_own_is_checked_like_ours(tmp_path: Path):
    shutil.copytree(OUR_TEMPLATES / "en", tmp_path / "pl")
    assert Renderer(tmp_path).languages == ("de", "en", "es", "fr", "nl", "pl")
    (tmp_path / "pl" / "_common.jinja").unlink()
    assert "pl/_common.jinja: it is missing; copy that of en" in _refusal(tmp_path)


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        ("{% if one %}", "reminder_1.jinja:"),
        ("{{ words.what_is_open }", "reminder_1.jinja:4:"),
        ("{{ customer_nam }}", "reminder_1.jinja:4: 'customer_nam' is undefined"),
        ("{{ first.invoice }}", "reminder_1.jinja:4:"),
        ("{{ 1 // 0 }}", "reminder_1.jinja:4: ZeroDivisionError"),
        ("{{ ''.__class__.__mro__ }}", "reminder_1.jinja:4:"),
        ("{% include '../../secret.txt' %}", "does not exist"),
    ],
)
def test_a_broken_template_is_refused_at_load_with_its_file_and_line(tmp_path: Path, broken: str, place: str):
    folder = _replaced(tmp_path, "en/reminder_1.jinja", "{{ words.what_is_open }}", broken)
    assert place in _refusal(folder)


def test_a_template_that_sets_no_subject_is_refused(tmp_path: Path):
    folder = _replaced(tmp_path, "en/receipt.jinja", "{% set subject %}", "{% set title %}")
    assert "en/receipt.jinja" in _refusal(folder)
    assert "sets subject" in _refusal(folder)


def test_a_template_that_is_not_utf_8_is_refused(tmp_path: Path):
    (tmp_path / "de").mkdir()
    (tmp_path / "de" / "receipt.jinja").write_bytes("{% set subject %}Gruß{% endset %}".encode("latin-1"))
    assert "de/receipt.jinja: it cannot be read as UTF-8 text" in _refusal(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path):
    assert "there is no such folder" in _refusal(tmp_path / "nowhere")


# A policy's templates


def test_a_policy_that_names_an_unknown_template_is_refused_with_the_place():
    ladder = a_ladder(levels=(a_level(1, days=5, template="remindr_1"),))
    place = r"ladders\.standard\.levels\[0\] \(level_1\)"
    with pytest.raises(BadTemplate, match=place + ": there is no template 'remindr_1'"):
        Renderer().check_policy_templates(a_policy(ladder=ladder))


@pytest.mark.parametrize(
    ("template", "kind"),
    [
        ("receipt", MessageKind.DUE_SOON),
        ("reminder_1", MessageKind.DUE_SOON),
        ("due_soon", MessageKind.DELIVERY_NOTICE),
    ],
)
def test_a_policy_cannot_use_a_notice_for_what_it_does_not_say(template: str, kind: MessageKind):
    ladder = a_ladder(notices=(a_notice(template=template, kind=kind),))
    with pytest.raises(BadTemplate, match=f"{template}.*cannot be a {kind.value}"):
        Renderer().check_policy_templates(a_policy(ladder=ladder))


def test_a_policy_of_known_templates_is_fine_and_a_last_reminder_may_be_the_final_notice():
    levels = (
        a_level(1, days=5, tone=Tone.FRIENDLY),
        a_level(2, days=12, template="reminder_3", kind=MessageKind.FINAL_NOTICE),
        a_level(3, days=20, template="final_notice"),
    )
    Renderer().check_policy_templates(a_policy(ladder=a_ladder(levels=levels, notices=(a_notice(),))))


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"email": "nobody"}, "sender.email"),
        ({"reply_domain": "not a domain"}, "sender.reply_domain"),
        ({"person": " \n"}, "sender.person"),
        ({"self_service": 'https://x.example/"><script>'}, "sender.self_service"),
        (
            {"ways_to_pay": (WayToPay(currency="EUR", words="Card", link='https://x.example/"onclick="x'),)},
            "sender.ways_to_pay",
        ),
    ],
)
def test_a_sender_that_cannot_be_printed_is_refused_with_the_policy(changes: dict[str, object], place: str):
    with pytest.raises(BadTemplate, match=re.escape(place)):
        Renderer().check_policy_templates(a_policy(sender=a_sender(**changes)))
