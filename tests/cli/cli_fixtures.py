"""A store that commands are run on, and a command as a user runs it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import cli
from activities.rulebook import RuleBook
from commands.opening import now
from commands.opening import run as run_it
from policy.reading_policy import read_policy
from receivables.agents import Agent, AgentRole
from receivables.customer import Contact, Customer
from receivables.invoice import Invoice
from store import agents, intake, policies
from store.database import Database
from tests.builders import a_customer, an_agent, an_invoice

EXAMPLE_POLICY = Path(__file__).parents[2] / "examples" / "policy.yaml"

Baton = Callable[..., Result]


@pytest.fixture
def baton(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Baton:
    """`baton("why", "INV-1")`: the command on a store of its own, with no Temporal that answers."""
    monkeypatch.setenv("BATON_STORE_URL", sqlite_url)
    monkeypatch.setenv("BATON_VAR_DIR", str(tmp_path))
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> Result:
        return CliRunner().invoke(cli.app, list(words))

    return run


@pytest.fixture
def filled(sqlite_url: str) -> str:
    """A store with the example's policy, an agent and a manager, and one customer with one invoice past due."""

    async def fill() -> None:
        database = Database(sqlite_url)
        text = EXAMPLE_POLICY.read_text(encoding="utf-8")
        policy = read_policy(text, origin="example")
        at = now()
        async with database.writing() as connection:
            await policies.activate(connection, version=policy.version, name=policy.name, text=text, at=at)
            await agents.save(connection, an_agent("anna", manager="mary"))
            await agents.save(connection, Agent(agent_id="mary", name="M", email="m@x.example", role=AgentRole.MANAGER))
            await intake.open_invoice(connection, invoice=_past_due(), customer=_customer(), by="test", at=at)
        await database.close()

    run_it(fill())
    return sqlite_url


def rules_of(sqlite_url: str) -> str:
    """The version of the policy in force."""

    async def read() -> str:
        database = Database(sqlite_url)
        async with database.reading() as connection:
            version = (await RuleBook().rules(connection)).current.version
        await database.close()
        return version

    return run_it(read())


def _customer() -> Customer:
    return a_customer(customer_id="C-1", name="Acme GmbH", contact=Contact(name="Eve", email="eve@acme.example"))


def _past_due() -> Invoice:
    today = now().date()
    return an_invoice(
        invoice_id="INV-1",
        customer_id="C-1",
        issued_on=today - timedelta(days=35),
        due_on=today - timedelta(days=5),
        opened_at=now(),
    )
