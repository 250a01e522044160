from pathlib import Path

import pytest

from tests.cli.cli_fixtures import Baton

EXAMPLE = Path(__file__).parents[2] / "examples" / "ledger.csv"
AGENTS = Path(__file__).parents[2] / "examples" / "agents.yaml"
HEAD = "invoice_id,customer_id,customer_name,country,amount,currency,issued_on,due_on\n"
GOOD = "A-1,C-7,Acme,DE,100.00,EUR,2026-01-05,2026-02-04\n"
BAD = "A-2,C-7,Acme,DE,much,EUR,2026-01-05,2026-02-04\nA-3,C-7,Acme,DE,10.00,XQX,2026-01-05,2026-13-04\n"


def test_the_example_is_imported_once(baton: Baton, filled: str) -> None:
    assert baton("agents", "load", str(AGENTS)).exit_code == 0
    checked = baton("import", str(EXAMPLE), "--check")
    assert checked.exit_code == 0, checked.output
    assert "63 invoices could be imported; nothing was" in checked.output
    first = baton("import", str(EXAMPLE))
    assert first.exit_code == 0, first.output
    assert "63 invoices opened, 0 were here already" in first.output
    assert "as soon as Temporal is back" in first.output
    again = baton("import", str(EXAMPLE))
    assert "0 invoices opened, 63 were here already" in again.output


def test_every_fault_is_listed_and_nothing_is_started(baton: Baton, filled: str, tmp_path: Path) -> None:
    (tmp_path / "ledger.csv").write_text(HEAD + GOOD + BAD, encoding="utf-8")
    answer = baton("import", str(tmp_path / "ledger.csv"))
    assert answer.exit_code == 1
    assert "3 faults; nothing was imported" in answer.stderr
    for place in ("amount", "currency", "due_on"):
        assert place in answer.stderr
    assert "2 bad rows" in answer.stderr
    assert baton("why", "A-1").exit_code == 1


def test_bad_rows_are_left_out_when_told_so_and_written_to_a_file(baton: Baton, filled: str, tmp_path: Path) -> None:
    (tmp_path / "ledger.csv").write_text(HEAD + GOOD + BAD, encoding="utf-8")
    answer = baton("import", str(tmp_path / "ledger.csv"), "--skip-bad")
    assert answer.exit_code == 0, answer.output
    assert "1 invoices opened" in answer.output
    assert baton("why", "A-1").exit_code == 0
    rest = (tmp_path / "ledger.bad.csv").read_text(encoding="utf-8")
    assert "A-2" in rest
    assert "A-3" in rest
    assert "A-1" not in rest


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"a,b\n1,2\n", b"\xff" * 50, b'"', HEAD.encode()])
def test_what_is_no_ledger_is_refused_in_words(baton: Baton, filled: str, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.csv").write_bytes(content)
    answer = baton("import", str(tmp_path / "odd.csv"), "--skip-bad")
    assert answer.exit_code == 1
    assert "nothing was imported" in answer.stderr
