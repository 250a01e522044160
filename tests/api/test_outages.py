"""The store or the engine away: callers are told when to ask again, and nothing accepted is lost (promise 2)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.app import create_app
from receivables.access import KeyRecord, Role
from receivables.case_file import CaseFile, News
from store import facts
from store.database import Database
from tests.api.office import NOW, Clock, Desk, Engine, Office, a_payment_body, a_reply_body, an_invoice_body


class _Believing(dict[bytes, tuple[float, KeyRecord]]):
    """Every key is believed: the store cannot be asked for it."""

    def get(self, *_: object) -> tuple[float, KeyRecord]:  # type: ignore[override]  one kind of answer is enough
        return float("inf"), KeyRecord(key_id="k", role=Role.SERVICE, name="any", made_at=NOW)


@pytest.fixture
async def office_without_a_store(tmp_path: Path) -> AsyncIterator[Office]:
    database = Database(f"sqlite:///{tmp_path}/no-such-folder/baton.db")
    app = create_app(database=database, teller=Engine(), desk=Desk(), clock=Clock())
    opened = Office(database, app, Engine(), Desk(), Clock())
    opened.secrets[Role.SERVICE] = opened.secrets[Role.MANAGER] = "baton_x_y"
    yield opened
    await opened.close()
    await database.close()


@pytest.mark.parametrize("knows_the_key", [True, False])
async def test_while_the_store_is_away_callers_are_told_when_to_ask_again(
    office_without_a_store: Office, knows_the_key: bool
) -> None:
    if knows_the_key:
        office_without_a_store.app.state.services.keys._believed = _Believing()
    for path, body in (
        ("/v1/invoices", an_invoice_body()),
        ("/v1/payments", a_payment_body()),
        ("/v1/replies", a_reply_body()),
    ):
        answer = await office_without_a_store.post(path, body)
        assert (answer.status_code, answer.json()["type"]) == (503, "store_away")
        assert int(answer.headers["Retry-After"]) >= 1
        assert "no-such-folder" not in answer.text
    assert (await office_without_a_store.get("/readyz", role=None)).status_code == 503
    assert (await office_without_a_store.get("/healthz", role=None)).status_code == 200


async def test_while_the_engine_is_away_facts_are_taken_and_told_later(either_office: Office) -> None:
    await either_office.known("INV-1")
    either_office.engine.is_away = True
    for path, body, fact_id in (
        ("/v1/payments", a_payment_body(), "payment:P-1"),
        ("/v1/replies", a_reply_body(), "reply:R-1"),
    ):
        answer = await either_office.post(path, body)
        assert (answer.status_code, answer.json()["told"]) == (202, False)
        async with either_office.database.reading() as connection:
            assert [telling.invoice_id for telling in await facts.untold_of(connection, fact_id)] == ["INV-1"]
        assert (await either_office.post(path, body)).status_code == 202


async def test_a_fault_in_the_engine_is_no_fault_of_the_caller(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    async def breaks(*, invoice_id: str, news_kind: str, news: News, case: CaseFile) -> None:
        raise RuntimeError("boom")

    office.engine.tell = breaks  # type: ignore[method-assign]  a double's method
    answer = await office.post("/v1/invoices", an_invoice_body())
    assert (answer.status_code, answer.json()["told"]) == (202, False)
    assert "reconciler" in caplog.text


async def test_an_engine_that_does_not_answer_holds_nobody_up_for_long(sqlite_database: Database) -> None:
    office = await Office.open(sqlite_database, tell_seconds=0.05)

    async def never(*, invoice_id: str, news_kind: str, news: News, case: CaseFile) -> None:
        await asyncio.Event().wait()

    office.engine.tell = never  # type: ignore[method-assign]  a double's method
    answer = await office.post("/v1/invoices", an_invoice_body())
    assert answer.status_code == 202
    await office.close()
