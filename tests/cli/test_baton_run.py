"""`baton run` as a newcomer starts it: real servers, real processes, real kills."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path

import httpx
import pytest

from runtime.leftovers import birth_of
from tests.waiting import until

ROOT = Path(__file__).parents[2]
ENOUGH = 15
"""Messages that the example surely sends on its first day."""


def free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@dataclass
class House:
    """One `baton run` at a time in a folder of its own."""

    folder: Path
    ports: list[int] = field(default_factory=lambda: free_ports(3))
    process: subprocess.Popen[bytes] | None = None

    @property
    def said(self) -> str:
        return (self.folder / "said").read_text(encoding="utf-8")

    def start(self) -> None:
        temporal, ui, api = (str(port) for port in self.ports)
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("BATON_", "TEMPORAL_"))
        }
        environment |= {
            "PYTHONPATH": str(ROOT),
            "BATON_VAR_DIR": str(self.folder / "var"),
            "BATON_TEMPORAL_PORT": temporal,
            "BATON_UI_PORT": ui,
            "BATON_API_PORT": api,
        }
        with (self.folder / "said").open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "cli", "run", "--example", str(ROOT / "examples")],
                cwd=self.folder,
                env=environment,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    async def stop(self) -> int:
        """Ctrl-C, and what it ends with."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return await asyncio.to_thread(self.process.wait, 40)

    def kill(self) -> None:
        """kill -9 of the supervisor itself."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def pids(self) -> dict[str, int]:
        try:
            listed = json.loads((self.folder / "var" / "processes.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return {entry["name"]: entry["pid"] for entry in listed}

    def messages(self) -> dict[str, str]:
        """File name → Message-ID of all that was sent."""
        files = (self.folder / "var" / "outbox").glob("*.eml")
        return {file.name: str(message_from_bytes(file.read_bytes())["Message-ID"]) for file in files}

    def has_said(self, words: str) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.said
        return re.search(words, self.said) is not None


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    it = House(tmp_path)
    yield it
    if it.process is not None and it.process.poll() is None:
        it.process.send_signal(signal.SIGTERM)
        try:
            it.process.wait(30)
        except subprocess.TimeoutExpired:
            it.process.kill()
            it.process.wait()


@pytest.mark.dev_server
async def test_a_newcomer_sees_it_move_and_no_kill_and_no_restart_sends_anything_twice(house: House) -> None:
    house.start()
    await until(lambda: house.has_said("Baton is up"), seconds=60, what="Baton to be up")
    assert house.has_said(f"http://127.0.0.1:{house.ports[2]}/docs")
    assert house.has_said(f"http://127.0.0.1:{house.ports[1]}")
    assert house.has_said("always open")

    # The worker is killed while it is sending, and comes back.
    first = await until(lambda: house.pids().get("worker"), seconds=60, what="the worker")
    await until(lambda: len(house.messages()) >= 3, seconds=60, what="the first messages")
    os.kill(first, signal.SIGKILL)
    await until(lambda: house.pids().get("worker") not in (None, first), seconds=30, what="another worker")
    assert house.has_said("worker was ended by signal SIGKILL; it is started again")

    # The customers act, and their workflows react.
    await until(lambda: house.has_said("customers have acted"), seconds=120, what="the customers")
    for reaction in ("receipt sent", r"case-example-reply-INV-2029 opened", r"promise of EUR 2,410\.00", "in doubt"):
        await until(lambda words=reaction: house.has_said(words), seconds=30, what=reaction)
    await until(lambda: house.has_said(r"case-example-reply-INV-2025 with anna\.weber"), seconds=30, what="Acme's case")
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(f"http://127.0.0.1:{house.ports[2]}/docs")).status_code == 200
        assert (await browser.get(f"http://127.0.0.1:{house.ports[1]}")).status_code == 200
    sent = house.messages()
    assert len(sent) >= ENOUGH
    assert len(set(sent.values())) == len(sent)

    # kill -9 of the supervisor itself; the next start ends what is left, and goes on.
    house.kill()
    house.start()
    await until(lambda: house.said.count("Baton is up") == 2, seconds=60, what="Baton to be up again")
    await until(lambda: house.pids().get("worker"), seconds=30, what="the worker again")

    # Ctrl-C ends everything.
    pids = house.pids().values()
    assert await house.stop() == 0
    assert "stopped. Started again, it goes on where it was" in house.said
    assert [pid for pid in pids if birth_of(pid) is not None] == []
    assert house.messages() == sent
    assert "Traceback" not in house.said
