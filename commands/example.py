"""The example of `baton run`: a ledger told to the API, one message in doubt, and a few customers who act."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from activities.composing import Composer
from activities.rulebook import RuleBook
from channels.rendering import Renderer
from commands.backend import Backend
from commands.example_memory import ExampleMemory, MemoryFile
from commands.opening import bytes_of, now
from commands.terminal import CommandFault
from policy.outreach import HeldBack, judge
from receivables.messages import MessageState
from store import invoices, messages, timeline
from store.accounts import read_account
from store.database import Database
from store.invoices import InvoiceRecord
from store.messages import AlreadyReserved

LEDGER, POLICY, AGENTS = "ledger.csv", "policy.yaml", "agents.yaml"
FEED = "bank"
IN_DOUBT = "INV-2048"
BROKE_OFF = "the mail server broke off after the text was handed over (made up for the example)"
LEASE = timedelta(seconds=60)
MESSAGE_SECONDS = 20.0
PAUSE_SECONDS = 2.0

_TODAY = re.compile(rb"(?<![A-Za-z0-9])today(?:([+-])(\d+))?(?![A-Za-z0-9])")


@dataclass(frozen=True)
class Act:
    """What a customer does about one of their invoices, and what an onlooker reads of it."""

    name: str
    invoice_id: str
    words: str
    path: str
    content: Callable[[InvoiceRecord, datetime], dict[str, Any]]


def _pays(record: InvoiceRecord, at: datetime) -> dict[str, Any]:
    invoice = record.invoice
    return {
        "payment_id": f"example-payment-{invoice.invoice_id}",
        "customer_id": invoice.customer_id,
        "amount": {"amount": str(invoice.amount.amount), "currency": invoice.amount.currency},
        "allocations": [{"invoice_id": invoice.invoice_id}],
        "booked_on": at.date().isoformat(),
    }


def _replies(subject: str, body: str, reading: Callable[[InvoiceRecord, date], dict[str, Any]]) -> Callable[..., Any]:
    def content(record: InvoiceRecord, at: datetime) -> dict[str, Any]:
        return {
            "reply_id": f"example-reply-{record.invoice.invoice_id}",
            "customer_id": record.invoice.customer_id,
            "invoice_ids": [record.invoice.invoice_id],
            "received_at": at.isoformat(),
            "subject": subject,
            "body": body,
            "reading": reading(record, at.date()),
        }

    return content


ACTS = (
    Act("pays", "INV-2052", "Harbour & Sons pay INV-2052", "/v1/payments", _pays),
    Act(
        "disputes",
        "INV-2029",
        "Nordlicht disputes INV-2029: two batteries of ten were missing",
        "/v1/replies",
        _replies(
            "Fehlmenge",
            "Zwei der zehn Batterien fehlten.",
            lambda _record, _today: {"intents": [{"intent": "dispute", "evidence": "Zwei der zehn Batterien fehlten"}]},
        ),
    ),
    Act(
        "promises",
        "INV-2049",
        "Talleres Ibarra promise to pay INV-2049 in ten days",
        "/v1/replies",
        _replies(
            "Pago",
            "Pagaremos dentro de diez días.",
            lambda _record, today: {
                "intents": [{"intent": "promise_to_pay", "evidence": "Pagaremos dentro de diez días"}],
                "promised_on": (today + timedelta(days=10)).isoformat(),
            },
        ),
    ),
    Act(
        "asks_for_a_person",
        "INV-2025",
        "Acme want to speak with a person about INV-2025",
        "/v1/replies",
        _replies(
            "Rückruf",
            "Bitte rufen Sie mich an, ich möchte das mit einem Menschen klären.",
            lambda _record, _today: {
                "intents": [{"intent": "person_request", "evidence": "mit einem Menschen klären"}],
                "needs_person": True,
            },
        ),
    ),
)


class Example:
    """Each step is remembered when it is over, and harmless when it is done again: ids and days stay the same."""

    def __init__(self, folder: Path, memory: MemoryFile, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._file = memory
        self._say = say
        self._memory = ExampleMemory(first_on=now().date())

    @property
    def policy_file(self) -> Path:
        return self._folder / POLICY

    @property
    def agents_file(self) -> Path:
        return self._folder / AGENTS

    async def begin(self, database: Database) -> bool:
        """Whether it was loaded by an earlier start. Raises CommandFault where the store is somebody's already."""
        known = self._file.read()
        if known is not None:
            self._memory = known
            return known.is_loaded
        async with database.reading() as connection:
            if await invoices.list_invoices(connection, limit=1):
                raise CommandFault(
                    "the store has invoices already, and the example would put its own policy over them",
                    remedy="Start without --example, or with an empty folder: BATON_VAR_DIR=var/example",
                )
        self._file.write(self._memory)  # the day first: whatever comes after may be done again
        return False

    async def load(self, backend: Backend) -> None:
        """Tell the API of the ledger, as a backend would; the same again changes nothing."""
        if self._memory.is_loaded:
            return
        content = resolved(bytes_of(self._folder / LEDGER, what="the example's ledger"), self._memory.first_on)
        answer = await backend.tell(
            "POST", "/v1/ledger-imports", content=content, headers={"Content-Type": "text/csv; charset=utf-8"}
        )
        self._say(
            f"{answer['opened'] + answer['known']} invoices of {LEDGER} told to the API, each with its own workflow"
        )
        self._remember(is_loaded=True)

    async def put_one_in_doubt(self, database: Database, renderer: Renderer) -> None:
        """A mail server that breaks off cannot be had on a new machine: its outcome is put into the store instead."""
        if "in_doubt" in self._memory.done:
            return
        as_of = now()
        async with database.writing() as connection:
            record = await invoices.find_invoice(connection, IN_DOUBT)
            if record is None:
                return
            customer_id = record.invoice.customer_id
            account = await read_account(
                connection, customer_id=customer_id, invoice_id=IN_DOUBT, as_of=as_of, lock=True
            )
            rules = await RuleBook().rules(connection)
            outreach = judge(account=account, invoice_id=IN_DOUBT, step="level-1", rules=rules, as_of=as_of)
            if not isinstance(outreach, HeldBack):
                policy = rules.of(record.invoice)
                message, letter = await Composer(renderer).compose(
                    connection, account=account, outreach=outreach, policy=policy, as_of=as_of, lease=LEASE
                )
                try:
                    await messages.reserve(connection, message, letter)
                    await messages.settle(
                        connection, key=message.key, state=MessageState.IN_DOUBT, at=as_of, outcome=BROKE_OFF
                    )
                    await timeline.add_line(
                        connection,
                        natural_key=f"{message.key}:{IN_DOUBT}:in_doubt",
                        customer_id=customer_id,
                        invoice_id=IN_DOUBT,
                        at=as_of,
                        kind="message",
                        words=f"{message.step} in doubt: {BROKE_OFF}",
                        rule=message.rule[:80],
                        facts={"message": message.key},
                    )
                except AlreadyReserved:  # put there by a start that was killed before it could remember
                    pass
        self._remember(done="in_doubt")

    async def play(self, backend: Backend, database: Database) -> None:
        """A few customers act, one after the other, each once they have had their reminder."""
        for act in ACTS:
            if act.name in self._memory.done:
                continue
            async with database.reading() as connection:
                record = await invoices.find_invoice(connection, act.invoice_id)
            if record is None:
                continue
            await _until_written_to(database, act.invoice_id)
            await asyncio.sleep(PAUSE_SECONDS)
            at = self._memory.began.get(act.name)
            if at is None:
                at = now()
                self._remember(began={**self._memory.began, act.name: at})
            self._say(f"a customer acts: {act.words}")
            await backend.tell("POST", act.path, json=act.content(record, at))
            self._remember(done=act.name)

    def _remember(self, *, done: str | None = None, **changes: Any) -> None:
        if done is not None:
            changes["done"] = (*self._memory.done, done)
        self._memory = self._file.write(self._memory.model_copy(update=changes))


async def report_feed(backend: Backend) -> None:
    """The bank is complete until now: without that nobody is chased."""
    until = now() - timedelta(seconds=1)
    await backend.tell("PUT", f"/v1/feeds/{FEED}", json={"complete_until_at": until.isoformat()})


def resolved(ledger: bytes, today: date) -> bytes:
    """The ledger with `today-12` and the like as days, so that another day sends the same."""

    def day(found: re.Match[bytes]) -> bytes:
        days = int(found[2] or 0) * (-1 if found[1] == b"-" else 1)
        return (today + timedelta(days=days)).isoformat().encode()

    return _TODAY.sub(day, ledger)


async def _until_written_to(database: Database, invoice_id: str) -> None:
    """Until a message about the invoice was sent; not for ever, since it may be with a person."""
    with suppress(TimeoutError):
        async with asyncio.timeout(MESSAGE_SECONDS):
            while True:
                async with database.reading() as connection:
                    if await messages.list_messages(
                        connection, invoice_id=invoice_id, state=MessageState.SENT, limit=1
                    ):
                        return
                await asyncio.sleep(0.25)
