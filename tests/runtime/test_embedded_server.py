import asyncio
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from runtime.embedded_server import EmbeddedTemporal, PortTaken, ServerDidNotStart
from runtime.leftovers import birth_of
from runtime.settings import Settings, load_settings
from runtime.supervisor import Child, Supervisor
from runtime.temporal import (
    SearchAttributeRefused,
    TemporalAway,
    connect,
    ensure_namespace,
    ensure_search_attributes,
)
from tests.waiting import until

pytestmark = pytest.mark.dev_server

KEYWORD, DATETIME = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD, IndexedValueType.INDEXED_VALUE_TYPE_DATETIME


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in list(os.environ):
        if name.startswith(("BATON_", "TEMPORAL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "none.toml"))
    return load_settings(var_dir=tmp_path, temporal_port=a_free_port(), ui_port=a_free_port())


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[EmbeddedTemporal]:
    server = EmbeddedTemporal.of(settings)
    await server.start()
    yield server
    await server.kill()


async def start_sleeping(client: Client, workflow_id: str) -> None:
    """Nobody works on it: it is just there."""
    await client.start_workflow("Sleeper", id=workflow_id, task_queue="nobody")


async def test_what_the_server_acknowledged_outlives_a_kill_and_a_restart(
    server: EmbeddedTemporal, settings: Settings
) -> None:
    client = await connect(settings)
    await start_sleeping(client, "invoice-1")
    await server.kill()
    assert server.pid is None
    await server.start()
    assert (await client.get_workflow_handle("invoice-1").describe()).id == "invoice-1"
    await server.restart()
    assert (await (await connect(settings)).get_workflow_handle("invoice-1").describe()).id == "invoice-1"


async def test_its_file_is_in_wal_mode(server: EmbeddedTemporal) -> None:
    file = sqlite3.connect(server.database_file)
    assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    file.close()


async def test_a_stopped_server_is_away_and_the_refusal_says_what_to_do(
    server: EmbeddedTemporal, settings: Settings
) -> None:
    pid = server.pid
    assert pid is not None
    await server.stop()
    assert birth_of(pid) is None
    with pytest.raises(TemporalAway, match=rf"127\.0\.0\.1:{settings.temporal_port}.*TEMPORAL_ADDRESS"):
        await connect(settings)


async def test_a_taken_port_is_named_with_its_variable(server: EmbeddedTemporal, settings: Settings) -> None:
    with pytest.raises(PortTaken, match=rf"port {settings.temporal_port}.*BATON_TEMPORAL_PORT"):
        await EmbeddedTemporal.of(settings).start()
    other = EmbeddedTemporal(folder=settings.var_dir / "other", port=a_free_port(), ui_port=settings.ui_port)
    with pytest.raises(PortTaken, match="BATON_UI_PORT"):
        await other.start()


async def test_a_server_that_ends_at_once_is_told_with_its_log(tmp_path: Path) -> None:
    wrong = EmbeddedTemporal(folder=tmp_path, port=a_free_port(), dynamic_config=["not a pair"])
    with pytest.raises(ServerDidNotStart, match=r"temporal\.log"):
        await wrong.start()


async def test_a_client_waits_for_a_server_that_is_on_its_way(settings: Settings) -> None:
    server = EmbeddedTemporal.of(settings)
    client = asyncio.create_task(connect(settings, wait_seconds=20))
    try:
        await server.start()
        assert (await client).namespace == "default"
    finally:
        await server.stop()


async def test_search_attributes_are_made_once_and_asked_for_twice(
    server: EmbeddedTemporal, settings: Settings
) -> None:
    client = await connect(settings)
    wanted = {"CustomerId": KEYWORD, "DueOn": DATETIME}
    assert await ensure_search_attributes(client, {"DueOn": DATETIME}) == ("DueOn",)
    assert await ensure_search_attributes(client, wanted) == ("CustomerId",)
    assert await ensure_search_attributes(client, wanted) == ()
    key = SearchAttributeKey.for_keyword("CustomerId")
    handle = await client.start_workflow(
        "Sleeper",
        id="invoice-2",
        task_queue="nobody",
        search_attributes=TypedSearchAttributes([SearchAttributePair(key, "C-1")]),
    )
    assert (await handle.describe()).typed_search_attributes[key] == "C-1"


async def test_a_search_attribute_of_another_type_is_refused(server: EmbeddedTemporal, settings: Settings) -> None:
    client = await connect(settings)
    await ensure_search_attributes(client, {"DueOn": KEYWORD})
    with pytest.raises(SearchAttributeRefused, match=r"DueOn is Keyword.*needs Datetime"):
        await ensure_search_attributes(client, {"DueOn": DATETIME})


async def test_a_missing_namespace_is_made_once(
    server: EmbeddedTemporal, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "receivables")
    client = await connect(settings)
    assert await ensure_namespace(client) is True
    assert await ensure_namespace(client) is False
    assert await ensure_search_attributes(client, {"Segment": KEYWORD}) == ("Segment",)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "nowhere")
    with pytest.raises(SearchAttributeRefused, match="namespace create --namespace nowhere"):
        await ensure_search_attributes(await connect(settings), {"Segment": KEYWORD})


async def test_while_the_server_is_away_the_set_up_says_so(server: EmbeddedTemporal, settings: Settings) -> None:
    client = await connect(settings)
    await server.kill()
    with pytest.raises(TemporalAway):
        await ensure_search_attributes(client, {"Segment": KEYWORD})


async def test_under_the_supervisor_a_killed_server_comes_back_with_all_it_knew(settings: Settings) -> None:
    server = EmbeddedTemporal.of(settings)
    lines: list[str] = []
    child = Child("temporal", server.command, is_ready=server.is_ready)
    async with Supervisor([child], folder=settings.var_dir, say=lines.append) as house:
        client = await connect(settings)
        await start_sleeping(client, "invoice-3")
        pid = house.pid_of("temporal")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: house.pid_of("temporal") not in (None, pid), what="another server")
        await until(server.is_ready, what="its readiness")
        assert (await client.get_workflow_handle("invoice-3").describe()).id == "invoice-3"
    assert [line.partition(";")[0] for line in lines] == ["temporal was ended by signal SIGKILL"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
async def test_a_server_of_a_killed_test_run_does_not_stay(settings: Settings) -> None:
    program = (
        "import asyncio; from runtime.embedded_server import EmbeddedTemporal as Server\n"
        "from runtime.settings import load_settings\n"
        "async def main():\n"
        f"    server = Server.of(load_settings(var_dir={str(settings.var_dir)!r}, "
        f"temporal_port={settings.temporal_port}, ui_port={settings.ui_port}))\n"
        "    await server.start(); print(server.pid, flush=True); await asyncio.Event().wait()\n"
        "asyncio.run(main())"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    pid = int(await process.stdout.readline())
    process.kill()
    await process.wait()
    await until(lambda: birth_of(pid) is None, what="the server's end")
