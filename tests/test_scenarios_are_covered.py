"""Every scenario of `docs/scenarios.md` and every promise of Baton has tests that are named after it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LATER_SCENARIOS = {
    29: "payment plans",
    40: "reading mail",
    44: "approvals by a second person",
}
"""Scenarios whose part is not built yet. Whoever builds it takes its number out of here and writes its tests."""

PROMISES = {
    1: "never twice",
    2: "nothing accepted is lost",
    3: "a reply freezes first, is read second",
    4: "only money or a person moves the ladder",
    5: "judge again before acting",
    6: "fresh money only",
    7: "one contact budget per customer",
    8: "personal-only means none",
    9: "every hold has a reason, an owner and an end",
    10: "everything has a why",
    11: "honest automation",
    12: "two people for what cannot be undone",
    13: "exact money",
    14: "policy is data",
}
LATER_PROMISES = {12}


def test_names() -> Iterator[str]:
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield node.name


test_names.__test__ = False  # pyright: ignore[reportFunctionMemberAccess]  # it lists tests and is none


def covered(noun: str) -> set[int]:
    found = (re.match(rf"test_{noun}_(\d+)_", name) for name in test_names())
    return {int(match[1]) for match in found if match is not None}


def scenarios() -> set[int]:
    text = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    return {int(number) for number in re.findall(r"^(\d+)\. ", text, re.MULTILINE)}


def test_the_scenarios_are_numbered_without_a_gap() -> None:
    assert scenarios() == set(range(1, len(scenarios()) + 1))


def test_every_scenario_has_a_test_of_its_name() -> None:
    missing = scenarios() - covered("scenario") - set(LATER_SCENARIOS)
    if missing:
        pytest.fail(
            f"no test is named after scenario {', '.join(map(str, sorted(missing)))} of docs/scenarios.md. Write "
            f"a diary (tests/diaries/) or a policy test called test_scenario_{min(missing)}_… that lives it through; "
            "where its part is not built yet, say so in LATER_SCENARIOS"
        )


def test_every_promise_has_a_test_of_its_name() -> None:
    missing = set(PROMISES) - covered("promise") - LATER_PROMISES
    if missing:
        words = "; ".join(f"{number} ({PROMISES[number]})" for number in sorted(missing))
        pytest.fail(f"no test is named after promise {words}: write test_promise_{min(missing)}_… that would break it")


def test_nothing_is_named_after_what_there_is_not() -> None:
    assert covered("scenario") <= scenarios()
    assert covered("promise") <= set(PROMISES)


def test_what_is_called_later_is_not_there_already() -> None:
    assert covered("scenario").isdisjoint(LATER_SCENARIOS), "it is built: take it out of LATER_SCENARIOS"
    assert covered("promise").isdisjoint(LATER_PROMISES), "it is built: take it out of LATER_PROMISES"
