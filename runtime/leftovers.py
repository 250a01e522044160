"""What a supervisor that was killed left behind: remembered in a file, ended by the next start."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

TERM_SECONDS = 10.0
"""How long a leftover may take to end when told to."""


class AlreadyRunning(Exception):
    """Another `baton run` uses the same var folder."""


@dataclass(frozen=True)
class Started:
    """A process that we started: enough to know it again, however often its number was given away since."""

    name: str
    pid: int
    born: str


class RunningProcesses:
    """The children of one supervisor, on disk from the moment each is started.

    Whoever holds it holds the folder: a second one raises AlreadyRunning, until the first ends, however it ends.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "processes.json"
        self._lock_file = folder / "baton.lock"
        self._lock: IO[str] | None = None
        self._children: dict[str, Started] = {}

    def take(self) -> tuple[Started, ...]:
        """Hold the folder; returns what a holder before us left running."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        lock = self._lock_file.open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise AlreadyRunning(
                f"Baton runs already with the folder {self._file.parent} (process {holder}). Stop it, or "
                f"choose another folder and ports: BATON_VAR_DIR, BATON_TEMPORAL_PORT, BATON_UI_PORT, BATON_API_PORT"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock
        return tuple(started for started in self._read() if birth_of(started.pid) == started.born)

    def add(self, name: str, pid: int) -> None:
        if (born := birth_of(pid)) is not None:
            self._children[name] = Started(name, pid, born)
            self._write()

    def remove(self, name: str) -> None:
        if self._children.pop(name, None) is not None:
            self._write()

    def release(self) -> None:
        self._children.clear()
        self._file.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _read(self) -> Sequence[Started]:
        try:
            return [Started(**entry) for entry in json.loads(self._file.read_text(encoding="utf-8"))]
        except (FileNotFoundError, ValueError, TypeError):  # torn by a crash: then there is nothing to know them by
            return ()

    def _write(self) -> None:
        fresh = self._file.with_suffix(".tmp")
        fresh.write_text(json.dumps([asdict(child) for child in self._children.values()]), encoding="utf-8")
        fresh.replace(self._file)


def end_leftover(started: Started) -> None:
    """SIGTERM, then SIGKILL; each only while it is still the process that we know."""
    for order, patience in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, 5.0)):
        if birth_of(started.pid) != started.born:
            return
        try:
            os.kill(started.pid, order)
        except ProcessLookupError:
            return
        give_up_at = time.monotonic() + patience
        while birth_of(started.pid) == started.born and time.monotonic() < give_up_at:
            time.sleep(0.02)


def birth_of(pid: int) -> str | None:
    """When the process with this number started, in a form to compare; None where none runs (or only its remains)."""
    if sys.platform == "linux":
        try:
            after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        except OSError:
            return None
        return None if after_name[0] in "ZX" else f"{boot}:{after_name[19]}"
    listed = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout.strip() or None
