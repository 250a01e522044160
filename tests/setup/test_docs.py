"""README and docs say what is: commands, options, files, settings, words, paths of the API and tests that exist."""

import json
import os
import re
import shlex
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from receivables.escalations import Trigger
from receivables.holds import HoldReason
from receivables.invoice import Stage
from receivables.messages import MessageState
from receivables.replies import Intent
from runtime.settings import OTHER_VARIABLES, Settings, variable_of

ROOT = Path(__file__).parents[2]
DOCS = ("README.md", *(str(file.relative_to(ROOT)) for file in sorted((ROOT / "docs").rglob("*.md"))))
PROMISES = range(1, 15)
LATER = {12}
"""Promises that come with later parts. Built? Take its number away, and name its tests in docs/architecture.md."""

MADE_BY_A_RUN = re.compile(r"^(var|report|\.venv|out)(/|$)")
OF_THE_READER = {"policy.yaml", "ledger.csv", "letter.html", "baton-backup.db", "report/index.html"}
"""Files that a reader would write, in examples."""


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def code_in(text: str) -> Iterator[str]:
    """Code spans of one line, and each line of code blocks (continued lines as one)."""
    fenced = re.findall(r"^(?P<indent> *)```\w*\n(.*?)^(?P=indent)```", text, re.MULTILINE | re.DOTALL)
    for _, block in fenced:
        yield from block.replace("\\\n", " ").splitlines()
    text = re.sub(r"^( *)```\w*\n.*?^\1```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"^(?: {4,})(.+)$", text, re.MULTILINE)
    yield from re.findall(r"`([^`\n]+)`", text)


@cache
def commands() -> dict[str, Any]:
    """Every command of the CLI by its words: "policy check"."""
    import cli  # the whole command, and all it needs

    def below(group: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        for name, command in (getattr(group, "commands", None) or {}).items():
            yield " ".join((*path, name)), command
            yield from below(command, (*path, name))

    return dict(below(typer.main.get_command(cli.app), ()))


def spoken_commands(name: str) -> Iterator[list[str]]:
    for code in code_in(text_of(name)):
        line = re.sub(r"\s{2,}#.*$", "", code.strip().removeprefix("$ "))
        line = re.sub(r"^(?:[A-Z_]+=\S+ )+", "", line)
        if re.match(r"(\.venv/bin/)?baton ", line):
            yield shlex.split(line.partition(" > ")[0])[1:]


def test_there_are_a_readme_an_architecture_a_glossary_a_guide_for_operators_and_decisions() -> None:
    assert {"README.md", "docs/architecture.md", "docs/glossary.md", "docs/operating.md", "docs/policy.md"} <= set(DOCS)
    assert len([name for name in DOCS if name.startswith("docs/decisions/")]) >= 10


@pytest.mark.parametrize("name", DOCS)
def test_every_command_that_is_named_exists_with_its_options(name: str) -> None:
    for words in spoken_commands(name):
        found = next((path for path in (" ".join(words[:2]), words[0]) if path in commands()), None)
        assert found is not None, f"{name}: there is no command: baton {' '.join(words)}"
        options = {option for parameter in commands()[found].params for option in parameter.opts} | {"--help"}
        unknown = [word for word in words if word.startswith("--") and word not in options]
        assert unknown == [], f"{name}: baton {found} has no {unknown}"


def test_every_command_is_in_the_readme_or_a_guide() -> None:
    spoken = {" ".join(words) for name in DOCS for words in spoken_commands(name)}
    silent = [
        path
        for path, command in commands().items()
        if not getattr(command, "commands", None)
        and not any(said == path or said.startswith(f"{path} ") for said in spoken)
    ]
    assert silent == []


@pytest.mark.parametrize("name", DOCS)
def test_every_make_target_that_is_named_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z.]+):", text_of("Makefile"), re.MULTILINE))
    named = {found[1] for code in code_in(text_of(name)) if (found := re.match(r"make ([a-z.]+)", code.strip()))}
    assert named - targets == set()


A_FILE = re.compile(r"^\.?[\w-][\w./-]*$")


def is_a_path(code: str) -> bool:
    if not A_FILE.match(code) or code in OF_THE_READER or MADE_BY_A_RUN.match(code) or "/v1/" in code:
        return False
    return "/" in code.rstrip("/") or code.endswith(("/", ".py", ".md", ".yml", ".yaml", ".toml", ".lock", ".csv"))


@pytest.mark.parametrize("name", DOCS)
def test_every_file_and_folder_that_is_named_exists(name: str) -> None:
    text = text_of(name)
    named = {code for code in re.findall(r"`([^`\n]+)`", text) if is_a_path(code)}
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


@pytest.mark.parametrize("name", DOCS)
def test_every_link_leads_somewhere(name: str) -> None:
    here = (ROOT / name).parent
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text_of(name)):
        path, _, anchor = target.partition("#")
        file = (here / path).resolve() if path else ROOT / name
        assert file.exists(), f"{name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{name}: {target}"


def settings_table() -> str:
    """As it stands in docs/operating.md."""
    defaults = Settings()
    rows = ["| variable | default | what it is |", "|---|---|---|"]
    for field, about in Settings.model_fields.items():
        value = getattr(defaults, field)
        if isinstance(value, float):
            value = f"{value:g}"
        rows.append(f"| `{variable_of(field)}` | {f'`{value}`' if value is not None else ''} | {about.description} |")
    return "\n".join(rows)


def test_every_setting_is_in_the_guide_for_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in list(os.environ):
        if variable.upper().startswith("BATON_"):
            monkeypatch.delenv(variable)
    guide = text_of("docs/operating.md")
    table = settings_table()
    assert table in guide, f"put this table into docs/operating.md:\n{table}"
    assert [variable for variable in OTHER_VARIABLES if f"`{variable}`" not in guide] == []


@pytest.mark.parametrize("name", DOCS)
def test_every_variable_of_ours_that_is_named_is_a_setting(name: str) -> None:
    known = {variable_of(field) for field in Settings.model_fields} | set(OTHER_VARIABLES)
    of_the_compose_file = set(re.findall(r"\$\{(BATON_\w+)", text_of("docker-compose.yml")))
    assert set(re.findall(r"\bBATON_[A-Z_]*[A-Z]\b", text_of(name))) - known - of_the_compose_file == set()


@pytest.mark.parametrize("words", [Stage, Trigger, HoldReason, MessageState, Intent], ids=lambda words: words.__name__)
def test_every_word_of_a_closed_set_is_in_the_glossary(words: type[StrEnum]) -> None:
    glossary = text_of("docs/glossary.md")
    rows = set(re.findall(r"^\| `(\w+)` \|", glossary, re.MULTILINE))
    assert {word.value for word in words} - rows == set()


def test_every_stage_has_its_row_in_the_guide_for_operators() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", text_of("docs/operating.md"), re.MULTILINE))
    assert {stage.value for stage in Stage} - rows == set()


def promise_rows() -> dict[int, set[str]]:
    """The test files that docs/architecture.md names for each promise."""
    rows = re.findall(r"^\| (\d+)\. [^|]+\|([^|]*)\|([^|]*)\|$", text_of("docs/architecture.md"), re.MULTILINE)
    return {int(number): set(re.findall(r"`(tests/[^`]+)`", tests)) for number, _, tests in rows}


def test_every_promise_has_its_tests_in_the_architecture() -> None:
    rows = promise_rows()
    assert set(rows) == set(PROMISES)
    assert {number for number, files in rows.items() if not files} == LATER


@pytest.mark.parametrize("number", PROMISES)
def test_every_test_that_is_named_after_a_promise_is_in_its_row(number: int) -> None:
    named = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "tests").rglob("test_*.py")
        if re.search(rf"def test_promise_{number}_", file.read_text(encoding="utf-8"))
    }
    missing = named - promise_rows()[number]
    assert missing == set(), f"name them in the row of promise {number} in docs/architecture.md"


def test_the_readme_lists_the_promises() -> None:
    listed = re.findall(r"^(\d+)\. \*\*", text_of("README.md"), re.MULTILINE)
    assert [int(number) for number in listed] == list(PROMISES)


def routes() -> list[APIRoute]:
    from api.app import NOUNS

    return [route for noun in NOUNS for route in noun.router.routes if isinstance(route, APIRoute)]


@pytest.mark.parametrize("name", DOCS)
def test_every_path_of_the_api_that_is_named_exists(name: str) -> None:
    for method, path in re.findall(r"(GET|POST|PUT|PATCH|DELETE) (/v1/[^\s`?'\"]*)", text_of(name)):
        assert any(method in (route.methods or ()) and route.path_regex.match(path) for route in routes()), (
            f"{name}: {method} {path}"
        )


def curls() -> list[tuple[str, str, Any]]:
    """Method, path and body of each example; a body may go over several lines."""
    found: list[tuple[str, str, Any]] = []
    blocks = re.findall(r"^```sh\n(.*?)^```", text_of("README.md"), re.MULTILINE | re.DOTALL)
    for call in re.findall(r"^curl .*?(?=^(?:curl |#|\w+=)|\Z)", "\n".join(blocks), re.MULTILINE | re.DOTALL):
        words = shlex.split(call)
        url = next(word for word in words if "/v1/" in word)
        body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
        method = words[words.index("-X") + 1] if "-X" in words else "POST" if body is not None else "GET"
        found.append((method, "/v1/" + url.partition("/v1/")[2].partition("?")[0], body))
    return found


def test_the_examples_for_backends_and_agents_are_what_the_api_takes() -> None:
    assert len(curls()) >= 5
    for method, path, body in curls():
        route = next(
            (each for each in routes() if method in (each.methods or ()) and each.path_regex.fullmatch(path)), None
        )
        assert route is not None, f"{method} {path}"
        if body is not None:
            assert route.body_field is not None, path
            TypeAdapter(route.body_field.field_info.annotation).validate_json(json.dumps(body))


DECISIONS = [name for name in DOCS if name.startswith("docs/decisions/")]


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_says_why_what_and_what_else_there_was(name: str) -> None:
    text = text_of(name)
    number = int(Path(name).name[:4])
    assert text.startswith(f"# {number}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences", "Alternatives"]


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(Path(name).name[:4]) for name in DECISIONS] == list(range(1, len(DECISIONS) + 1))
