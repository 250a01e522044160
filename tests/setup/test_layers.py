"""Who may import whom, for worker.py and cli.py: they are no packages, and import-linter cannot look into them."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]


def imported_by(file: Path) -> set[str]:
    """The top-level names that a file imports, at its head or inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_the_worker_knows_neither_the_api_nor_the_command_line() -> None:
    assert imported_by(ROOT / "worker.py") & {"api", "rehearsal", "cli"} == set()


def test_only_the_command_line_and_the_rehearsal_build_a_worker() -> None:
    packages = [file.parent for file in ROOT.glob("*/__init__.py")]
    files = [file for package in packages for file in package.rglob("*.py")]
    who = {file.relative_to(ROOT).parts[0] for file in files if imported_by(file) & {"worker", "cli"}}
    assert who <= {"rehearsal", "commands"}


def test_the_time_zone_and_holiday_libraries_stay_out_of_workflows() -> None:
    """Dates come out of activities and are recorded; these fail or drift inside the sandbox."""
    drift = {"zoneinfo", "holidays", "babel", "time", "random", "secrets", "httpx", "sqlalchemy"}
    found = {file.name: imported_by(file) & drift for file in (ROOT / "workflows").rglob("*.py")}
    assert {name: names for name, names in found.items() if names} == {}
