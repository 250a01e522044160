"""One installation of Baton whose parts are real processes that may be killed: Temporal, worker, API, on one store."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import select, text
from temporalio.client import Client, WorkflowHandle

from activities.telling import EngineAway, tell
from policy.reading_policy import read_policy
from receivables.case_file import CaseFile
from receivables.collection_policy import CollectionPolicy
from receivables.ledger import PaymentFeed
from receivables.messages import Message, MessageState
from runtime.embedded_server import EmbeddedTemporal
from runtime.temporal import ensure_search_attributes, pydantic_data_converter
from runtime.tied_to_parent import tied
from store import intake, messages, policies, tables
from store.database import Database
from tests.builders import a_customer, a_ladder, a_policy, always_open, an_invoice, some_contact_rules
from tests.diary import as_yaml
from workflows import names
from workflows.invoice import InvoiceWorkflow
from workflows.teller import TemporalTeller

ROOT = Path(__file__).parents[2]

SEND_TIMEOUT_SECONDS = 10
"""Longer than it takes to hold ten conversations on a busy machine."""
LEASE_SECONDS = 11


def now() -> datetime:
    return datetime.now(UTC)


def today() -> date:
    return now().date()


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def one_level_at_once() -> CollectionPolicy:
    """Whoever is late is reminded now, at any hour, once; nothing else happens for years."""
    return a_policy(
        ladder=a_ladder(1, end={"after_days": 3000}),
        contact=some_contact_rules(hours=always_open()),
        escalations=(),
        receipts=False,
    )


@dataclass
class Part:
    """A process of Baton's: `python -m cli worker`, say. It ends with the test at the latest."""

    words: Sequence[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert self.process is None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                tied((sys.executable, *self.words)),
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL: it has no chance to finish anything."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        """SIGSTOP: between two instructions, wherever it is."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def last_words(self) -> str:
        ended = self.process.poll() if self.process is not None else None
        said = self.log.read_text()[-2000:] if self.log.exists() else "nothing"
        return f"{' '.join(self.words)} ended with {ended} and said at the end:\n{said}"


@dataclass
class House:
    folder: Path
    database: Database
    temporal: EmbeddedTemporal
    client: Client
    worker: Part
    api: Part
    api_url: str
    addresses: dict[str, str] = field(default_factory=dict)
    """The address that each customer is written to."""

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"

    async def open_invoices(self, *customer_ids: str, invoices: int = 1, due_days_ago: int = 3) -> list[str]:
        """Invoices that are late, of customers who get one reminder for all of theirs. Told as well as can be."""
        opened: list[str] = []
        for customer_id in customer_ids:
            self.addresses[customer_id] = f"{customer_id.lower()}@acme.example"
            for number in range(1, invoices + 1):
                invoice = an_invoice(
                    invoice_id=f"{customer_id}-INV-{number}",
                    customer_id=customer_id,
                    issued_on=today() - timedelta(days=due_days_ago + 30),
                    due_on=today() - timedelta(days=due_days_ago),
                    opened_at=now(),
                )
                customer = a_customer(customer_id=customer_id, email=self.addresses[customer_id], time_zone="UTC")
                async with self.database.writing() as connection:
                    taken = await intake.open_invoice(
                        connection, invoice=invoice, customer=customer, by="erp", at=now()
                    )
                await self.tell(taken)
                opened.append(invoice.invoice_id)
        return opened

    async def tell(self, taken: intake.Taken) -> None:
        try:
            await tell(self.database, TemporalTeller(self.client), taken.tellings, at=now())
        except EngineAway:
            return  # the reconciler's business

    def run_of(self, invoice_id: str) -> WorkflowHandle[InvoiceWorkflow, CaseFile]:
        return self.client.get_workflow_handle_for(InvoiceWorkflow.run, names.invoice_workflow_id(invoice_id))

    async def all_messages(self, state: MessageState | None = None) -> list[Message]:
        async with self.database.reading() as connection:
            return await messages.list_messages(connection, state=state, limit=500)

    async def message_ids(self) -> dict[str, Message]:
        """Every message of the store by the Message-ID that its letter carries."""
        found: dict[str, Message] = {}
        async with self.database.reading() as connection:
            for message in await messages.list_messages(connection, limit=500):
                found[(await messages.letter_of(connection, message.key)).message_id] = message
        return found

    async def is_settled(self, invoice_ids: Sequence[str]) -> bool:
        """Whether each invoice's level is sent or in doubt, and nothing is leaving any more."""
        held: set[str] = set()
        for message in await self.all_messages():
            if message.state not in (MessageState.SENT, MessageState.IN_DOUBT):
                return False
            held |= {item.invoice_id for item in message.items}
        return held == set(invoice_ids)

    async def all_sent(self, invoice_ids: Sequence[str]) -> bool:
        return await self.is_settled(invoice_ids) and not await self.all_messages(MessageState.IN_DOUBT)

    @asynccontextmanager
    async def locked_store(self) -> AsyncIterator[None]:
        """Nobody else writes messages meanwhile."""
        async with self.database.writing() as connection:
            if not self.database.is_sqlite:
                await connection.execute(text("LOCK TABLE messages IN SHARE ROW EXCLUSIVE MODE"))
            yield

    async def untold(self) -> int:
        async with self.database.reading() as connection:
            rows = await connection.execute(
                select(tables.tellings.c.fact_id).where(tables.tellings.c.told_at.is_(None))
            )
            return len(rows.all())


@asynccontextmanager
async def a_house(
    folder: Path, store_url: str, *, policy: CollectionPolicy | None = None, **settings: object
) -> AsyncIterator[House]:
    """`settings` are BATON_ variables, in small letters. Temporal runs; worker and API are not started yet."""
    port = a_free_port()
    temporal = EmbeddedTemporal(folder=folder, port=a_free_port())
    await temporal.start()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("BATON_", "TEMPORAL_"))}
    environment |= {
        "TEMPORAL_ADDRESS": temporal.address,
        "TEMPORAL_CONFIG_FILE": str(folder / "none.toml"),
        "BATON_VAR_DIR": str(folder),
        "BATON_STORE_URL": store_url,
        "BATON_API_PORT": str(port),
        "BATON_SEND_TIMEOUT_SECONDS": str(SEND_TIMEOUT_SECONDS),
        "BATON_LEASE_SECONDS": str(LEASE_SECONDS),
        **{f"BATON_{name.upper()}": str(value) for name, value in settings.items()},
    }
    client = await Client.connect(temporal.address, data_converter=pydantic_data_converter)
    await ensure_search_attributes(client, names.search_attribute_types())
    database = Database(store_url)
    yaml = as_yaml(policy or one_level_at_once())
    rules = read_policy(yaml, origin="the house's policy")
    async with database.writing() as connection:
        await policies.activate(connection, version=rules.version, name=rules.name, text=yaml, at=now())
        await intake.report_feed(
            connection,
            feed=PaymentFeed(feed_id="bank", complete_until_at=now() + timedelta(days=3650), told_at=now()),
            by="bank",
            at=now(),
        )
    house = House(
        folder=folder,
        database=database,
        temporal=temporal,
        client=client,
        worker=Part(("-m", "cli", "worker"), environment, folder / "worker.log"),
        api=Part(("-m", "cli", "api"), environment, folder / "api.log"),
        api_url=f"http://127.0.0.1:{port}",
    )
    try:
        yield house
    finally:
        # pytest shows it where the test failed
        sys.stdout.write("\n".join(part.last_words() for part in (house.worker, house.api)))
        house.worker.kill()
        house.api.kill()
        await temporal.kill()
        await database.close()
        await asyncio.sleep(0)
