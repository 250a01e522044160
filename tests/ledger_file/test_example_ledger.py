"""The ledger that `make run` loads: what a newcomer sees must be in it."""

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from receivables.agents import Agent, AgentRole
from receivables.customer import Relationship
from receivables.ledger_file.opening import customers_of, invoice_of
from receivables.ledger_file.reading import read_ledger
from receivables.ledger_file.rows import LedgerFile, ReadingOptions

_EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
_DAYS = [date(2024, 2, 29), date(2025, 3, 14), date(2026, 12, 31)]


def _agents() -> dict[str, Agent]:
    content = yaml.safe_load((_EXAMPLES / "agents.yaml").read_text("utf-8"))
    agents = [Agent.model_validate(each) for each in content["agents"]]
    return {agent.agent_id: agent for agent in agents}


def _ledger(today: date) -> LedgerFile:
    options = ReadingOptions(as_of=today, known_owners=frozenset(_agents()))
    return read_ledger((_EXAMPLES / "ledger.csv").read_bytes(), options=options)


@pytest.mark.parametrize("today", _DAYS)
def test_the_example_ledger_is_clean_on_any_day(today: date):
    ledger = _ledger(today)
    assert [str(fault) for fault in ledger.faults] == []
    assert not ledger.notes
    assert not ledger.mapping.ignored
    assert 55 <= len(ledger.rows) <= 70
    assert all(row.settled_on is None or row.settled_on <= today for row in ledger.rows)
    assert all(row.paid_on is None or row.paid_on <= today for row in ledger.rows)
    assert all(row.disputed_on is None or row.disputed_on <= today for row in ledger.rows)
    assert all(row.issued_on <= today for row in ledger.rows)


def test_the_example_ledger_shows_every_kind_of_customer():
    ledger = _ledger(_DAYS[0])
    customers = customers_of(ledger.rows)
    assert len(customers) == 20
    assert {customer.country for customer in customers} >= {"DE", "FR", "NL", "ES", "GB", "US", "JP", "KW"}
    assert {customer.language for customer in customers} == {"en", "de", "fr", "nl", "es"}
    assert {customer.relationship for customer in customers} == set(Relationship)
    assert [customer.personal_only for customer in customers].count(True) == 1
    assert [customer.contact.email for customer in customers].count(None) == 1
    addresses = [customer.contact.email for customer in customers if customer.contact.email]
    assert all(address.endswith(".example") for address in addresses), "no address of a real person"
    assert len(set(addresses)) == len(addresses)
    owners = Counter(customer.owner for customer in customers)
    assert owners[None] >= 1, "customers without an owner show the assignment"


def test_the_example_ledger_shows_every_kind_of_invoice():
    today = _DAYS[0]
    rows = _ledger(today).rows
    still_open = [row for row in rows if row.open_at(as_of=today)]
    assert {row.amount.currency for row in rows} >= {"EUR", "USD", "GBP", "JPY", "KWD"}
    assert sum(row.disputed for row in rows) == 1
    assert sum(row.paid is not None for row in still_open) >= 2
    assert any(row.discount_percent for row in still_open)
    days = {(today - row.due_on).days for row in still_open}
    assert any(day < 0 for day in days), "not due yet"
    assert 0 in days, "due today"
    assert any(1 <= day <= 30 for day in days)
    assert any(day > 60 for day in days), "old debt"
    assert any(row.issued_on == today for row in still_open), "a delivery notice"
    settled = [row for row in rows if row.settled_on]
    late = Counter(row.customer_id for row in settled if row.days_late())
    of_all = Counter(row.customer_id for row in settled)
    assert any(of_all[each] >= 4 and late[each] / of_all[each] >= 0.5 for each in of_all), "a late payer"
    assert any(of_all[each] >= 4 and not late[each] for each in of_all), "a good payer"


def test_the_example_agents_are_three_and_a_manager_who_cover_all_languages():
    agents = _agents()
    roles = Counter(agent.role for agent in agents.values())
    assert roles == {AgentRole.AGENT: 3, AgentRole.MANAGER: 1}
    collectors = [agent for agent in agents.values() if agent.role is AgentRole.AGENT]
    assert {language for agent in collectors for language in agent.languages} == {"en", "de", "fr", "nl", "es"}
    for agent in collectors:
        assert agent.backup in agents
        assert agent.manager is not None
        assert agents[agent.manager].role is AgentRole.MANAGER
    for customer in customers_of(_ledger(_DAYS[0]).rows):
        if customer.owner:
            assert customer.language in agents[customer.owner].languages


def test_a_row_becomes_an_invoice_with_its_terms():
    row = next(row for row in _ledger(_DAYS[0]).rows if row.discount_percent)
    invoice = invoice_of(row, opened_at=datetime(2024, 2, 29, tzinfo=UTC))
    assert (invoice.invoice_id, invoice.amount, invoice.due_on) == (row.invoice_id, row.amount, row.due_on)
    assert invoice.discount is not None
    assert invoice.discount.percent == row.discount_percent
    assert [(line.description, line.amount) for line in invoice.lines] == [(row.description, row.amount)]
