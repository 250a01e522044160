"""A ledger of fifteen invoices, small enough to know every figure of it by heart."""

from datetime import date, timedelta
from pathlib import Path

from policy.reading_policy import default_policy_text, read_policy
from receivables.collection_policy import CollectionPolicy
from receivables.ledger_file.reading import read_ledger
from receivables.ledger_file.rows import LedgerRow

LEDGER = """\
invoice_id,customer_id,customer_name,country,email,personal_only,amount,currency,issued_on,due_on,settled_on,paid,paid_on,disputed,disputed_on
A-1,C-1,Acme,DE,pay@acme.example,no,100.00,EUR,2012-01-02,2012-02-01,2012-01-20,,,no,
A-2,C-1,Acme,DE,pay@acme.example,no,200.00,EUR,2012-01-09,2012-02-08,2012-02-08,,,no,
A-3,C-1,Acme,DE,pay@acme.example,no,300.00,EUR,2012-02-06,2012-03-07,2012-03-20,,,no,
A-4,C-1,Acme,DE,pay@acme.example,no,400.00,EUR,2012-02-06,2012-03-07,2012-03-20,,,no,
B-1,C-2,Bolt,NL,ap@bolt.example,no,150.00,EUR,2012-01-02,2012-02-01,2012-02-20,,,yes,2012-02-06
B-2,C-2,Bolt,NL,ap@bolt.example,no,150.00,EUR,2012-02-13,2012-03-14,2012-03-10,,,yes,
B-3,C-2,Bolt,NL,ap@bolt.example,no,80.00,EUR,2012-02-20,2012-03-21,2012-03-15,,,no,
C-1,C-3,Crane,FR,compta@crane.example,no,1000.00,EUR,2012-01-16,2012-02-15,2012-04-10,400.00,2012-02-27,no,
C-2,C-3,Crane,FR,compta@crane.example,no,1000.00,EUR,2012-03-05,2012-04-04,,,,no,
D-1,C-4,Delta,US,ap@delta.example,yes,500.00,USD,2012-01-16,2012-02-15,2012-03-05,,,no,
D-2,C-4,Delta,US,ap@delta.example,yes,250.00,USD,2012-02-13,2012-03-14,2012-03-12,,,no,
E-1,C-5,Echo,GB,ap@echo.example,no,60.00,GBP,2012-01-23,2012-02-22,2012-03-01,,,no,
E-2,C-5,Echo,GB,ap@echo.example,no,70.00,GBP,2012-02-20,2012-03-21,2012-03-21,,,no,
E-3,C-5,Echo,GB,ap@echo.example,no,5.00,GBP,2012-02-20,2012-03-21,2012-04-02,,,no,
F-1,C-6,Foxtrot,DE,,no,90.00,EUR,2012-02-01,2012-03-02,2012-03-16,,,no,
"""


def small_rows() -> tuple[LedgerRow, ...]:
    ledger = read_ledger(LEDGER)
    assert not ledger.faults, ledger.faults
    return ledger.rows


def small_ledger(folder: Path) -> Path:
    file = folder / "small.csv"
    file.write_text(LEDGER, encoding="utf-8")
    return file


def the_policy() -> CollectionPolicy:
    return read_policy(default_policy_text(), origin="the built-in policy")


def a_day(text: str, *, plus: int = 0) -> date:
    return date.fromisoformat(text) + timedelta(days=plus)
