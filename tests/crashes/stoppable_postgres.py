"""A PostgreSQL server that a test stops and starts again; its binaries are those of the shared one."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

from tests.waiting import until

_STOPS_WITH_US = '"$@" >>log 2>&1 & server=$!; read -r _; kill -INT $server; wait $server'


class StoppablePostgres:
    def __init__(self, programs: Path, data: Path, user: str | None) -> None:
        self.url = f"postgresql://postgres@/postgres?host={data}"
        self._programs = programs
        self._data = data
        self._user = user
        self._shell: subprocess.Popen[bytes] | None = None

    async def make(self) -> None:
        arguments = ["--auth=trust", "--encoding=utf8", "--no-sync", "-U", "postgres", "-D", self._data]
        await asyncio.to_thread(
            subprocess.run,
            [self._programs / "initdb", *arguments],
            check=True,
            capture_output=True,
            user=self._user,
            cwd=self._data,
        )

    async def start(self) -> None:
        settings = ("listen_addresses=", f"unix_socket_directories={self._data}", "fsync=off")
        self._launch([part for setting in settings for part in ("-c", setting)])
        await until(self._answers, seconds=30, what="PostgreSQL")

    def _launch(self, arguments: list[str]) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _STOPS_WITH_US, "postgres", self._programs / "postgres", "-D", self._data, *arguments],
            stdin=subprocess.PIPE,
            user=self._user,
            cwd=self._data,
        )

    async def stop(self) -> None:
        """As an operator does: open connections are ended."""
        if self._shell is not None:
            await asyncio.to_thread(self._shell.communicate)
            self._shell = None

    async def _answers(self) -> bool:
        try:
            await (await asyncpg.connect(self.url)).close()
        except (OSError, asyncpg.CannotConnectNowError):
            return False
        return True


@asynccontextmanager
async def a_stoppable_postgres(shared_url: str) -> AsyncIterator[StoppablePostgres]:
    [shared_data] = parse_qs(urlsplit(shared_url).query)["host"]
    process = int((Path(shared_data) / "postmaster.pid").read_text().splitlines()[0])
    programs = Path(os.readlink(f"/proc/{process}/exe")).parent
    user = "nobody" if os.geteuid() == 0 else None
    folder = _a_folder_of(user)
    server = StoppablePostgres(programs, folder / "data", user)
    try:
        await server.make()
        await server.start()
        yield server
    finally:
        await server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _a_folder_of(user: str | None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="baton-away-"))
    data = folder / "data"
    data.mkdir(mode=0o700)
    if user is not None:
        folder.chmod(0o755)
        shutil.chown(data, user)
    return folder
