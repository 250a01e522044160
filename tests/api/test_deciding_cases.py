"""Cases over the API: an agent's worklist, and decisions: taken, left for later, or refused with their type."""

from datetime import timedelta

import pytest

from activities.payloads import DecisionTaken
from activities.telling import EngineAway
from api.case_desk import DecisionTurnedDown, EscalationOver
from receivables.escalations import AssignmentStep, CaseState
from store import agents, cases
from tests.api.office import NOW, Office, money
from tests.builders import a_case, an_agent

RESUME = {"decision_id": "D-1", "decision": {"kind": "resume"}}


@pytest.fixture
async def busy_office(office: Office) -> Office:
    """Case case-1 about INV-1 is with agent-1, case-2 with agent-2; each is worked by a run."""
    await office.known("INV-1")
    async with office.database.writing() as connection:
        await agents.save(connection, an_agent("agent-2"))
        for number in (1, 2):
            case = a_case(
                case_id=f"case-{number}", matter=f"matter-{number}", state=CaseState.WANTED, wanted_at=NOW,
                deadline_at=NOW + timedelta(days=number),
            )  # fmt: skip
            await cases.want_case(connection, case)
            await cases.claim_case(connection, case_id=case.case_id, workflow_id=f"escalation-INV-1-{number}")
            await cases.assign(
                connection, case_id=case.case_id, agent_id=f"agent-{number}", step=AssignmentStep.AGENT,
                because="least loaded", deadline_at=case.deadline_at,
            )  # fmt: skip
    office.desk.answer = DecisionTaken(
        case_id="case-1", decision_id="D-1", words="Agent-1 decided: go on", ends_case=True
    )
    return office


async def test_an_agent_lists_their_own_cases_and_a_manager_all(busy_office: Office) -> None:
    mine = (await busy_office.get("/v1/cases", role="agent", mine=True)).json()["cases"]
    assert [case["case_id"] for case in mine] == ["case-1"]
    assert (await busy_office.get("/v1/cases", role="agent")).status_code == 403
    everybody = (await busy_office.get("/v1/cases", role="manager")).json()["cases"]
    assert [case["case_id"] for case in everybody] == ["case-1", "case-2"]
    assert (await busy_office.get("/v1/cases", role="manager", mine=True)).json()["cases"] == []


async def test_cases_are_read_in_pages(busy_office: Office) -> None:
    first = (await busy_office.get("/v1/cases", limit=1)).json()
    rest = await busy_office.client.get(f"/v1/cases?after={first['next']}", headers=busy_office.headers("manager"))
    assert [case["case_id"] for case in first["cases"] + rest.json()["cases"]] == ["case-1", "case-2"]
    assert (await busy_office.get("/v1/cases", after="nonsense")).status_code == 400


async def test_a_decision_is_taken_in_the_name_of_the_keys_agent(busy_office: Office) -> None:
    answer = await busy_office.post("/v1/cases/case-1/decisions", RESUME, role="agent")
    assert (answer.status_code, answer.json()["taken"], answer.json()["ends_case"]) == (201, True, True)
    ((workflow_id, request),) = busy_office.desk.asked
    assert (workflow_id, request.agent_id, request.case_id) == ("escalation-INV-1-1", "agent-1", "case-1")


async def test_the_same_decision_again_is_the_same_and_another_under_its_id_a_conflict(busy_office: Office) -> None:
    await busy_office.post("/v1/cases/case-1/decisions", RESUME, role="agent")
    assert (await busy_office.post("/v1/cases/case-1/decisions", RESUME, role="agent")).status_code == 200
    hold = {"decision_id": "D-1", "decision": {"kind": "hold", "until_on": "2026-03-10", "reason": "talks"}}
    assert (await busy_office.post("/v1/cases/case-1/decisions", hold, role="agent")).status_code == 409
    assert (await busy_office.post("/v1/cases/case-2/decisions", RESUME, role="manager")).status_code == 409


async def test_a_decision_about_somebody_elses_case_is_refused_before_it_is_stored(busy_office: Office) -> None:
    answer = await busy_office.post("/v1/cases/case-2/decisions", RESUME, role="agent")
    assert (answer.status_code, answer.json()["type"]) == (403, "wrong_agent")
    assert busy_office.desk.asked == []
    assert (await busy_office.post("/v1/cases/case-2/decisions", RESUME, role="manager")).status_code == 201


async def test_a_decision_that_policy_forbids_is_refused_with_its_type(busy_office: Office) -> None:
    too_far = {"kind": "hold", "until_on": "2027-03-10", "reason": "talks"}
    answer = await busy_office.post(
        "/v1/cases/case-1/decisions", {"decision_id": "D-1", "decision": too_far}, role="agent"
    )
    assert (answer.status_code, answer.json()["type"]) == (422, "date_too_far")


async def test_an_amount_in_a_decision_is_decimal_text(busy_office: Office) -> None:
    promise = {"kind": "accept_promise", "promised_on": "2026-03-10", "amount": money("40.00")}
    body = {"decision_id": "D-1", "decision": promise}
    assert (await busy_office.post("/v1/cases/case-1/decisions", body, role="agent")).status_code == 201
    ((_, request),) = busy_office.desk.asked
    assert str(getattr(request.decision, "amount", None)) == "EUR 40.00"


async def test_with_no_worker_up_a_decision_is_stored_and_waits(busy_office: Office) -> None:
    busy_office.desk.answer = None
    answer = await busy_office.post("/v1/cases/case-1/decisions", RESUME, role="agent")
    assert (answer.status_code, answer.json()["taken"]) == (202, False)


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        (DecisionTurnedDown("wrong_agent", "it moved on"), 403, "wrong_agent"),
        (DecisionTurnedDown("case_closed", "it ended"), 409, "case_closed"),
        (DecisionTurnedDown("not_assigned_yet", "in a moment"), 409, "not_assigned_yet"),
        (DecisionTurnedDown("date_out_of_range", "too far"), 422, "date_out_of_range"),
        (EscalationOver("ended"), 503, "not_worked"),
        (EngineAway("nobody answers"), 503, "engine_away"),
    ],
)
async def test_each_refusal_of_the_run_has_its_own_answer(
    busy_office: Office, fault: Exception, status: int, kind: str
) -> None:
    busy_office.desk.answer = fault
    answer = await busy_office.post("/v1/cases/case-1/decisions", RESUME, role="agent")
    assert (answer.status_code, answer.json()["type"]) == (status, kind)
    assert (status == 503) == ("Retry-After" in answer.headers)


async def test_a_case_that_ended_says_so(busy_office: Office) -> None:
    async with busy_office.database.writing() as connection:
        await cases.settle_case(connection, case_id="case-1", at=NOW, outcome="nothing is owed any more")
    answer = await busy_office.post("/v1/cases/case-1/decisions", RESUME, role="agent")
    assert (answer.status_code, answer.json()["type"]) == (409, "case_closed")
    assert (await busy_office.get("/v1/cases", state="ended")).json()["cases"][0]["case_id"] == "case-1"


async def test_a_case_that_is_not_there_is_not_found(office: Office) -> None:
    assert (await office.get("/v1/cases/case-404")).status_code == 404
    assert (await office.post("/v1/cases/case-404/decisions", RESUME, role="agent")).status_code == 404


async def test_a_decision_of_a_kind_that_does_not_exist_is_refused(busy_office: Office) -> None:
    answer = await busy_office.post(
        "/v1/cases/case-1/decisions", {"decision_id": "D-1", "decision": {"kind": "write_off"}}, role="agent"
    )
    assert answer.status_code == 422
