"""Reaching Temporal, and readying it for us: the connection, the sandbox, the namespace, the search attributes."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import Runtime
from temporalio.service import GrpcCompression, RPCError, RPCStatusCode
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from runtime.binaries import BinaryMissing, find_binary
from runtime.settings import Settings

__all__ = [
    "BadTemporalSetting",
    "BinaryMissing",
    "SearchAttributeRefused",
    "TemporalAddress",
    "TemporalAway",
    "address_of",
    "connect",
    "ensure_namespace",
    "ensure_search_attributes",
    "find_binary",
    "pydantic_data_converter",
    "sandboxed_runner",
]

OURS = ("receivables", "policy", "store", "channels", "activities", "runtime")
"""Passed through the sandbox whole: workflows only name their models and activities."""

OURS_IN_WORKFLOWS = (
    "workflows.alarm",
    "workflows.names",
    "workflows.options",
    "workflows.teller",
    "workflows.telling_operators",
)
"""Parts of `workflows` without a workflow in them. The files that hold workflows stay inside, else the sandbox would no
longer see a clock or a dice there."""

THIRD_PARTY = (
    *("aiosmtplib", "aiosqlite", "alembic", "asyncpg", "babel", "dateutil", "email_validator", "fastapi", "greenlet"),
    *("holidays", "httpcore", "httpx", "idna", "iso4217", "jinja2", "markupsafe", "pydantic_settings", "rich"),
    *("sqlalchemy", "starlette", "tzdata", "yaml"),
)
"""What ours may import late, by its own code; loading it again in each run would cost up to 170 ms of CPU."""


class TemporalAway(Exception):
    """The Temporal server does not answer. What was asked has not been done; ask again."""

    def __init__(self, address: str, fault: BaseException) -> None:
        super().__init__(
            f"Temporal does not answer at {address} ({_short(fault)}). Start it (`baton run` brings its own), or set "
            f"TEMPORAL_ADDRESS or TEMPORAL_PROFILE to one that runs"
        )
        self.address = address


class BadTemporalSetting(Exception):
    """A TEMPORAL_… variable or the profile file cannot be used."""


class SearchAttributeRefused(Exception):
    """The server will not have a search attribute as we need it."""


@dataclass(frozen=True)
class TemporalAddress:
    """Where Temporal is, and who said so."""

    address: str
    namespace: str
    is_embedded: bool
    """Nobody named an address: it is that of the embedded server."""
    config: ClientConnectConfig = field(repr=False)  # holds keys

    @property
    def is_loopback(self) -> bool:
        return self.address.rpartition(":")[0].strip("[]") in ("localhost", "127.0.0.1", "::1")


def address_of(settings: Settings) -> TemporalAddress:
    """The SDK's own variables and profiles decide; where they name no address, it is the embedded server's."""
    try:
        config = ClientConfig.load_client_connect_config()
    except Exception as fault:  # the SDK raises what its bridge gives it
        raise BadTemporalSetting(
            f"the settings for Temporal cannot be read ({_short(fault)}). Correct the TEMPORAL_… variables, or the "
            f"file and profile that TEMPORAL_CONFIG_FILE and TEMPORAL_PROFILE name"
        ) from fault
    named = config.get("target_host")
    address = named or f"127.0.0.1:{settings.temporal_port}"
    return TemporalAddress(address, config.get("namespace") or "default", named is None, config)


async def connect(
    settings: Settings, *, wait_seconds: float = 0, lazy: bool = False, runtime: Runtime | None = None
) -> Client:
    """A client that speaks our models. While the server is away it tries for `wait_seconds`, then raises TemporalAway.

    `lazy` connects with the first call only: for a process that must come up without Temporal.
    """
    where = address_of(settings)
    config: ClientConnectConfig = {**where.config, "target_host": where.address, "namespace": where.namespace}
    # On loopback, compressing costs more than it saves: 5 to 10 % of a worker's CPU.
    compression = GrpcCompression.NONE if where.is_loopback else GrpcCompression.GZIP
    give_up_at = time.monotonic() + wait_seconds
    while True:
        try:
            return await Client.connect(
                **config,
                data_converter=pydantic_data_converter,
                grpc_compression=compression,
                connect_timeout=timedelta(seconds=5),
                lazy=lazy,
                runtime=runtime,
            )
        except (RuntimeError, RPCError, OSError) as fault:
            if time.monotonic() >= give_up_at:
                raise TemporalAway(where.address, fault) from fault
        except ValueError as fault:
            raise BadTemporalSetting(f"{where.address} is no address of a Temporal server: {fault}") from fault
        await asyncio.sleep(0.2)


def sandboxed_runner() -> SandboxedWorkflowRunner:
    """The sandbox for our workflows; worker, tests and replayer share it.

    Clocks and dice stay forbidden in the files that hold workflows; everything else of ours is loaded once a process.
    """
    names = (*OURS, *OURS_IN_WORKFLOWS, *THIRD_PARTY)
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*names))


async def ensure_search_attributes(client: Client, wanted: Mapping[str, IndexedValueType.ValueType]) -> tuple[str, ...]:
    """Make those of `wanted` that the namespace lacks; returns their names. Asked again, it does nothing.

    Raises SearchAttributeRefused where one has another type already or we may not make it, TemporalAway.
    """
    existing = await _search_attributes(client)
    for name, kind in wanted.items():
        if name in existing and existing[name] != kind:
            raise SearchAttributeRefused(
                f"the search attribute {name} is {_kind(existing[name])} in namespace {client.namespace}, and Baton "
                f"needs {_kind(kind)}. Rename or remove it there, or use another namespace"
            )
    missing = {name: kind for name, kind in wanted.items() if name not in existing}
    made: list[str] = []
    for name, kind in missing.items():  # one by one, so that one which somebody else just made holds up no other
        request = AddSearchAttributesRequest(search_attributes={name: kind}, namespace=client.namespace)
        try:
            await client.operator_service.add_search_attributes(request)
        except RPCError as fault:
            if fault.status == RPCStatusCode.ALREADY_EXISTS or "already exist" in fault.message:
                continue
            _raise_if_away(client, fault)
            command = f"temporal operator search-attribute create --name {name} --type {_kind(kind)}"
            raise SearchAttributeRefused(
                f"the search attribute {name} could not be made: {fault.message}. Ask whoever runs the namespace "
                f"{client.namespace} to make it: `{command}`"
            ) from fault
        made.append(name)
    return tuple(made)


async def ensure_namespace(client: Client, *, retention: timedelta = timedelta(days=30)) -> bool:
    """Make the client's namespace if it is not there; True where it was made.

    A new namespace takes some seconds to be known everywhere; this returns when it can be used.
    """
    if await _namespace_is_there(client):
        return False
    request = RegisterNamespaceRequest(namespace=client.namespace)
    request.workflow_execution_retention_period.FromTimedelta(retention)
    try:
        await client.workflow_service.register_namespace(request)
    except RPCError as fault:
        _raise_if_away(client, fault)
        if fault.status != RPCStatusCode.ALREADY_EXISTS:
            raise
    give_up_at = time.monotonic() + 60
    while True:
        try:
            await (
                client.count_workflows()
            )  # unlike describing it, this needs what each frontend reads only now and then
        except RPCError as fault:
            _raise_if_away(client, fault)
            if fault.status != RPCStatusCode.NOT_FOUND or time.monotonic() > give_up_at:
                raise
            await asyncio.sleep(0.2)
        else:
            return True


async def _namespace_is_there(client: Client) -> bool:
    try:
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except RPCError as fault:
        _raise_if_away(client, fault)
        if fault.status == RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


async def _search_attributes(client: Client) -> dict[str, IndexedValueType.ValueType]:
    try:
        listed = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except RPCError as fault:
        _raise_if_away(client, fault)
        if fault.status in (RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.PERMISSION_DENIED):
            return {}  # the test server and Temporal Cloud do not list them; making them will tell
        if fault.status == RPCStatusCode.NOT_FOUND:
            raise SearchAttributeRefused(
                f"the namespace {client.namespace} is not there, or not yet. Make it: `temporal operator namespace "
                f"create --namespace {client.namespace}`, or set TEMPORAL_NAMESPACE to one that is"
            ) from fault
        raise
    return {**listed.system_attributes, **listed.custom_attributes}


def _raise_if_away(client: Client, fault: RPCError) -> None:
    if fault.status in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED):
        raise TemporalAway(client.service_client.config.target_host, fault) from fault


def _kind(kind: IndexedValueType.ValueType) -> str:
    return IndexedValueType.Name(kind).removeprefix("INDEXED_VALUE_TYPE_").title().replace("_", "")


def _short(fault: BaseException) -> str:
    words = " ".join(str(fault).split()) or type(fault).__name__
    return words if len(words) <= 200 else words[:199] + "…"
