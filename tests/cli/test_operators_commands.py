"""Looking, keys, people, doubt: on a store, with Temporal away."""

import json
from pathlib import Path

import pytest

from commands.opening import now, run
from receivables.messages import Letter, MessageState
from store import messages
from store.database import Database
from tests.builders import a_message, an_item
from tests.cli.cli_fixtures import Baton

AGENTS = Path(__file__).parents[2] / "examples" / "agents.yaml"


def test_why_tells_what_comes_next_by_which_rule_and_facts(baton: Baton, filled: str) -> None:
    answer = baton("why", "INV-1")
    assert answer.exit_code == 0, answer.output
    assert "Acme GmbH" in answer.output
    assert "level-1 is held back" in answer.output
    assert "no payment feed was ever heard of" in answer.output
    assert "contact_budget" in answer.output
    assert json.loads(baton("why", "INV-1", "--json").output)["next_step"]["kind"] == "wait"


def test_why_of_an_unknown_invoice_says_so(baton: Baton, filled: str) -> None:
    answer = baton("why", "INV-9")
    assert answer.exit_code == 1
    assert "there is no invoice INV-9" in answer.stderr


def test_status_tells_the_counts_and_that_temporal_is_away(baton: Baton, filled: str) -> None:
    answer = baton("status")
    assert answer.exit_code == 1
    assert "1 not due" in answer.output
    assert "demo (contact hours always open)" in answer.output
    assert "Temporal does not answer at 127.0.0.1:1" in answer.stderr


def test_no_cases_are_said_to_be_none(baton: Baton, filled: str) -> None:
    assert "no cases of anna" in baton("cases", "--mine", "anna").output


def test_a_key_is_shown_once_and_can_be_revoked(baton: Baton, filled: str) -> None:
    made = baton("keys", "add", "agent", "--as", "anna")
    assert made.exit_code == 0, made.output
    key = made.stdout.strip()
    assert key.startswith("baton_")
    listed = baton("keys", "list").output
    key_id = key.split("_")[1]
    assert key_id in listed
    assert key not in listed
    assert "revoked" in baton("keys", "revoke", key_id).output
    assert "had been revoked" in baton("keys", "revoke", key_id).output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "agent"), "needs the agent's id"),
        (("add", "agent", "--as", "nobody"), "there is no agent nobody"),
        (("add", "manager", "--as", "anna"), "anna is no manager"),
        (("add", "service", "--as", "anna"), "nobody's own"),
        (("revoke", "zz"), "there is no key zz"),
    ],
)
def test_a_key_that_cannot_be_is_refused(baton: Baton, filled: str, words: tuple[str, ...], says: str) -> None:
    answer = baton("keys", *words)
    assert answer.exit_code == 1
    assert says in answer.stderr


def test_agents_are_loaded_from_a_file(baton: Baton, filled: str) -> None:
    assert "3 agents and 1 managers" in baton("agents", "load", str(AGENTS)).output
    assert "julien.moreau" in baton("agents", "list").output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("agents: []", "a list of agents is expected"),
        ("- agent_id: x", "agents[0].name"),
        ("- {agent_id: x, name: X, email: x@x.example, shoe: 42}", "agents[0].shoe"),
        ("- {agent_id: x, name: X, email: x@x.example, backup: y}", "backup: y is not in this file"),
        ("- {agent_id: x, name: X, email: e}\n- {agent_id: x, name: Y, email: e}", "two agents have the same"),
        ("[", "this is no YAML"),
    ],
)
def test_wrong_agents_are_refused_with_their_place(
    baton: Baton, filled: str, tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "agents.yaml").write_text(text, encoding="utf-8")
    answer = baton("agents", "load", str(tmp_path / "agents.yaml"))
    assert answer.exit_code == 1
    assert says in answer.stderr


@pytest.fixture
def in_doubt(filled: str) -> str:
    """A message of INV-1 that may or may not have left; gives its key."""
    message = a_message(an_item(invoice_id="INV-1"), at=now(), customer_id="C-1", state=MessageState.RESERVED)
    letter = Letter(
        key=message.key,
        message_id="<x@y.example>",
        sender="a@b.example",
        to="eve@acme.example",
        reply_to="r@b.example",
        subject="s",
        text="t",
        html="<p>t",
        language="en",
    )

    async def put() -> None:
        database = Database(filled)
        async with database.writing() as connection:
            await messages.reserve(connection, message, letter)
            await messages.settle(
                connection, key=message.key, state=MessageState.IN_DOUBT, at=now(), outcome="the line\x1b[2J broke off"
            )
        await database.close()

    run(put())
    return message.key


def test_what_is_in_doubt_is_listed_and_settled_once(baton: Baton, in_doubt: str) -> None:
    listed = baton("in-doubt", "list")
    assert in_doubt in listed.output
    assert "broke off" in listed.output
    assert "\x1b[2J" not in listed.output
    settled = baton("in-doubt", "settle", in_doubt, "send-again", "--as", "anna")
    assert settled.exit_code == 0, settled.output
    assert "judged again" in settled.output
    assert "nothing is in doubt" in baton("in-doubt", "list").output
    other = baton("in-doubt", "settle", in_doubt, "sent", "--as", "anna")
    assert other.exit_code == 1
    assert "cannot become sent" in other.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("KEY", "perhaps", "--as", "anna"), 2, "sent, send-again, dropped"),
        (("KEY", "sent", "--as", "nobody"), 1, "there is no agent nobody"),
        (("other", "sent", "--as", "anna"), 1, "there is no message other"),
    ],
)
def test_a_wrong_settlement_is_refused(
    baton: Baton, in_doubt: str, words: tuple[str, ...], code: int, says: str
) -> None:
    answer = baton("in-doubt", "settle", *(in_doubt if word == "KEY" else word for word in words))
    assert answer.exit_code == code
    assert says in answer.stderr
