"""Messages in doubt, agents, policies and status over the API."""

import asyncio
import re

import pytest

from policy.reading_policy import default_policy_text
from receivables.messages import Letter, MessageState
from store import messages
from tests.api.office import NOW, Office
from tests.builders import a_message, an_item

KEY = "C-1:level-1:2026-03-02"


@pytest.fixture
async def doubtful_office(either_office: Office) -> Office:
    """A reminder about INV-1 may or may not have left."""
    await either_office.known("INV-1")
    message = a_message(an_item(), at=NOW, state=MessageState.RESERVED)
    letter = Letter(
        key=KEY, message_id="<m@example.com>", sender="us@example.com", to="anna@acme.example",
        reply_to="reply@example.com", subject="Reminder", text="EUR 100.00 is open", html="", language="en",
    )  # fmt: skip
    async with either_office.database.writing() as connection:
        await messages.reserve(connection, message, letter)
        await messages.settle(connection, key=KEY, state=MessageState.IN_DOUBT, at=NOW, outcome="no answer in time")
    return either_office


async def test_what_is_in_doubt_is_listed_and_can_be_read_word_for_word(doubtful_office: Office) -> None:
    (listed,) = (await doubtful_office.get("/v1/in-doubt")).json()["messages"]
    assert (listed["key"], listed["items"][0]["invoice_id"]) == (KEY, "INV-1")
    assert (await doubtful_office.get(f"/v1/in-doubt/{KEY}")).json()["text"] == "EUR 100.00 is open"


@pytest.mark.parametrize(("outcome", "state"), [("sent", "sent"), ("send_again", "deferred"), ("dropped", "dropped")])
async def test_a_person_settles_it_once_and_its_invoices_are_told(
    doubtful_office: Office, outcome: str, state: str
) -> None:
    body = {"settlement_id": "S-1", "outcome": outcome, "because": "seen in the log"}
    path = f"/v1/in-doubt/{KEY}/settle"
    answers = await asyncio.gather(*(doubtful_office.post(path, body, role="operator") for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 201]
    assert answers[0].json()["state"] == state
    assert set(doubtful_office.engine.told_of("settlement:S-1")) == {"INV-1"}
    assert (await doubtful_office.get("/v1/in-doubt")).json()["messages"] == []
    other = await doubtful_office.post(path, body | {"because": "other"}, role="operator")
    assert other.status_code == 409


async def test_it_cannot_be_settled_two_ways(doubtful_office: Office) -> None:
    path = f"/v1/in-doubt/{KEY}/settle"
    first = {"settlement_id": "S-1", "outcome": "sent", "because": "seen"}
    second = {"settlement_id": "S-2", "outcome": "send_again", "because": "not seen"}
    assert (await doubtful_office.post(path, first, role="agent")).status_code == 201
    answer = await doubtful_office.post(path, second, role="agent")
    assert (answer.status_code, answer.json()["type"]) == (409, "settled_already")


async def test_a_message_that_is_not_there_is_not_found(office: Office) -> None:
    assert (await office.get("/v1/in-doubt/C-1:x")).status_code == 404
    body = {"settlement_id": "S-1", "outcome": "sent", "because": "x"}
    assert (await office.post("/v1/in-doubt/C-1:x/settle", body, role="operator")).status_code == 404


async def test_an_agent_is_saved_and_listed(office: Office) -> None:
    body = {
        "name": "Cleo", "email": "cleo@example.com", "languages": ["de", "en"], "skills": ["disputes"],
        "absences": [{"from_on": "2026-08-01", "until_on": "2026-08-14"}],
    }  # fmt: skip
    for _ in range(2):
        assert (await office.put("/v1/agents/cleo", body, role="manager")).status_code == 200
    listed = (await office.get("/v1/agents")).json()["agents"]
    assert [agent["agent_id"] for agent in listed] == ["agent-1", "boss", "cleo"]
    wrong = body | {"absences": [{"from_on": "2026-08-14", "until_on": "2026-08-01"}]}
    assert (await office.put("/v1/agents/cleo", wrong, role="manager")).status_code == 422


async def test_a_policy_is_activated_once_and_running_invoices_look_again(either_office: Office) -> None:
    await either_office.known("INV-1", "INV-2")
    current = (await either_office.get("/v1/policy")).json()
    text = default_policy_text() + "\n"
    body = {"text": text, "running_invoices": current["running_invoices"]}
    same = await either_office.put("/v1/policy", body, role="manager")
    assert (same.status_code, same.json()["changed"]) == (200, False)
    changed = body | {"text": text.replace("\nname:", "\nname: another ", 1)}
    answer = await either_office.put("/v1/policy", changed, role="manager")
    assert (answer.status_code, answer.json()["changed"]) == (201, True), answer.text
    told = {invoice_id for invoice_id, _, news in either_office.engine.told if news.fact_id.startswith("policy:")}
    assert told == {"INV-1", "INV-2"}


async def test_a_policy_with_faults_is_refused_with_each_place(office: Office) -> None:
    body = {"text": default_policy_text() + "\nsurprise: 1\n", "running_invoices": "move"}
    answer = await office.put("/v1/policy", body, role="manager")
    assert (answer.status_code, answer.json()["type"]) == (422, "bad_policy")
    assert answer.json()["faults"][0]["place"].startswith("line ")


async def test_a_policy_that_moves_running_invoices_unawares_is_refused(office: Office) -> None:
    says = (await office.get("/v1/policy")).json()["running_invoices"]
    body = {"text": default_policy_text(), "running_invoices": "keep" if says == "move" else "move"}
    answer = await office.put("/v1/policy", body, role="manager")
    assert (answer.status_code, answer.json()["type"]) == (422, "two_answers")


async def test_a_fact_for_many_workflows_leaves_the_rest_to_the_reconciler(office: Office) -> None:
    await office.known(*(f"INV-{number}" for number in range(60)))
    text = default_policy_text().replace("\nname:", "\nname: another ", 1)
    says = (await office.get("/v1/policy")).json()["running_invoices"]
    answer = await office.put("/v1/policy", {"text": text, "running_invoices": says}, role="manager")
    assert (answer.status_code, answer.json()["told"]) == (202, False)
    await office.app.state.services.herald.noted()
    assert (await office.get("/v1/status")).json()["untold"] == 10


async def test_status_says_how_much_of_everything_there_is(either_office: Office) -> None:
    await either_office.known("INV-1")
    await either_office.put("/v1/feeds/bank", {"complete_until_at": "2026-03-02T08:00:00Z"})
    status = (await either_office.get("/v1/status")).json()
    assert (status["invoices"]["not_due"], status["open_cases"], status["in_doubt"], status["untold"]) == (1, 0, 0, 0)
    assert [feed["feed_id"] for feed in status["feeds"]] == ["bank"]
    assert status["engine"] == "answers"


async def test_life_and_readiness_need_no_key(office: Office) -> None:
    assert (await office.get("/healthz", role=None)).json() == {"status": "ok"}
    assert (await office.get("/readyz", role=None)).json() == {"status": "ok"}


async def test_promise_11_a_policy_that_names_an_unknown_template_is_refused(office: Office) -> None:
    current = (await office.get("/v1/policy")).json()
    text = re.sub(r"template: \w+", "template: no_such_template", current["text"], count=1)
    body = {"text": text, "running_invoices": current["running_invoices"]}
    answer = await office.put("/v1/policy", body, role="manager")
    assert (answer.status_code, answer.json()["type"]) == (422, "bad_template")
    assert "no_such_template" in answer.text
    assert (await office.get("/v1/policy")).json()["version"] == current["version"]
