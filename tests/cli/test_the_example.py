"""The example of `baton run`, in parts that need no servers."""

import csv
import stat
from datetime import date
from pathlib import Path

import httpx
import pytest
from rich.text import Text

from commands.backend import Backend
from commands.example import ACTS, IN_DOUBT, Example, resolved
from commands.example_memory import ExampleMemory, MemoryFile
from commands.first_keys import first_keys
from commands.onlooker import Onlooker
from commands.opening import now
from commands.people import read_agents, save_agents
from commands.terminal import CommandFault
from receivables.access import Role
from store import customers, timeline
from store.database import Database
from store.keys import check_key, list_keys, revoke_key
from tests.builders import a_customer

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_days_relative_to_today_become_days_and_nothing_else_changes() -> None:
    ledger = b"INV-1,today,today-12,today+5,todays,today-x,notoday\n"
    assert resolved(ledger, date(2026, 3, 1)) == b"INV-1,2026-03-01,2026-02-17,2026-03-06,todays,2026-03-01-x,notoday\n"


def test_another_day_sends_the_same(tmp_path: Path) -> None:
    memory = MemoryFile(tmp_path / "var" / "example.json")
    assert memory.read() is None
    kept = ExampleMemory(first_on=date(2026, 3, 1), began={"pays": now()}, done=("in_doubt",))
    memory.write(kept)
    assert MemoryFile(tmp_path / "var" / "example.json").read() == kept


def test_a_memory_that_was_damaged_is_told(tmp_path: Path) -> None:
    (tmp_path / "example.json").write_text("{", encoding="utf-8")
    with pytest.raises(CommandFault, match="cannot be read"):
        MemoryFile(tmp_path / "example.json").read()


def test_those_who_act_are_in_the_ledger_and_owe_something() -> None:
    with (EXAMPLES / "ledger.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["invoice_id"]: row for row in csv.DictReader(file)}
    for invoice_id in (IN_DOUBT, *(act.invoice_id for act in ACTS)):
        assert rows[invoice_id]["settled_on"] == ""
        assert rows[invoice_id]["email"]


async def test_the_example_is_not_put_over_somebodys_own_invoices(
    filled: str, sqlite_database: Database, tmp_path: Path
) -> None:
    example = Example(EXAMPLES, MemoryFile(tmp_path / "example.json"), print)
    with pytest.raises(CommandFault, match="has invoices already"):
        await example.begin(sqlite_database)
    assert not (tmp_path / "example.json").exists()


async def test_keys_are_made_once_for_everybody_and_only_their_owner_can_read_them(
    sqlite_database: Database, tmp_path: Path
) -> None:
    people = read_agents((EXAMPLES / "agents.yaml").read_bytes(), origin="agents.yaml")
    await save_agents(sqlite_database, people)
    file = tmp_path / "keys.json"
    keys, are_new = await first_keys(sqlite_database, file, at=now())
    assert are_new
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(keys.agents) == {agent.agent_id for agent in people}
    async with sqlite_database.reading() as connection:
        manager = await check_key(connection, keys.agents["mary.clarke"])
        service = await check_key(connection, keys.service)
    assert manager is not None
    assert (manager.role, manager.agent_id) == (Role.MANAGER, "mary.clarke")
    assert service is not None
    assert service.role is Role.SERVICE
    assert await first_keys(sqlite_database, file, at=now()) == (keys, False)


async def test_keys_that_the_store_knows_no_more_are_made_anew(sqlite_database: Database, tmp_path: Path) -> None:
    keys, _ = await first_keys(sqlite_database, tmp_path / "keys.json", at=now())
    async with sqlite_database.writing() as connection:
        for key in await list_keys(connection):
            await revoke_key(connection, key_id=key.key_id, at=now())
    others, are_new = await first_keys(sqlite_database, tmp_path / "keys.json", at=now())
    assert are_new
    assert others.service != keys.service


async def test_an_onlooker_reads_each_line_once_and_one_message_as_one_line(sqlite_database: Database) -> None:
    printed: list[str] = []

    def keep(line: Text) -> None:
        printed.append(line.plain)

    async def write(*lines: tuple[str, str, str | None]) -> None:
        async with sqlite_database.writing() as connection:
            await customers.save_customer(connection, a_customer(customer_id="C-1", name="Acme\x1b[2J GmbH"), at=now())
            for key, words, invoice_id in lines:
                await timeline.add_line(
                    connection,
                    natural_key=key,
                    customer_id="C-1",
                    invoice_id=invoice_id,
                    at=now(),
                    kind="message",
                    words=words,
                )

    onlooker = Onlooker(sqlite_database, print_line=keep)
    await write(("a", "long ago", None))
    await onlooker.skip()
    await write(("b", "level-1 sent", "INV-1"), ("c", "level-1 sent", "INV-2"), ("d", "receipt sent", "INV-3"))
    await onlooker.look()
    await onlooker.look()
    assert [line[10:] for line in printed] == [
        "message    Acme\\x1b[2J GmbH · INV-1, INV-2: level-1 sent",
        "message    Acme\\x1b[2J GmbH · INV-3: receipt sent",
    ]


async def test_a_backend_tells_the_same_again_until_it_is_taken() -> None:
    answers = [httpx.ConnectError("away"), httpx.Response(503), httpx.Response(201, json={"told": True})]
    asked: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.content)
        given = answers.pop(0)
        if isinstance(given, Exception):
            raise given
        return given

    backend = Backend("http://api.example", "baton_key", transport=httpx.MockTransport(answer))
    assert await backend.tell("POST", "/v1/payments", json={"payment_id": "P-1"}) == {"told": True}
    await backend.close()
    assert len(set(asked)) == 1
    assert len(asked) == 3


async def test_a_refusal_is_told_with_its_faults() -> None:
    problem = {"detail": "2 faults", "faults": [{"place": "row 3", "words": "an amount is expected"}]}
    backend = Backend(
        "http://api.example", "k", transport=httpx.MockTransport(lambda _: httpx.Response(422, json=problem))
    )
    with pytest.raises(CommandFault, match="row 3: an amount is expected"):
        await backend.tell("POST", "/v1/ledger-imports", content=b"")
    await backend.close()
