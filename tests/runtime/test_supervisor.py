"""Real small processes, and real kills."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from runtime.leftovers import AlreadyRunning, birth_of
from runtime.supervisor import Child, ChildDidNotStart, Supervisor
from tests.waiting import until

LIVES = "import signal, time; print('up', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


def a_child(name: str, program: str = LIVES, *, stop_seconds: float = 10, **environment: str) -> Child:
    return Child(name, (sys.executable, "-c", program), environment=environment, stop_seconds=stop_seconds)


def quietly(_: str) -> None:
    """Nobody listens."""


def said_up(folder: Path, name: str) -> Callable[[], Awaitable[bool]]:
    async def is_up() -> bool:
        return "up" in (folder / "log" / f"{name}.log").read_text(encoding="utf-8")

    return is_up


async def test_a_killed_child_is_started_again_and_that_is_said(tmp_path: Path) -> None:
    lines: list[str] = []
    async with Supervisor([a_child("worker"), a_child("api")], folder=tmp_path, say=lines.append) as house:
        first, other = house.pid_of("worker"), house.pid_of("api")
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: house.pid_of("worker") not in (None, first), what="a second worker")
        assert house.pid_of("api") == other
    assert len(lines) == 1
    assert lines[0].startswith("worker was ended by signal SIGKILL; it is started again")


async def test_killed_again_and_again_it_comes_back(tmp_path: Path) -> None:
    async with Supervisor([a_child("worker")], folder=tmp_path, say=quietly) as house:
        seen: set[int] = set()
        for _ in range(3):
            pid = await until(lambda: (now := house.pid_of("worker")) not in seen and now, what="a fresh worker")
            seen.add(pid)
            os.kill(pid, signal.SIGKILL)
        assert len(seen) == 3


async def test_children_stop_in_reverse_order(tmp_path: Path) -> None:
    order = tmp_path / "order"
    program = (
        "import os, signal, sys, time\n"
        "def end(number, frame):\n"
        f"    with open({str(order)!r}, 'a') as file: file.write(os.environ['NAME'] + '\\n')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(600)"
    )
    names = ["temporal", "worker", "api"]
    children = [
        Child(
            name,
            (sys.executable, "-c", program),
            environment={"NAME": name},
            is_ready=said_up(tmp_path, name),
        )
        for name in names
    ]
    async with Supervisor(children, folder=tmp_path, say=quietly) as house:
        pids = [house.pid_of(name) for name in names]
    assert order.read_text(encoding="utf-8").split() == ["api", "worker", "temporal"]
    assert [birth_of(pid) for pid in pids if pid] == [None, None, None]
    assert not (tmp_path / "processes.json").exists()


async def test_a_child_that_will_not_stop_is_killed(tmp_path: Path) -> None:
    lines: list[str] = []
    child = Child("worker", (sys.executable, "-c", STUBBORN), is_ready=said_up(tmp_path, "worker"), stop_seconds=0.3)
    async with Supervisor([child], folder=tmp_path, say=lines.append) as house:
        pid = house.pid_of("worker")
        assert pid is not None
    assert birth_of(pid) is None
    assert lines == ["worker did not stop when asked; it is killed"]


async def test_a_child_that_cannot_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    wrong = Child("api", (sys.executable, "-c", "raise SystemExit('port 8040 is taken')"), is_ready=never)
    house = Supervisor([a_child("temporal"), wrong], folder=tmp_path, say=quietly)
    with pytest.raises(ChildDidNotStart, match=r"(?s)api ended with code 1.*port 8040 is taken"):
        await house.start()
    assert house.pid_of("temporal") is None


async def test_a_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    house = Supervisor([Child("api", (str(tmp_path / "nothing"),), is_ready=never)], folder=tmp_path, say=quietly)
    with pytest.raises(ChildDidNotStart, match="nothing cannot be started: No such file"):
        await house.start()


async def test_a_child_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    child = Child("api", (sys.executable, "-c", LIVES), is_ready=never, ready_seconds=0.1)
    with pytest.raises(ChildDidNotStart, match=r"api was not ready after 0\.1 s"):
        await Supervisor([child], folder=tmp_path, say=quietly).start()


async def test_two_of_them_cannot_share_a_folder(tmp_path: Path) -> None:
    async with Supervisor([a_child("worker")], folder=tmp_path, say=quietly):
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
            await Supervisor([a_child("worker")], folder=tmp_path, say=quietly).start()
    async with Supervisor([a_child("worker")], folder=tmp_path, say=quietly) as house:
        assert house.pid_of("worker")


HOUSE = """
import asyncio, pathlib, sys
from runtime.supervisor import Child, Supervisor

async def main():
    program = sys.argv[2]
    children = [Child(name, (sys.executable, "-c", program), stop_seconds=5) for name in ("worker", "api")]
    house = Supervisor(children, folder=pathlib.Path(sys.argv[1]), say=lambda line: print(line, flush=True))
    house.stop_on_signals()
    async with house:
        print("pids", house.pid_of("worker"), house.pid_of("api"), flush=True)
        await house.wait()
    print("stopped", flush=True)

asyncio.run(main())
"""


def a_house(folder: Path, program: str = LIVES) -> tuple[subprocess.Popen[str], list[int]]:
    process = subprocess.Popen([sys.executable, "-c", HOUSE, str(folder), program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.readline().split()
    assert said[0] == "pids"
    return process, [int(pid) for pid in said[1:]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_and_sigterm_stop_everything_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    process, pids = a_house(tmp_path)
    process.send_signal(number)
    said, _ = await asyncio.to_thread(process.communicate)
    assert said == "stopped\n"
    assert process.returncode == 0
    assert [birth_of(pid) for pid in pids] == [None, None]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
async def test_children_end_with_a_killed_supervisor(tmp_path: Path) -> None:
    process, pids = a_house(tmp_path)
    process.kill()
    await asyncio.to_thread(process.communicate)
    await until(lambda: all(birth_of(pid) is None for pid in pids), what="the children's end")


async def test_the_next_start_ends_what_a_killed_supervisor_left(tmp_path: Path) -> None:
    process, pids = a_house(tmp_path, STUBBORN)
    await until(lambda: "up" in (tmp_path / "log" / "api.log").read_text(encoding="utf-8"))
    await until(lambda: "up" in (tmp_path / "log" / "worker.log").read_text(encoding="utf-8"))
    process.kill()
    await asyncio.to_thread(process.communicate)
    assert [birth_of(pid) is not None for pid in pids] == [True, True]  # they ignore SIGTERM
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)  # and do not even run: only SIGKILL ends them
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runtime.leftovers.TERM_SECONDS", 0.2)
        async with Supervisor([a_child("worker")], folder=tmp_path, say=lines.append):
            assert [birth_of(pid) for pid in pids] == [None, None]
    assert [line.partition(" is left over")[0] for line in lines] == ["worker", "api"]


def a_stranger() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", LIVES], stdout=subprocess.DEVNULL)


async def test_a_stranger_with_the_number_of_a_leftover_is_left_alone(tmp_path: Path) -> None:
    process, pids = a_house(tmp_path)
    remembered = (tmp_path / "processes.json").read_text(encoding="utf-8")
    process.terminate()
    await asyncio.to_thread(process.communicate)
    stranger = a_stranger()
    try:
        (tmp_path / "processes.json").write_text(remembered.replace(str(pids[0]), str(stranger.pid)), encoding="utf-8")
        lines: list[str] = []
        async with Supervisor([a_child("worker")], folder=tmp_path, say=lines.append):
            assert stranger.poll() is None
        assert lines == []
    finally:
        stranger.kill()
        stranger.wait()


async def test_a_child_can_be_added_later_and_is_watched_like_the_others(tmp_path: Path) -> None:
    lines: list[str] = []
    async with Supervisor([a_child("api")], folder=tmp_path, say=lines.append) as house:
        await house.add(a_child("worker"))
        first = house.pid_of("worker")
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: house.pid_of("worker") not in (None, first), what="a second worker")
    assert house.pid_of("worker") is None


async def test_a_child_that_is_killed_while_it_starts_is_started_again(tmp_path: Path) -> None:
    lines: list[str] = []
    is_up = False

    async def is_ready() -> bool:
        return is_up

    child = Child("api", (sys.executable, "-c", LIVES), is_ready=is_ready)
    async with Supervisor([], folder=tmp_path, say=lines.append) as house:
        adding = asyncio.create_task(house.add(child))
        first = await until(lambda: house.pid_of("api"), what="the api")
        os.kill(first, signal.SIGKILL)
        await until(lambda: house.pid_of("api") not in (None, first), what="a second api")
        is_up = True
        await adding
    assert lines == ["api was ended by signal SIGKILL; it is started again"]


async def test_what_cannot_be_started_is_told_before_anything_is(tmp_path: Path) -> None:
    class NoRoom(Exception):
        pass

    def look() -> None:
        raise NoRoom

    child = Child("api", (sys.executable, "-c", LIVES), check_first=look)
    with pytest.raises(NoRoom):
        async with Supervisor([child], folder=tmp_path, say=quietly):
            pytest.fail("it was started")
    assert not (tmp_path / "log" / "api.log").exists()
