"""Opening what commands work with: the settings, the store, Temporal."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.engine import make_url

from channels.rendering import Renderer
from commands.terminal import CommandFault
from runtime.settings import Settings, load_settings
from store.database import Database
from store.migrating import current_revision, newest_revision

Result = TypeVar("Result")


def now() -> datetime:
    """The wall clock. Commands are an edge: here the time comes in, and is passed on."""
    return datetime.now(UTC)


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's work to its end."""
    # Not asyncio.run: it takes away the loop that whoever called us may have set.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)


@asynccontextmanager
async def opened_store(settings: Settings | None = None) -> AsyncIterator[Database]:
    """The store, brought up to date by `baton migrate` before. Raises CommandFault where it was not, and StoreAway."""
    settings = settings or load_settings()
    await require_migrated(settings)
    database = Database(settings.store_url, pool_size=4)
    try:
        yield database
    finally:
        await database.close()


async def require_migrated(settings: Settings) -> None:
    """Raises CommandFault where the store has no tables, or those of another version of Baton."""
    file = file_of(settings.store_url)
    if file is not None and not file.exists():  # opening it would make an empty one
        raise CommandFault(
            f"there is no store yet at {settings.shown_store_url}",
            remedy="`baton run` makes one, `baton migrate` too; BATON_STORE_URL or BATON_VAR_DIR name another.",
        )
    revision = await current_revision(settings.store_url)
    if revision is None:
        raise CommandFault(f"the store {settings.shown_store_url} has no tables yet", remedy="Run: baton migrate")
    if revision != newest_revision():
        raise CommandFault(
            f"the store {settings.shown_store_url} stands at {revision}, and this Baton needs {newest_revision()}",
            remedy="Run: baton migrate",
        )


def file_of(store_url: str) -> Path | None:
    """The file behind an SQLite store."""
    url = make_url(store_url)
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


def renderer_of(settings: Settings) -> Renderer:
    """The templates of this installation. Raises BadTemplate, CommandFault."""
    if settings.templates_dir is not None and not settings.templates_dir.is_dir():
        raise CommandFault(
            f"BATON_TEMPLATES_DIR={settings.templates_dir}: there is no such folder",
            remedy="Correct it, or take it away: the built-in templates are used then.",
            code=2,
        )
    return Renderer(settings.templates_dir)


def bytes_of(file: Path, *, what: str) -> bytes:
    """What stands in a file that was named on the command line. Raises CommandFault."""
    try:
        return file.read_bytes()
    except OSError as fault:
        raise CommandFault(f"{file}: cannot be read ({fault.strerror}); {what} is expected there", code=2) from fault
