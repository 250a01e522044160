"""The Temporal server that comes with Baton: the real one, with its UI, on an SQLite file below the var folder."""

import asyncio
import errno
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Literal

from temporalio.service import ConnectConfig, GrpcCompression, RPCError, ServiceClient

from runtime.binaries import find_binary
from runtime.settings import Settings, variable_of
from runtime.tied_to_parent import tied

_HOST = "127.0.0.1"
_STOP_SECONDS = 10


class PortTaken(Exception):
    """Another program listens where one of ours should."""


class ServerDidNotStart(Exception):
    """The embedded Temporal server ended, or does not answer."""


class EmbeddedTemporal:
    """One `temporal server start-dev` process. Its state outlives it, also when it is killed.

    `baton run` gives `command` to the supervisor; tests start, kill and restart it themselves. `dynamic_config` takes
    KEY=VALUE pairs as the server's option does, values in JSON. The server ends with the thread that starts it.
    """

    def __init__(
        self,
        *,
        folder: Path,
        port: int,
        ui_port: int | None = None,
        log_level: Literal["debug", "info", "warn", "error", "never"] = "warn",
        dynamic_config: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.port = port
        self.ui_port = ui_port
        self.log_level = log_level
        self.dynamic_config = tuple(dynamic_config)
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def of(cls, settings: Settings) -> "EmbeddedTemporal":
        return cls(folder=settings.var_dir, port=settings.temporal_port, ui_port=settings.ui_port)

    @property
    def address(self) -> str:
        return f"{_HOST}:{self.port}"

    @property
    def ui_url(self) -> str | None:
        return f"http://{_HOST}:{self.ui_port}" if self.ui_port else None

    @property
    def database_file(self) -> Path:
        return self.folder / "temporal.db"

    @property
    def log_file(self) -> Path:
        return self.folder / "log" / "temporal.log"

    @property
    def pid(self) -> int | None:
        """The process id while we have one running."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def command(self) -> tuple[str, ...]:
        """The server's command line. WAL with synchronous=1 survives a kill and is thrice as fast as its default."""
        shown = ("--ui-port", str(self.ui_port), "--ui-disable-news-fetch") if self.ui_port else ("--headless",)
        dynamic = [word for pair in self.dynamic_config for word in ("--dynamic-config-value", pair)]
        return (
            find_binary("temporal"),
            *("server", "start-dev", "--ip", _HOST, "--port", str(self.port), *shown),
            *("--db-filename", str(self.database_file)),
            *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1"),
            *("--log-level", self.log_level, *dynamic),
        )

    def check_ports(self) -> None:
        """Raises PortTaken, with the variable that chooses another."""
        require_free_port(_HOST, self.port, variable=variable_of("temporal_port"), what="the embedded Temporal server")
        if self.ui_port:
            require_free_port(_HOST, self.ui_port, variable=variable_of("ui_port"), what="the Temporal UI")

    async def start(self) -> None:
        """Start it and wait until it answers. Raises PortTaken or ServerDidNotStart."""
        if self.pid is not None:
            return
        self.check_ports()
        self._process = self._launch()
        await self.wait_until_ready()

    def _launch(self) -> subprocess.Popen[bytes]:
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            return subprocess.Popen(
                tied(self.command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    async def wait_until_ready(self, *, seconds: float = 20) -> None:
        give_up_at = time.monotonic() + seconds
        while not await self.is_ready():
            if self._process is not None and self._process.poll() is not None:
                raise ServerDidNotStart(
                    f"the embedded Temporal server ended with code {self._process.returncode}; see {self.log_file}"
                )
            if time.monotonic() > give_up_at:
                raise ServerDidNotStart(
                    f"the embedded Temporal server does not answer at {self.address}; see {self.log_file}"
                )
            await asyncio.sleep(0.05)

    async def is_ready(self) -> bool:
        """Whether it serves requests now."""
        if not await _accepts_connections(_HOST, self.port):
            return False  # spares the SDK's own, slower, retries
        try:
            service = await ServiceClient.connect(
                ConnectConfig(target_host=self.address, grpc_compression=GrpcCompression.NONE)
            )
            return await service.check_health(timeout=timedelta(seconds=2))
        except (RPCError, RuntimeError):
            return False

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL if that does not help."""
        if (process := self._process) is None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.to_thread(process.wait, _STOP_SECONDS)
        except subprocess.TimeoutExpired:
            await self.kill()
        self._process = None

    async def kill(self) -> None:
        """SIGKILL, as a crash would: nothing that the server acknowledged is lost."""
        if (process := self._process) is None:
            return
        process.kill()
        await asyncio.to_thread(process.wait)
        self._process = None

    async def restart(self) -> None:
        await self.stop()
        await self.start()


def require_free_port(host: str, port: int, *, variable: str, what: str) -> None:
    """Raises PortTaken if somebody listens there already (or we may not), naming the variable that chooses another."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as fault:
            why = {
                errno.EADDRINUSE: "another program listens there",
                errno.EACCES: "this user may not listen there",
            }.get(fault.errno or 0, fault.strerror or str(fault))
            raise PortTaken(
                f"{what} cannot have port {port} on {host}: {why}. Stop that program, or set {variable} to a free port"
            ) from fault


async def _accepts_connections(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
