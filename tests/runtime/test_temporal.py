import os
import re
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.client import WorkflowFailureError
from temporalio.service import GrpcCompression
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from runtime.settings import load_settings
from runtime.temporal import (
    OURS,
    OURS_IN_WORKFLOWS,
    BadTemporalSetting,
    TemporalAway,
    address_of,
    connect,
    ensure_search_attributes,
    find_binary,
    pydantic_data_converter,
    sandboxed_runner,
)
from tests.runtime.clock_watcher import ClockWatcher

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_profile_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("BATON_", "TEMPORAL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "temporal.toml"))


def test_without_any_word_it_is_the_embedded_server() -> None:
    where = address_of(load_settings(temporal_port=7299))
    assert (where.address, where.namespace, where.is_embedded, where.is_loopback) == (
        "127.0.0.1:7299",
        "default",
        True,
        True,
    )


def test_the_sdks_own_variables_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.example:7233")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "receivables")
    where = address_of(load_settings())
    assert (where.address, where.namespace, where.is_embedded, where.is_loopback) == (
        "temporal.example:7233",
        "receivables",
        False,
        False,
    )


def test_a_profile_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "temporal.toml").write_text(
        '[profile.cloud]\naddress = "eu.example:7233"\nnamespace = "ar"\napi_key = "s3cret"\n', encoding="utf-8"
    )
    assert address_of(load_settings()).is_embedded
    monkeypatch.setenv("TEMPORAL_PROFILE", "cloud")
    where = address_of(load_settings())
    assert (where.address, where.namespace) == ("eu.example:7233", "ar")
    assert where.config.get("tls") is True
    assert "s3cret" not in repr(where)


def test_a_broken_profile_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "temporal.toml").write_text("[profile.", encoding="utf-8")
    with pytest.raises(BadTemporalSetting, match="TEMPORAL_CONFIG_FILE"):
        address_of(load_settings())


async def test_an_address_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "not an address")
    with pytest.raises((BadTemporalSetting, TemporalAway), match="not an address"):
        await connect(load_settings())


async def test_a_lazy_client_needs_no_server() -> None:
    client = await connect(load_settings(temporal_port=1), lazy=True)
    assert client.service_client.config.target_host == "127.0.0.1:1"
    assert client.service_client.config.grpc_compression is GrpcCompression.NONE


def test_all_of_ours_but_the_workflows_themselves_is_passed_through_the_sandbox() -> None:
    """A module of `workflows` without a workflow in it: name it in runtime.temporal.OURS_IN_WORKFLOWS; one with: not.

    Left out, it is loaded anew in each run (24 ms of CPU for models); named, a clock in a workflow would not be caught.
    """
    without = {
        f"workflows.{file.stem}"
        for file in (ROOT / "workflows").glob("*.py")
        if file.stem != "__init__"
        and not re.search(r"^@workflow\.defn", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert without == set(OURS_IN_WORKFLOWS)
    packages = {file.parent.name for file in ROOT.glob("*/__init__.py")} - {"workflows", "api", "rehearsal", "commands"}
    assert packages == set(OURS)


async def test_a_clock_in_a_workflow_is_still_caught() -> None:
    async with (
        await WorkflowEnvironment.start_time_skipping(
            test_server_existing_path=find_binary("temporal-test-server"), data_converter=pydantic_data_converter
        ) as environment,
        Worker(
            environment.client,
            task_queue="clocks",
            workflows=[ClockWatcher],
            workflow_runner=sandboxed_runner(),
            workflow_failure_exception_types=[Exception],
        ),
    ):
        with pytest.raises(WorkflowFailureError) as caught:
            await environment.client.execute_workflow(ClockWatcher.run, id="clock", task_queue="clocks")
    assert "Cannot access datetime.datetime.now" in str(caught.value.cause)


async def test_the_test_server_takes_our_search_attributes_too() -> None:
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=find_binary("temporal-test-server")
    ) as environment:
        wanted = {"Segment": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD}
        await ensure_search_attributes(environment.client, wanted)
        await ensure_search_attributes(environment.client, wanted)
