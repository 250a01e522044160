"""What every command has: help with an example; and faults that are told in words."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import cli

COMMANDS = {
    *("run", "worker", "api", "migrate", "import", "rehearse", "why", "preview", "cases", "decide", "status"),
    *("policy check", "policy activate", "in-doubt list", "in-doubt settle"),
    *("keys add", "keys list", "keys revoke", "agents load", "agents list"),
}


def every_command(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    below = getattr(group, "commands", None)
    if below is None:
        yield " ".join(path), group
        return
    for name, command in below.items():
        yield from every_command(command, (*path, name))


FOUND = dict(every_command(typer.main.get_command(cli.app)))


def test_these_are_the_commands() -> None:
    assert set(FOUND) == COMMANDS


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_help_of_a_command_shows_an_example(name: str) -> None:
    help_text = FOUND[name].help or ""
    assert "Example" in help_text
    assert f"baton {name}" in help_text


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_of_a_command_says_what_it_is(name: str) -> None:
    silent = [parameter.name for parameter in FOUND[name].params if not getattr(parameter, "help", "")]
    assert silent == []


@pytest.mark.parametrize("name", ["", *sorted(COMMANDS), "policy", "in-doubt", "keys", "agents"])
def test_help_can_be_shown(name: str) -> None:
    shown = CliRunner().invoke(cli.app, [*name.split(), "--help"])
    assert shown.exit_code == 0
    assert "Usage" in shown.output


def test_a_command_that_does_not_exist_is_wrong_use() -> None:
    assert CliRunner().invoke(cli.app, ["collect"]).exit_code == 2


@pytest.mark.parametrize(
    "words",
    [
        *("why INV-1", "cases", "status", "in-doubt list", "in-doubt settle K sent --as anna"),
        *("keys list", "keys add service", "keys revoke x", "agents list", "preview reminder_1 --customer C-1"),
        *("decide case-1 resume --as anna",),
    ],
)
def test_where_there_is_no_store_it_is_said_and_none_is_made(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATON_VAR_DIR", str(tmp_path))
    answer = CliRunner().invoke(cli.app, words.split())
    assert answer.exit_code == 1
    assert "there is no store yet" in answer.stderr
    assert "baton migrate" in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_setting_is_told_with_its_variable_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_API_PORT", "none")
    answer = CliRunner().invoke(cli.app, ["status"])
    assert answer.exit_code == 2
    assert "BATON_API_PORT=none" in answer.stderr
    assert "Set it to" in answer.stderr


def test_a_store_that_is_away_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_STORE_URL", "postgresql://baton:hidden@127.0.0.1:1/baton")
    answer = CliRunner().invoke(cli.app, ["why", "INV-1"])
    assert answer.exit_code == 1
    assert "the store cannot be reached" in answer.stderr
    assert "hidden" not in answer.output
    assert answer.exception is None or isinstance(answer.exception, SystemExit)
