"""Serving the API: uvicorn with our settings, until it is told to stop."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import uvicorn
from fastapi import FastAPI
from temporalio.client import Client

from api.app import create_app
from api.case_desk import TemporalCaseDesk
from api.services import AppOptions
from store.database import Database
from workflows.teller import TemporalTeller


class ServingSettings(Protocol):
    """What serving needs of the settings (`runtime.settings.Settings` has them)."""

    @property
    def api_host(self) -> str: ...
    @property
    def api_port(self) -> int: ...
    @property
    def ui_port(self) -> int: ...
    @property
    def task_queue(self) -> str: ...
    @property
    def shutdown_seconds(self) -> float: ...
    @property
    def templates_dir(self) -> Path | None: ...


def build_app(
    settings: ServingSettings,
    *,
    database: Database,
    client: Client,
    temporal_ui: str | None,
    clock: Callable[[], datetime] | None = None,
) -> FastAPI:
    """The application on a store and a Temporal client. `temporal_ui` is the UI's address, for links to runs."""
    return create_app(
        database=database,
        teller=TemporalTeller(client, task_queue=settings.task_queue),
        desk=TemporalCaseDesk(client),
        clock=clock or _now,
        options=AppOptions(temporal_ui=temporal_ui, namespace=client.namespace, templates_dir=settings.templates_dir),
    )


async def serve(
    settings: ServingSettings,
    *,
    database: Database,
    client: Client,
    temporal_ui: str | None = None,
    ready: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are finished first. `ready` is called when it listens."""
    app = build_app(settings, database=database, client=client, temporal_ui=temporal_ui)
    server = _Server(
        uvicorn.Config(
            app,
            host=settings.api_host,
            port=settings.api_port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=max(1, int(settings.shutdown_seconds)),
            limit_concurrency=1000,
        ),
        ready,
    )
    await server.serve()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[object] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  sockets' own type is not worth an import
        await super().startup(sockets)  # pyright: ignore[reportArgumentType]  as above
        if self.started and self._ready is not None:
            self._ready()


def _now() -> datetime:
    return datetime.now(UTC)
