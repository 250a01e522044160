"""A policy file: read exactly, or refused with the place of each fault and what to do."""

from datetime import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.reading_policy import BadPolicy, default_policy_text, read_policy, read_policy_bytes, version_of
from receivables.collection_policy import CollectionPolicy
from receivables.escalations import Trigger, Urgency
from receivables.replies import NEEDS_PERSON

EXAMPLE = Path(__file__).parents[2] / "examples" / "policy.yaml"


def faults_of(text: str) -> list[str]:
    with pytest.raises(BadPolicy) as refused:
        read_policy(text, origin="policy.yaml")
    return str(refused.value).splitlines()


def changed(before: str, after: str) -> str:
    """The default policy with one passage changed."""
    text = default_policy_text()
    assert text.count(before) == 1, f"{before!r} must stand in the default policy once"
    return text.replace(before, after)


def line_of(text: str, passage: str) -> int:
    return text[: text.index(passage)].count("\n") + 1


def test_the_default_policy_reads_and_has_what_the_field_recommends():
    policy = read_policy(default_policy_text(), origin="default.yaml")

    assert (policy.contact.hours.from_, policy.contact.hours.until) == (time(9), time(17))
    assert policy.contact.hours.public_holidays == "closed"
    key_accounts = next(segment for segment in policy.segments if segment.name == "key_accounts")
    assert key_accounts.reply_deadline_hours == 24
    at_the_latest = [
        rule.days for rule in policy.escalations if rule.trigger is Trigger.DAYS_PAST_DUE and not rule.segments
    ]
    assert at_the_latest == [30]
    at_once = next(rule for rule in policy.escalations if "dispute" in rule.intents)
    assert at_once.urgency is Urgency.IMMEDIATE
    assert "billing_question" in at_once.intents


def test_the_default_policy_has_a_rule_for_every_trigger_and_every_intent_that_needs_a_person():
    policy = read_policy(default_policy_text(), origin="default.yaml")
    assert {rule.trigger for rule in policy.escalations} == set(Trigger), "policy/default.yaml: add a rule"
    for everybody in [rule for rule in policy.escalations if rule.trigger is Trigger.REPLY]:
        assert everybody.intents
    covered = {intent for rule in policy.escalations if not rule.segments for intent in rule.intents}
    assert covered == NEEDS_PERSON, "policy/default.yaml: each intent that needs a person has a rule for all segments"


def test_the_example_policy_is_always_open_and_says_so():
    policy = read_policy(EXAMPLE.read_text(encoding="utf-8"), origin="examples/policy.yaml")
    hours = policy.contact.hours
    assert (hours.from_, hours.until, len(hours.weekdays), hours.public_holidays) == (time(0), time(0), 7, "open")
    assert policy.contact.days_between == 0
    assert "always open" in policy.name


def test_the_example_policy_differs_from_the_default_only_where_a_demo_needs_it():
    default = read_policy(default_policy_text(), origin="default.yaml")
    example = read_policy(EXAMPLE.read_text(encoding="utf-8"), origin="examples/policy.yaml")
    same = {field: getattr(default, field) for field in CollectionPolicy.model_fields} | {
        "name": example.name,
        "version": example.version,
        "contact": example.contact,
        "measures": example.measures,
    }
    assert example == CollectionPolicy.model_construct(**same)


@pytest.mark.parametrize(
    ("before", "after", "place", "words"),
    [
        ("  most: 2\n", "  most: two\n", "contact.most", "a whole number is expected here, not 'two'"),
        ("  most: 2\n", "  most: 0\n", "contact.most", "greater than or equal to 1"),
        ("  most: 2\n", "  most: 2.5\n", "contact.most", "a whole number"),
        ("  most: 2\n", "  most:\n", "contact.most", "not nothing"),
        ("  most: 2\n", "  mots: 2\n", "contact.mots", "did you mean most?"),
        ("late_ratio_from: 0.5", "late_ratio_from: .nan", "measures.late_ratio_from", "number"),
        ("late_ratio_from: 0.5", "late_ratio_from: nan", "measures.late_ratio_from", "1"),
        ("late_ratio_from: 0.5", "late_ratio_from: inf", "measures.late_ratio_from", "1"),
        ("late_ratio_from: 0.5", "late_ratio_from: 1.01", "measures.late_ratio_from", "1"),
        ("  required: true", "  required: perhaps", "fresh_money.required", "true or false"),
        ("    until: 17:00", "    until: 17:00+02:00", "contact.hours.until", "09:00"),
        ("    until: 17:00", "    until: 1020", "contact.hours.until", "09:00"),
        ("    until: 17:00", "    until: 24:00", "contact.hours.until", "end of the day is 00:00"),
        ("    until: 17:00", "    until: 08:00", "contact.hours", "open before they close"),
        ("[mon, tue, wed, thu, fri]", "[]", "contact.hours", "at least one weekday"),
        ("[mon, tue, wed, thu, fri]", "[mon, tues]", "contact.hours.weekdays[1]", "did you mean tue?"),
        ("[mon, tue, wed, thu, fri]", "mon", "contact.hours.weekdays", "a list is expected"),
        ("  NO: Europe/Oslo", "  NO: Europe/Olso", "time_zones.NO", "did you mean Europe/Oslo?"),
        ("  NO: Europe/Oslo", "  NO: Europe", "time_zones.NO", "no IANA time zone"),
        ("  NO: Europe/Oslo", "  NO: ../../etc/passwd", "time_zones.NO", "no IANA time zone"),
        ("  NO: Europe/Oslo", "  Norway: Europe/Oslo", "time_zones.Norway", "two capital letters"),
        ("  default: Europe/London\n", "", "time_zones", "add `default: Europe/London`"),
        ("    EUR: 100000", "    EUR: 100_000", "measures.high_value_from.EUR", "write it like 1200.00"),
        ("    EUR: 100000", "    EUR: 1.005", "measures.high_value_from.EUR", "more decimals than EUR has (2)"),
        ("    EUR: 100000", "    EUR: -1", "measures.high_value_from.EUR", "not negative"),
        ("    EUR: 100000", "    EUR: 99999999999999999", "measures.high_value_from.EUR", "more than any amount"),
        ("    EUR: 100000", "    EUX: 100000", "measures.high_value_from.EUX", "ISO 4217"),
        ("{EUR: 50000, GBP", "{EUR: NaN, GBP", "escalations[7].amount.EUR", "write it like 1200.00"),
        ("default_ladder: standard", "default_ladder: standrad", "default_ladder", "did you mean standard?"),
        ("running_invoices: move", "running_invoices: moove", "running_invoices", "did you mean move?"),
        ("  email: accounts@example.com", "  email: accounts", "sender.email", "no e-mail address"),
        ("  email: accounts@example.com", '  email: "a@example.com\\r\\nBcc: b@c.d"', "sender.email", "U+000D"),
        ("  company: Example Supplies Ltd", '  company: "Example\\nLtd"', "sender.company", "one line"),
        ("  reply_domain: reply.example.com", "  reply_domain: a b", "sender.reply_domain", "no domain"),
        ("https://pay.example.com", "javascript:x", "sender.self_service", "does not begin as it must"),
        ("name: default\n", "name: default\nversion: abc\n", "version", "delete this line"),
    ],
)
def test_a_fault_is_named_with_its_line_place_and_remedy(before: str, after: str, place: str, words: str):
    text = changed(before, after)
    faults = faults_of(text)
    assert len(faults) == 1, faults
    where, _, said = faults[0].partition(" ")
    assert said.startswith(f"{place}: ")
    assert words in said
    line = int(where.strip(":").rpartition(":")[2])
    first = line_of(default_policy_text(), before) + (len(before) - len(before.lstrip("\n")))
    assert abs(line - first) <= 6, f"{faults[0]} should be near line {first}"


def test_the_line_is_that_of_the_very_field():
    text = changed("      - {name: reminder_2, days: 7,", "      - {name: reminder_2, dys: 7,")
    faults = faults_of(text)
    line = line_of(text, "dys: 7")
    assert faults == [
        f"policy.yaml:{line}: ladders.firm.levels[1].days: this field is missing; add `days:` here",
        f"policy.yaml:{line}: ladders.firm.levels[1].dys: unknown field; did you mean days?; "
        "known here: channel, count, counted_from, days, kind, name, template, tone",
    ]


def test_scenario_7_the_first_level_may_not_count_from_the_previous_one():
    text = changed(
        "{name: reminder_1, days: 1, template: reminder_1, tone: neutral}",
        "{name: reminder_1, days: 1, counted_from: previous, template: reminder_1, tone: neutral}",
    )
    assert faults_of(text) == [
        f"policy.yaml:{line_of(text, 'days: 1, counted_from')}: ladders.firm.levels[0].counted_from: "
        "the first level (reminder_1) has no level before it; use counted_from: due_on"
    ]


def test_levels_out_of_order_and_names_used_twice_are_each_named():
    text = changed("{name: reminder_2, days: 7,", "{name: reminder_1, days: 1,")
    places = [fault.split(": ")[1] for fault in faults_of(text)]
    assert places == ["ladders.firm.levels[1].name", "ladders.firm.levels[1].days"]


def test_a_reminder_is_no_notice():
    text = changed(
        "{name: due_soon, kind: due_soon, template: due_soon, days: -7, counted_from: due_on}",
        "{name: due_soon, kind: receipt, template: due_soon, days: -7, counted_from: due_on}",
    )
    (fault,) = faults_of(text)
    assert "ladders.gentle.notices[1].kind: 'receipt' is not one of delivery_notice or due_soon" in fault


def test_a_level_is_a_reminder_or_a_final_notice():
    text = changed(
        "{name: reminder_2, days: 14, template: reminder_2, tone: neutral}",
        "{name: reminder_2, days: 14, template: reminder_2, tone: neutral, kind: reminders}",
    )
    (fault,) = faults_of(text)
    assert "ladders.careful.levels[1].kind: 'reminders' is not one of" in fault
    assert "did you mean reminder?" in fault
    assert "<" not in fault


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("- trigger: days_past_due", "needs days"),
        ("- trigger: amount", "needs an amount"),
        ("- trigger: reply", "needs intents"),
        ("- trigger: old_dept", "did you mean old_debt?"),
    ],
)
def test_an_escalation_says_what_it_needs(rule: str, words: str):
    (fault,) = faults_of(changed("  - trigger: old_debt\n    urgency: standard\n", f"  {rule}\n"))
    assert ": escalations[11]" in fault
    assert words in fault


def test_all_faults_are_listed_in_the_order_of_the_file_names_among_them():
    text = default_policy_text()
    text = text.replace("name: default\n", "nmae: default\n")
    text = text.replace("  most: 2\n", "  most: none\n")
    text = text.replace("  in_days: 7\n", "  in_days: 7\n  in_days: 8\n")
    text = text.replace("  NO: Europe/Oslo", "  NO: Europe/Nowhere")
    text = text.replace("    ladder: careful", "    ladder: carefull", 1)
    text = text.replace("    segments: [key_accounts, strategic]\n    urgency: high\n", "    segments: [key]\n", 1)
    places = [fault.split(": ")[1] for fault in faults_of(text)]
    assert places == [
        "name",
        "nmae",
        "time_zones.NO",
        "contact.most",
        "contact.in_days",
        "segments[2].ladder",
        "escalations[1].segments[0]",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "policy.yaml:1: the file is empty"),
        ("# nothing\n", "policy.yaml:1: the file is empty"),
        ("- one\n- two\n", "policy.yaml:1: a policy is fields with values"),
        ("\n\njust words\n", "policy.yaml:3: a policy is fields with values"),
        ("name: x\n\tmost: 1\n", "policy.yaml:2: a tab stands here; indent with spaces"),
        ("name: [1, 2\nmost: 1\n", "policy.yaml:2: while parsing a flow sequence"),
        ("name: x\nother: 'y\n", "policy.yaml:3: while scanning a quoted scalar"),
        ("name: &x 1\nother: *x\n", "policy.yaml:1: anchors (&x) are not taken"),
        ("name: x\nother: *x\n", "policy.yaml:2: aliases (*x) are not taken"),
        ("name: !!python/object/apply:os.system [ls]\n", "policy.yaml:1: tags (tag:yaml.org,2002:python"),
        ("name: x\n---\nname: y\n", "policy.yaml:2: a second document begins here"),
        ("name: x\nother: a\x00b\n", "policy.yaml:2: the character U+0000 cannot stand here"),
        ("a: " + "[" * 5000, "policy.yaml:1: nested more than 20 levels deep"),
        ("a:\n  " + "- " * 5000, "policy.yaml:2: nested more than 20 levels deep"),
        ('name: "\\UFFFFFFFF"\n', "policy.yaml:1: this is not YAML"),
        ("%YAML 9.9\n---\nname: x\n", "policy.yaml:1: found incompatible YAML document"),
        ("name: " + "x" * 1_000_001, "policy.yaml:1: larger than 1,000,000 bytes"),
    ],
)
def test_what_is_no_policy_at_all_is_refused_with_its_line(text: str, fault: str):
    faults = faults_of(text)
    assert faults[0].startswith(fault)
    assert len(faults) == 1


def test_a_key_that_is_no_plain_word_and_a_key_given_twice_are_faults():
    text = changed("name: default\n", "name: default\nname: other\n? [a, b]\n: c\n")
    assert faults_of(text) == [
        f"policy.yaml:{line_of(text, 'name: other')}: name: 'name' is on line "
        f"{line_of(text, 'name: default')} too; keep one of the two",
        f"policy.yaml:{line_of(text, '? [a, b]')}: the name of a field is a plain word",
    ]


def test_a_hundred_faults_are_enough():
    faults = faults_of(default_policy_text() + "".join(f"unknown_{number}: 1\n" for number in range(300)))
    assert len(faults) == 101
    assert faults[-1].endswith("and 200 more faults")


def test_texts_are_read_as_they_stand():
    """YAML 1.1 would make 1020 of 17:00, false of NO and a float of 0.50."""
    policy = read_policy(default_policy_text(), origin="default.yaml")
    assert policy.contact.hours.until == time(17)
    assert policy.time_zones["NO"] == "Europe/Oslo"
    assert policy.tolerance["EUR"] == "0.50"
    assert read_policy(changed("    from: 09:00", "    from: 8:30"), origin="p").contact.hours.from_ == time(8, 30)


def test_bytes_that_are_no_utf_8_are_refused_and_a_byte_order_mark_is_not():
    content = default_policy_text().encode("utf-8-sig")
    assert read_policy_bytes(content, origin="p").version == read_policy(default_policy_text(), origin="p").version
    with pytest.raises(BadPolicy, match=r"p:2: byte 6 is not UTF-8"):
        read_policy_bytes(b"name:\n\xff\xfe", origin="p")


def test_the_version_is_of_what_the_policy_says_not_of_how_it_is_written():
    policy = read_policy(default_policy_text(), origin="a")
    without_comments = "\n".join(
        line for line in default_policy_text().splitlines() if not line.strip().startswith("#")
    )
    spelled_out = changed("overdue_margin_days: 0", "overdue_margin_days: 00") + "\n"
    other = changed("overdue_margin_days: 0", "overdue_margin_days: 1")

    assert len(policy.version) == 12
    assert int(policy.version, 16) >= 0
    assert read_policy(without_comments, origin="b").version == policy.version
    assert read_policy(spelled_out, origin="c").version == policy.version
    assert version_of(policy) == policy.version
    assert read_policy(other, origin="d").version != policy.version


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200) | st.lists(st.sampled_from("name:\n -[]{}#&*!|>'\"%@`?,\t1.~")).map("".join))
def test_no_text_makes_the_reader_crash(text: str):
    with pytest.raises(BadPolicy):
        read_policy(text, origin="policy.yaml")
