"""Runs the processes of `baton run`: starts them in order, starts again what dies, stops them in reverse order."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from runtime.leftovers import AlreadyRunning, RunningProcesses, end_leftover
from runtime.tied_to_parent import tied

__all__ = ["AlreadyRunning", "Child", "ChildDidNotStart", "Supervisor"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_STEADY_SECONDS = 10
"""A child that ran that long is started again without delay when it dies."""
_LARGEST_LOG = 10_000_000
_SIGNAL_NAMES = {number.value: number.name for number in signal.Signals}


class ChildDidNotStart(Exception):
    """A child ended, or was not ready in time, while everything was being started."""


async def _at_once() -> bool:
    return True


def _nothing() -> None:
    """Nothing to look at first."""


@dataclass(frozen=True)
class Child:
    """A process to keep running. `is_ready` is asked until it says yes, before the next child is started."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Comes on top of the supervisor's own."""
    check_first: Callable[[], None] = _nothing
    """Looked at before its first start, once what an earlier run left is ended: raises where it cannot be started."""
    is_ready: Callable[[], Awaitable[bool]] = _at_once
    ready_seconds: float = 30
    stop_seconds: float = 15
    """How long it may take to end when told to, before it is killed."""


class Supervisor:
    """`async with Supervisor(children, folder=…, say=…) as house: await house.wait()`.

    `say` gets one line for whatever an onlooker should know. Output of the children goes to `folder`/log/NAME.log.
    Children are in sessions of their own, so that Ctrl-C reaches the supervisor alone, and they end with it.
    """

    def __init__(self, children: Sequence[Child], *, folder: Path, say: Callable[[str], None]) -> None:
        self._children = list(children)
        self._folder = folder
        self._say = say
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._watchers: list[asyncio.Task[None]] = []
        self._remembered = RunningProcesses(folder)
        self._stopping = asyncio.Event()
        self._in_a_hurry = False
        self._signals: list[signal.Signals] = []

    async def __aenter__(self) -> "Supervisor":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def pid_of(self, name: str) -> int | None:
        """The process id of a child while it runs."""
        process = self._processes.get(name)
        return process.pid if process is not None and process.returncode is None else None

    def log_of(self, name: str) -> Path:
        return self._folder / "log" / f"{name}.log"

    async def start(self) -> None:
        """Ends what an earlier run left, then starts all children in order.

        Raises AlreadyRunning, or ChildDidNotStart (then those already started are stopped again).
        """
        for leftover in self._remembered.take():
            self._say(f"{leftover.name} is left over from an earlier run (process {leftover.pid}); it is ended")
            await asyncio.to_thread(end_leftover, leftover)
        try:
            for child in self._children:
                if self._stopping.is_set():
                    break
                await self._start_and_watch(child)
        except BaseException:
            await self.stop()
            raise

    async def add(self, child: Child) -> None:
        """One more, after the others, which run already. Raises ChildDidNotStart; the others run on."""
        if self._stopping.is_set():
            return
        self._children.append(child)
        await self._start_and_watch(child)

    async def _start_and_watch(self, child: Child) -> None:
        child.check_first()
        await self._launch(child)
        await self._until_ready(child)
        self._watchers.append(asyncio.create_task(self._keep_running(child), name=f"watch {child.name}"))

    def stop_on_signals(self) -> None:
        """Ctrl-C and SIGTERM make `wait` return, a second one makes `stop` kill at once. For the main thread only."""
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._asked_to_stop)
            self._signals.append(number)

    async def wait(self) -> None:
        """Returns when somebody asked for an end (a signal, or `ask_to_stop`); stopping is the caller's then."""
        await self._stopping.wait()

    def ask_to_stop(self) -> None:
        self._stopping.set()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    async def stop(self) -> None:
        """Stops all children, the last started first. Asked again, it does nothing."""
        self._stopping.set()
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        self._watchers.clear()
        for child in reversed(self._children):
            if (process := self._processes.pop(child.name, None)) is not None:
                await self._end(child, process)
        self._remembered.release()
        while self._signals:
            asyncio.get_running_loop().remove_signal_handler(self._signals.pop())

    def _asked_to_stop(self) -> None:
        self._in_a_hurry = self._stopping.is_set()
        self._stopping.set()

    async def _launch(self, child: Child) -> None:
        log_file = self.log_of(child.name)
        log_file.parent.mkdir(parents=True, exist_ok=True)
        if log_file.exists() and log_file.stat().st_size > _LARGEST_LOG:
            log_file.replace(log_file.with_suffix(".log.1"))
        with log_file.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *tied(child.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **child.environment},
                start_new_session=True,
            )
        self._processes[child.name] = process
        self._remembered.add(child.name, process.pid)

    async def _until_ready(self, child: Child) -> None:
        give_up_at = time.monotonic() + child.ready_seconds
        while not await child.is_ready():
            code = self._processes[child.name].returncode
            if code == -signal.SIGKILL:  # somebody killed it; that is no fault in its start
                self._say(f"{child.name} {_ending(-signal.SIGKILL)}; it is started again")
                await asyncio.sleep(_FIRST_PAUSE)
                await self._launch(child)
            elif code is not None:
                raise ChildDidNotStart(f"{child.name} {_ending(code)}{self._last_words(child)}")
            if time.monotonic() > give_up_at:
                raise ChildDidNotStart(
                    f"{child.name} was not ready after {child.ready_seconds:g} s{self._last_words(child)}"
                )
            if self._stopping.is_set():
                return
            await asyncio.sleep(0.05)

    async def _keep_running(self, child: Child) -> None:
        pause = _FIRST_PAUSE
        while True:
            started = time.monotonic()
            code = await self._processes[child.name].wait()
            self._remembered.remove(child.name)
            if time.monotonic() - started > _STEADY_SECONDS:
                pause = _FIRST_PAUSE
            self._say(f"{child.name} {_ending(code)}; it is started again (its log: {self.log_of(child.name)})")
            launched = False
            while not launched:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                try:
                    await self._launch(child)
                    launched = True
                except OSError as fault:  # no memory, no disk, no more processes: that may pass
                    self._say(f"{child.name} cannot be started now ({fault}); tried again in {pause:g} s")

    async def _end(self, child: Child, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None and not self._in_a_hurry:
            with suppress(ProcessLookupError):
                process.terminate()
            give_up_at = time.monotonic() + child.stop_seconds
            while process.returncode is None and time.monotonic() < give_up_at and not self._in_a_hurry:
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), 0.1)
        if process.returncode is None:
            self._say(f"{child.name} did not stop when asked; it is killed")
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        self._remembered.remove(child.name)

    def _last_words(self, child: Child, *, lines: int = 8) -> str:
        with self.log_of(child.name).open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 4000))
            said = log.read().decode(errors="replace").strip().splitlines()[-lines:]
        if not said:
            return "; it said nothing"
        return f"; it said last (all of it: {self.log_of(child.name)}):\n" + "\n".join(f"    {line}" for line in said)


def _ending(code: int) -> str:
    if code < 0:
        return f"was ended by signal {_SIGNAL_NAMES.get(-code, -code)}"
    return f"ended with code {code}"
