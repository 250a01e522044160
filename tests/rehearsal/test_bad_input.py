"""What cannot be rehearsed is refused before anything runs, with the place and the remedy."""

from pathlib import Path

import pytest

from policy.reading_policy import BadPolicy, default_policy_text
from rehearsal.command import BadLedger, CannotRehearse, prepare
from tests.rehearsal.small_ledger import LEDGER, small_ledger


def test_a_missing_ledger_or_policy_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotRehearse, match=r"nowhere\.csv cannot be read .*name a CSV file"):
        prepare(tmp_path / "nowhere.csv")
    with pytest.raises(CannotRehearse, match=r"nowhere\.yaml cannot be read .*name a policy file"):
        prepare(small_ledger(tmp_path), policy=tmp_path / "nowhere.yaml")
    with pytest.raises(CannotRehearse, match="name a CSV file"):
        prepare(tmp_path)


def test_a_policy_that_is_wrong_is_refused_with_the_line(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(default_policy_text().replace("most: 2", "most: two"), encoding="utf-8")
    with pytest.raises(BadPolicy, match=r"policy\.yaml:\d+: contact\.most"):
        prepare(small_ledger(tmp_path), policy=policy)
    policy.write_bytes(b"name: \xff\xfe")
    with pytest.raises(CannotRehearse, match="not UTF-8"):
        prepare(small_ledger(tmp_path), policy=policy)


def test_a_template_that_the_policy_names_and_nobody_has_is_refused(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(default_policy_text().replace("template: reminder_3", "template: reminder_9"), encoding="utf-8")
    with pytest.raises(Exception, match="reminder_9"):
        prepare(small_ledger(tmp_path), policy=policy)


def test_every_fault_of_a_ledger_is_listed_and_bad_rows_go_only_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(
        LEDGER.replace("100.00,EUR,2012-01-02", "NaN,EUR,2012-01-02").replace("E-3,", "E-2,"), encoding="utf-8"
    )
    with pytest.raises(BadLedger) as refused:
        prepare(file)
    assert {(fault.row, fault.column) for fault in refused.value.faults} == {(2, "amount"), (15, "invoice_id")}
    assert "row 2, column amount" in str(refused.value)
    assert "--skip-bad" in str(refused.value)
    prepared = prepare(file, skip_bad=True)
    assert len(prepared.story.rows) == 13
    assert any("2 rows with faults were left out" in note for note in prepared.notes)


def test_a_ledger_that_names_a_ladder_which_the_policy_lacks_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ladder.csv"
    header, *rows = LEDGER.splitlines()
    file.write_text("\n".join([f"{header},ladder", *(f"{row},velvet" for row in rows)]), encoding="utf-8")
    with pytest.raises(BadLedger, match="velvet"):
        prepare(file)


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "picture.csv"
    file.write_bytes(bytes(range(256)) * 40)
    with pytest.raises(BadLedger) as refused:
        prepare(file, skip_bad=True)
    assert not refused.value.can_skip_bad
