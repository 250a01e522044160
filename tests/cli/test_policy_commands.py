from pathlib import Path

import pytest

from tests.cli.cli_fixtures import EXAMPLE_POLICY, Baton, rules_of


def test_a_good_policy_is_told_in_short(baton: Baton) -> None:
    answer = baton("policy", "check", str(EXAMPLE_POLICY))
    assert answer.exit_code == 0
    assert "no faults" in answer.output
    assert "always open" in answer.output
    assert "standard (4 levels)" in answer.output


def test_the_hours_of_the_default_policy_are_told(baton: Baton) -> None:
    answer = baton("policy", "check", str(Path(__file__).parents[2] / "policy" / "default.yaml"))
    assert "09:00 to 17:00 on mon tue wed thu fri, not on public holidays" in answer.output


def test_each_fault_of_a_policy_is_told_with_its_line(baton: Baton, tmp_path: Path) -> None:
    text = EXAMPLE_POLICY.read_text(encoding="utf-8")
    bad = tmp_path / "bad.yaml"
    bad.write_text(
        text.replace("tone: firm", "tone: furious", 1).replace("ladder: gentle", "ladder: gentel", 1), encoding="utf-8"
    )
    answer = baton("policy", "check", str(bad))
    assert answer.exit_code == 1
    lines = [line for line in answer.stderr.splitlines() if f"{bad}:" in line]
    assert len(lines) == 2
    assert "furious" in answer.stderr
    assert "gentel" in answer.stderr


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\x00", b"[1, 2", b"just words", b"a: &a [*a]", b"{}", b"name: !!python/object:os.system x"],
)
def test_what_is_no_policy_at_all_is_refused_in_words(baton: Baton, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.yaml").write_bytes(content)
    answer = baton("policy", "check", str(tmp_path / "odd.yaml"))
    assert answer.exit_code == 1
    assert "odd.yaml:" in answer.stderr


def test_a_template_that_does_not_exist_is_a_fault_of_the_policy(baton: Baton, tmp_path: Path) -> None:
    text = EXAMPLE_POLICY.read_text(encoding="utf-8")
    (tmp_path / "p.yaml").write_text(text.replace("template: reminder_2", "template: reminder_9", 1), encoding="utf-8")
    answer = baton("policy", "check", str(tmp_path / "p.yaml"))
    assert answer.exit_code == 1
    assert "there is no template 'reminder_9'" in answer.stderr


def test_a_file_that_is_not_there_is_told(baton: Baton, tmp_path: Path) -> None:
    answer = baton("policy", "check", str(tmp_path / "none.yaml"))
    assert answer.exit_code == 2
    assert "cannot be read" in answer.stderr


def test_activating_stores_it_though_temporal_is_away(baton: Baton, filled: str, tmp_path: Path) -> None:
    before = rules_of(filled)
    answer = baton("policy", "activate", str(EXAMPLE_POLICY), "--running", "keep")
    assert answer.exit_code == 0, answer.output
    assert "1 running invoices look again" in answer.output
    assert "as soon as Temporal is back" in answer.output
    assert rules_of(filled) != before
    again = baton("policy", "activate", str(EXAMPLE_POLICY), "--running", "keep")
    assert "in force already" in again.output
    back = baton("policy", "activate", str(EXAMPLE_POLICY))
    assert back.exit_code == 0
    assert rules_of(filled) == before


def test_a_bad_policy_is_not_activated(baton: Baton, filled: str, tmp_path: Path) -> None:
    before = rules_of(filled)
    (tmp_path / "p.yaml").write_text("name: none of it", encoding="utf-8")
    assert baton("policy", "activate", str(tmp_path / "p.yaml")).exit_code == 1
    assert rules_of(filled) == before


def test_a_new_store_gets_its_tables_and_its_first_policy_once(
    baton: Baton, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATON_STORE_URL", f"sqlite:///{tmp_path}/deep/new.db")
    first = baton("migrate")
    assert first.exit_code == 0, first.output
    assert "first policy is active" in first.output
    second = baton("migrate")
    assert "is up to date" in second.output
    assert "first policy" not in second.output
