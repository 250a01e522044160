"""The store is away for a while: runs wait and go on, and what has left in the meantime stays known."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from receivables.access import Role
from receivables.case_file import News
from receivables.messages import MessageState
from store import keys
from store.migrating import migrate
from tests.crashes.house import House, a_house, now
from tests.crashes.post_office import PostOffice, Stop, a_post_office
from tests.crashes.stoppable_postgres import StoppablePostgres, a_stoppable_postgres
from tests.waiting import until
from workflows.invoice import InvoiceWorkflow

pytestmark = [pytest.mark.dev_server, pytest.mark.postgres]


@pytest.fixture
async def office() -> AsyncIterator[PostOffice]:
    async with a_post_office() as opened:
        yield opened


@pytest.fixture
async def postgres(postgres_server: str) -> AsyncIterator[StoppablePostgres]:
    async with a_stoppable_postgres(postgres_server) as server:
        await migrate(server.url)
        yield server


@pytest.fixture
async def house(tmp_path: Path, postgres: StoppablePostgres, office: PostOffice) -> AsyncIterator[House]:
    async with a_house(
        tmp_path,
        postgres.url,
        channel="smtp",
        smtp_host="127.0.0.1",
        smtp_port=office.port,
        smtp_tls="none",
        send_timeout_seconds=20,
        lease_seconds=30,
    ) as opened:
        yield opened


async def test_promise_2_with_the_store_away_runs_wait_and_go_on_and_what_left_meanwhile_is_known_as_sent(
    house: House, office: PostOffice, postgres: StoppablePostgres
) -> None:
    async with house.database.writing() as connection:
        _, secret = await keys.make_key(connection, role=Role.SERVICE, name="erp", at=now())
    house.worker.start()
    house.api.start()
    leaving = [f"C-{number}" for number in range(1, 4)]
    waiting = [f"C-{number}" for number in range(4, 8)]
    office.stops |= {f"{customer_id.lower()}@acme.example": Stop.RECIPIENT for customer_id in leaving}
    invoice_ids = await house.open_invoices(*leaving)
    await until(lambda: len(office.held) == len(leaving), seconds=40, what="letters on their way")

    async with httpx.AsyncClient(base_url=house.api_url, headers={"Authorization": f"Bearer {secret}"}) as client:

        async def answered() -> httpx.Response | None:
            try:
                return await client.get("/v1/in-doubt", timeout=30)
            except httpx.TransportError:
                return None

        assert (await until(answered, seconds=40, what="the API")).status_code == 200
        # told to start and stored, and their first question meets a store that is gone
        invoice_ids += await house.open_invoices(*waiting, due_days_ago=0)
        await postgres.stop()
        for invoice_id in invoice_ids:
            await house.run_of(invoice_id).signal(
                InvoiceWorkflow.look_again, News(fact_id=f"look:{invoice_id}", words="look")
            )
        away = await answered()
        assert away is not None
        assert away.status_code == 503
        assert "Retry-After" in away.headers
        office.let_go()
        await until(lambda: len(office.taken) == len(leaving), what="the letters to be taken")
        await postgres.start()
        back = await answered()
        assert back is not None
        assert back.status_code == 200

    async def all_know() -> bool:
        for invoice_id in invoice_ids:
            file = await house.run_of(invoice_id).query(InvoiceWorkflow.case_file)
            if f"look:{invoice_id}" not in file.taken_in or file.step is None:
                return False
        return True

    await until(all_know, seconds=60, what="all runs to go on")
    states = {message.to: message.state for message in await house.all_messages()}
    assert states == {house.addresses[customer_id]: MessageState.SENT for customer_id in leaving}
    assert office.count_by_recipient() == dict.fromkeys(states, 1)
