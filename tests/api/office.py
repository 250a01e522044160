"""An API on a real store, with an engine that writes down what it is told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from fastapi import FastAPI

from activities.payloads import DecisionRequest, DecisionTaken
from activities.telling import EngineAway
from api.access import Role
from api.app import create_app
from api.services import AppOptions
from policy.reading_policy import default_policy_text, read_policy
from receivables.access import KeyRecord
from receivables.case_file import CaseFile, News
from store import agents, keys, policies
from store.database import Database
from tests.builders import an_agent

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


@dataclass
class Engine:
    """What the workflows were told, in order; `is_away` makes it unreachable."""

    told: list[tuple[str, str, News]] = field(default_factory=list)
    started: list[CaseFile] = field(default_factory=list)
    is_away: bool = False

    async def tell(self, *, invoice_id: str, news_kind: str, news: News, case: CaseFile) -> None:
        if self.is_away:
            raise EngineAway("nobody answers")
        self.told.append((invoice_id, news_kind, news))
        if news_kind == "opened":
            self.started.append(case)

    def told_of(self, fact_id: str) -> list[str]:
        return [invoice_id for invoice_id, _, news in self.told if news.fact_id == fact_id]


@dataclass
class Desk:
    """Answers decisions with `answer`: what was taken, None (left as a signal), or an exception."""

    answer: DecisionTaken | Exception | None = None
    asked: list[tuple[str, DecisionRequest]] = field(default_factory=list)

    async def decide(self, workflow_id: str, request: DecisionRequest) -> DecisionTaken | None:
        self.asked.append((workflow_id, request))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def is_there(self) -> bool:
        return True


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


class Office:
    """Baton's API with one key of each role: `await office.post("/v1/payments", {...}, role="service")`."""

    def __init__(self, database: Database, app: FastAPI, engine: Engine, desk: Desk, clock: Clock) -> None:
        self.database = database
        self.app = app
        self.engine = engine
        self.desk = desk
        self.clock = clock
        self.secrets: dict[Role, str] = {}
        self.records: dict[Role, KeyRecord] = {}
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://baton.test")

    @classmethod
    async def open(cls, database: Database, *, policy: str | None = None, **options: Any) -> "Office":
        engine, desk, clock = Engine(), Desk(), Clock()
        app = create_app(database=database, teller=engine, desk=desk, clock=clock, options=AppOptions(**options))
        office = cls(database, app, engine, desk, clock)
        text = policy or default_policy_text()
        rules = read_policy(text, origin="test")
        async with database.writing() as connection:
            await policies.activate(connection, version=rules.version, name=rules.name, text=text, at=NOW)
            for agent in (an_agent(), an_agent(agent_id="boss", name="Bo Boss", role="manager")):
                await agents.save(connection, agent)
            for role, agent_id in (
                (Role.SERVICE, None),
                (Role.AGENT, "agent-1"),
                (Role.MANAGER, "boss"),
                (Role.OPERATOR, None),
            ):
                office.records[role], office.secrets[role] = await keys.make_key(
                    connection, role=role, name=f"a {role.value}", agent_id=agent_id, at=NOW
                )
        return office

    def headers(self, role: str | None = "service") -> dict[str, str]:
        return {} if role is None else {"Authorization": f"Bearer {self.secrets[Role(role)]}"}

    async def get(self, path: str, *, role: str | None = "manager", **params: Any) -> httpx.Response:
        return await self.client.get(path, params=params, headers=self.headers(role))

    async def post(self, path: str, body: Any, *, role: str | None = "service") -> httpx.Response:
        return await self.client.post(path, json=body, headers=self.headers(role))

    async def put(self, path: str, body: Any, *, role: str | None = "service") -> httpx.Response:
        return await self.client.put(path, json=body, headers=self.headers(role))

    async def send(
        self, method: str, path: str, content: bytes, *, role: str | None = "service", **headers: str
    ) -> httpx.Response:
        return await self.client.request(
            method, path, content=content, headers={"Content-Type": "application/json", **headers, **self.headers(role)}
        )

    async def known(self, *invoice_ids: str) -> None:
        """The customer C-1 with these open invoices of EUR 100.00, everybody told."""
        for invoice_id in invoice_ids:
            answer = await self.post("/v1/invoices", an_invoice_body(invoice_id=invoice_id))
            assert answer.status_code == 201, answer.text
        await self.app.state.services.herald.noted()

    async def close(self) -> None:
        await self.client.aclose()
        await self.app.state.services.herald.noted()


def money(amount: str, currency: str = "EUR") -> dict[str, str]:
    return {"amount": amount, "currency": currency}


def a_customer_body(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Acme GmbH",
        "country": "DE",
        "language": "de",
        "time_zone": "Europe/Berlin",
        "contact": {"name": "Anna Acme", "email": "anna@acme.example"},
    } | changes


def an_invoice_body(**changes: Any) -> dict[str, Any]:
    """INV-1 of C-1, who comes with it, over EUR 100.00."""
    return {
        "invoice_id": "INV-1",
        "customer": a_customer_body(customer_id="C-1"),
        "amount": money("100.00"),
        "issued_on": "2026-02-01",
        "due_on": "2026-03-01",
    } | changes


def a_payment_body(**changes: Any) -> dict[str, Any]:
    """P-1: EUR 40.00 for INV-1."""
    return {
        "payment_id": "P-1",
        "customer_id": "C-1",
        "amount": money("40.00"),
        "allocations": [{"invoice_id": "INV-1"}],
        "booked_on": "2026-03-02",
    } | changes


def a_reply_body(*intents: str, **changes: Any) -> dict[str, Any]:
    """R-1 of C-1, about INV-1, a billing question."""
    return {
        "reply_id": "R-1",
        "customer_id": "C-1",
        "invoice_ids": ["INV-1"],
        "received_at": "2026-03-02T09:59:00Z",
        "subject": "Your invoice",
        "body": "What is this for?\nAnna",
        "reading": {"intents": [{"intent": intent} for intent in intents or ("billing_question",)]},
    } | changes


def kinds(faults: Sequence[dict[str, str]]) -> list[str]:
    return [fault["place"] for fault in faults]
