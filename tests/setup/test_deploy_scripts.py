"""The scripts of docker-compose.yml, run for real where their programs are at hand."""

import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runtime.binaries import find_binary
from runtime.embedded_server import EmbeddedTemporal

ROOT = Path(__file__).parents[2]
SHELL = shutil.which("sh") or "sh"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedTemporal]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = EmbeddedTemporal(folder=tmp_path, port=port)
    await server.start()
    yield server
    await server.kill()


@pytest.mark.dev_server
async def test_namespace_and_search_attributes_are_made_once(server: EmbeddedTemporal) -> None:
    environment = {
        "PATH": f"{Path(find_binary('temporal')).parent}:{os.environ['PATH']}",
        "TEMPORAL_ADDRESS": server.address,
        "TEMPORAL_NAMESPACE": "receivables",
        "RETENTION": "30d",
        "SEARCH_ATTRIBUTES": "CustomerId=Keyword DueOn=Datetime",
    }

    def output_of(*command: str) -> str:
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    first = output_of(SHELL, str(ROOT / "deploy" / "temporal-init.sh"))
    second = output_of(SHELL, str(ROOT / "deploy" / "temporal-init.sh"))
    assert "have been added" in first
    assert "have been added" not in second
    assert second.endswith("namespace receivables is ready\n")
    listed = output_of(find_binary("temporal"), "operator", "search-attribute", "list")
    found = dict(line.split()[:2] for line in listed.splitlines() if line.strip())
    assert (found["CustomerId"], found["DueOn"]) == ("Keyword", "Datetime")


SQL_TOOL = """#!/bin/sh
# Stands for temporal-sql-tool: notes its calls; a database without a schema cannot be updated.
echo "$*" >> "$CALLS"
database=$(echo "$*" | sed 's/.*--db \\([a-z_]*\\).*/\\1/')
case "$*" in
    *setup-schema*) touch "$STATE/$database" ;;
    *update-schema*) test -e "$STATE/$database" ;;
esac
"""


def test_schemas_are_made_where_there_are_none_and_only_updated_afterwards(tmp_path: Path) -> None:
    tool = tmp_path / "temporal-sql-tool"
    tool.write_text(SQL_TOOL, encoding="utf-8")
    tool.chmod(0o755)
    calls = tmp_path / "calls"
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "CALLS": str(calls),
        "STATE": str(tmp_path),
        "POSTGRES_SEEDS": "temporal-database",
        "DB_PORT": "5432",
        "POSTGRES_USER": "temporal",
        "SQL_PASSWORD": "temporal",
    }

    def orders() -> list[str]:
        calls.unlink(missing_ok=True)
        subprocess.run(
            [SHELL, str(ROOT / "deploy" / "temporal-schema.sh")], env=environment, check=True, capture_output=True
        )
        return [line.partition(" --db ")[2].split(" -")[0] for line in calls.read_text(encoding="utf-8").splitlines()]

    of_one = ["update-schema", "create", "setup-schema", "update-schema"]
    both = ["temporal", "temporal_visibility"]
    assert orders() == [f"{database} {order}" for database in both for order in of_one]
    assert orders() == [f"{database} update-schema" for database in both]
