"""What is committed: nothing of one machine, no address of a registry, and the tree that the design draws."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "deploy/requirements.lock")

IN_THE_DESIGN = {
    *("README.md", "pyproject.toml", "docker-compose.yml", "Makefile", "worker.py", "cli.py"),
    *("workflows", "activities", "tests", "receivables", "policy", "channels", "store", "rehearsal", "api", "runtime"),
    "docs",
}
IN_THE_DESIGN_BUT_LATER = {"reading", "insight"}
"""Not built yet. Built? Move it up."""
BESIDES = {
    *(".ci", ".dockerignore", ".gitignore", "Dockerfile", "commands", "deploy", "examples", "requirements.lock"),
}
"""What the set-up needs beside the tree of the design. A new name here needs a reason in docs/architecture.md."""


def committed() -> list[str]:
    """All files under version control, and those that are about to be."""
    git = shutil.which("git")
    assert git is not None
    listed = subprocess.run(
        [git, "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file())


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


FILES = committed()
TEXTS = [name for name in FILES if not name.endswith((".png", ".jpg", ".ico", ".pdf", ".gz", ".zip", ".db"))]


def test_the_tree_is_the_one_of_the_design() -> None:
    top = {name.partition("/")[0] for name in FILES}
    assert IN_THE_DESIGN - top == set(), "named in the design and missing"
    assert top - IN_THE_DESIGN - IN_THE_DESIGN_BUT_LATER - BESIDES == set(), "not in the design; see BESIDES"


def test_no_drawer_for_odds_and_ends() -> None:
    assert [name for name in FILES if re.search(r"(^|/)(utils?|helpers?|common|misc)(\.py|/)", name)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_has_hashes_and_no_address(lock: str) -> None:
    text = text_of(lock)
    assert not re.search(r"https?:|file:|--(extra-)?index-url|--find-links|--trusted-host|@ ", text)
    packages = re.findall(r"^(\S+?)==\S+(.*(?:\n    .*)*)", text, re.MULTILINE)
    assert len(packages) > 20
    assert [name for name, rest in packages if "--hash=sha256:" not in rest] == []
    lines = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(lines) == len(packages), "every requirement is pinned with =="


def versions(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text_of(lock), re.MULTILINE))


def test_the_lock_files_agree_and_have_all_that_is_asked_for() -> None:
    """Fails after a dependency was added to pyproject.toml: run `make lock`."""
    everything, running = (versions(lock) for lock in LOCKS)
    assert {name: version for name, version in running.items() if everything.get(name) != version} == {}

    def plain(requirement: str) -> str:
        return re.split(r"[<>=~!\[ ;]", requirement)[0].lower().replace("_", "-").replace(".", "-")

    project = tomllib.loads(text_of("pyproject.toml"))
    wanted = {plain(requirement) for requirement in project["project"]["dependencies"]}
    for_tests = {plain(requirement) for requirement in project["dependency-groups"]["dev"]}
    assert wanted - {plain(name) for name in running} == set()
    assert (wanted | for_tests) - {plain(name) for name in everything} == set()
    assert {"pytest", "ruff"} & set(running) == set()
    assert "setuptools" in running, "the package itself is built with it, without another download"


OWN_PATH = re.compile(
    r"(?<![\w.:/$}])/(?:home|Users|root|private|work|mnt|opt/(?!baton))/?[\w.-]*|(?<![\w.])/tmp/\w+|[A-Z]:\\Users"
)


def faults(names: list[str], wrong: re.Pattern[str], *, right: re.Pattern[str] | None = None) -> list[str]:
    """Each line of these files that has what is wrong, unless it has what makes it right."""
    return [
        f"{name}:{number}: {line.strip()[:160]}"
        for name in names
        if ROOT / name != Path(__file__)
        for number, line in enumerate(text_of(name).splitlines(), 1)
        if wrong.search(line) and not (right and right.search(line))
    ]


def test_no_path_of_one_machine() -> None:
    assert faults(TEXTS, OWN_PATH) == []


TESTS = [name for name in FILES if name.startswith("tests/") and name.endswith(".py")]
A_SLEEP = r"(?<!def )(?:\b(?:time|asyncio|anyio)\.|(?<![.\w]))sleep\("
A_PROGRAM = re.compile(r"""^\s*(?:[A-Z_]+ = |f?)['"]""")
"""A text: the program of a process that a test starts may sleep."""


def test_no_test_sleeps() -> None:
    """Wait with tests.waiting.until. Virtual time (`env.sleep`, `workflow.sleep`) and a yield (`sleep(0)`) are fine."""
    of_tests = [name for name in TESTS if Path(name).name.startswith("test_")]
    assert faults(of_tests, re.compile(A_SLEEP + r"(?!0\))"), right=A_PROGRAM) == []


def test_what_tests_share_pauses_shortly_between_two_looks() -> None:
    shared = [name for name in TESTS if not Path(name).name.startswith("test_")]
    assert faults(shared, re.compile(A_SLEEP + r"(?!0(\.0\d*)?\))"), right=A_PROGRAM) == []


def test_nothing_committed_is_what_a_run_makes() -> None:
    assert [name for name in FILES if re.search(r"(^|/)(__pycache__|var|\.venv|[^/]+\.egg-info)/", name)] == []
    assert [name for name in FILES if name.endswith((".pyc", ".db", ".sqlite", ".eml", ".log"))] == []


def test_no_file_is_huge() -> None:
    assert [name for name in FILES if (ROOT / name).stat().st_size > 2_000_000] == []
