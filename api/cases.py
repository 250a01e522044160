"""Cases: an agent's worklist, one case on a page, and deciding it."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse
from pydantic import Field, TypeAdapter
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.payloads import DecisionRequest
from api.access import Caller, Role, needs
from api.bodies import StrictRoute
from api.case_desk import DecisionTurnedDown, EscalationOver
from api.errors import problems
from api.refusals import MayNot, NobodyAtWork, NotFound, RefusedByRule, TakenAlready
from api.services import Services, Use
from api.values import (
    Answered,
    Asked,
    Cursor,
    Day,
    EmailAddress,
    KnownId,
    Limit,
    OneLine,
    OwnId,
    Page,
    PositiveMoney,
    Text,
    shown_cursor,
)
from policy.decisions import DecisionRefused, check
from receivables.agents import Agent
from receivables.escalations import AssignmentStep, Case, CaseState, Decision, Trigger, Urgency
from store import agents, cases, decisions, facts
from store.accounts import read_account
from store.decisions import DecisionIdTaken, DecisionRecord

router = APIRouter(prefix="/v1", tags=["cases"], route_class=StrictRoute)


class ResumeAsked(Asked):
    """Automation goes on, now or on a day."""

    kind: Literal["resume"]
    on: Day | None = None


class HoldAsked(Asked):
    """Nothing automated until that day."""

    kind: Literal["hold"]
    until_on: Day
    reason: Annotated[str, Field(min_length=1, max_length=500), OneLine]


class PromiseAsked(Asked):
    """The customer promised an amount (left out: all that is open) by a day."""

    kind: Literal["accept_promise"]
    promised_on: Day
    amount: PositiveMoney | None = None


class DueDateAsked(Asked):
    """More time: the case's invoices are due on this day."""

    kind: Literal["move_due_date"]
    due_on: Day


class DisputeAsked(Asked):
    """The dispute is over."""

    kind: Literal["close_dispute"]
    verdict: Literal["upheld", "rejected", "withdrawn"]
    explanation: Annotated[Text, Field(min_length=1, max_length=2000)]


class ContactAsked(Asked):
    """Write to somebody else from now on."""

    kind: Literal["change_contact"]
    name: Annotated[str, Field(max_length=200), OneLine] = ""
    email: EmailAddress


class PersonalContactAsked(Asked):
    """No automated message to this customer any more."""

    kind: Literal["personal_contact_only"]


class KeepAsked(Asked):
    """The agent goes on by hand until a new deadline."""

    kind: Literal["keep_by_hand"]
    until_on: Day
    note: Annotated[Text, Field(min_length=1, max_length=2000)]


class ReassignAsked(Asked):
    """Another agent takes the case."""

    kind: Literal["reassign"]
    to: KnownId


DecisionAsked = Annotated[
    ResumeAsked
    | HoldAsked
    | PromiseAsked
    | DueDateAsked
    | DisputeAsked
    | ContactAsked
    | PersonalContactAsked
    | KeepAsked
    | ReassignAsked,
    Field(discriminator="kind"),
]


class DecisionDetails(Asked):
    decision_id: OwnId = Field(
        description="Your own id of this decision. After a refusal, a changed decision needs a new id.",
        examples=["D-7"],
    )
    decision: DecisionAsked


class DecisionTakenView(Answered):
    """`taken` false: no worker answered; the decision is stored and is taken as soon as one does."""

    case_id: str
    decision_id: str
    taken: bool
    words: str
    ends_case: bool | None


class DecisionView(Answered):
    decision_id: str
    kind: str
    decided_by: str
    decided_at: datetime
    words: str
    ends_case: bool


class CaseView(Answered):
    case_id: str
    customer_id: str
    invoice_ids: list[str]
    trigger: Trigger
    matter: str
    words: str
    urgency: Urgency
    state: CaseState
    wanted_at: datetime
    deadline_at: datetime
    assigned_to: str | None
    assignment_step: AssignmentStep
    assigned_because: str
    reminded_at: datetime | None
    reply_id: str | None
    decided_at: datetime | None
    decided_by: str | None
    decision: str | None
    outcome: str

    @classmethod
    def of(cls, case: Case) -> "CaseView":
        return cls.model_validate(case.model_dump(exclude={"workflow_id"}))


class CaseWithDecisions(CaseView):
    decisions: list[DecisionView]


class CasePage(Page):
    cases: list[CaseView]


_DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)

DecidingKey = Annotated[Caller, Depends(needs(Role.AGENT, Role.MANAGER))]
ReadingKey = Annotated[Caller, Depends(needs(Role.AGENT, Role.MANAGER, Role.OPERATOR))]


@router.get(
    "/cases",
    operation_id="list_cases",
    summary="List cases, the earliest deadline first",
    description="`mine=true`: the cases of the agent whose key this is. Managers and operators may list "
    "all; an agent asks for their own.",
    response_model=CasePage,
    responses=problems(400),
)
async def list_cases(
    *,
    use: Use,
    caller: ReadingKey,
    mine: Annotated[bool, Query(description="Only those of this key's agent.")] = False,
    assigned_to: Annotated[KnownId | None, Query()] = None,
    customer_id: Annotated[KnownId | None, Query()] = None,
    state: Annotated[
        Literal["open", "ended", "all"], Query(description="`open` includes those being assigned.")
    ] = "open",
    after: Annotated[Cursor | None, Query(description="The `next` of the page before.")] = None,
    limit: Annotated[Limit, Query()] = 100,
) -> CasePage:
    if mine:
        assigned_to = caller.agent_id
    elif caller.key.role is Role.AGENT:
        raise MayNot("An agent lists their own cases: add mine=true. Managers may list all.")
    is_open = {"open": True, "ended": False, "all": None}[state]
    async with use.database.reading() as connection:
        found = await cases.list_cases(
            connection, assigned_to=assigned_to, customer_id=customer_id, is_open=is_open, after=after, limit=limit
        )
    return CasePage(
        cases=[CaseView.of(case) for case in found],
        next=shown_cursor(cases.cursor_of(found[-1])) if len(found) == limit else None,
    )


@router.get(
    "/cases/{case_id:path}",
    operation_id="read_case",
    summary="Read a case with its decisions",
    response_model=CaseWithDecisions,
    dependencies=[Depends(needs(Role.AGENT, Role.MANAGER, Role.OPERATOR))],
    responses=problems(404),
)
async def read_case(case_id: KnownId, use: Use) -> CaseWithDecisions:
    async with use.database.reading() as connection:
        case = await _case(connection, case_id)
        taken = await decisions.decisions_of(connection, case_id=case_id)
    return CaseWithDecisions.model_validate(
        CaseView.of(case).model_dump()
        | {
            "decisions": [
                record.model_dump(include={"decision_id", "decided_by", "decided_at", "words", "ends_case"})
                | {"kind": record.decision.kind}
                for record in taken
            ]
        }
    )


@router.post(
    "/cases/{case_id:path}/decisions",
    operation_id="decide_case",
    summary="Decide a case",
    description="Taken in the name of the key's agent: the one who has the case, their backup, or a manager. Refused "
    "with 403 `wrong_agent`, 409 `case_closed`, and 422 with the rule's own type, such as `date_too_far`.",
    response_model=DecisionTakenView,
    status_code=201,
    responses={
        200: {"description": "The same decision was taken before; this is what it did.", "model": DecisionTakenView},
        202: {"description": "Stored; taken as soon as a worker is up.", "model": DecisionTakenView},
        **problems(400, 404, 409, 413),
    },
)
async def decide_case(case_id: KnownId, details: DecisionDetails, use: Use, caller: DecidingKey) -> JSONResponse:
    request = DecisionRequest(
        case_id=case_id,
        decision_id=details.decision_id,
        agent_id=caller.agent_id,
        decision=_decision(details.decision),
    )
    at = use.clock()
    async with use.database.reading() as connection:
        case = await _case(connection, case_id)
        earlier = await decisions.find_decision(connection, request.decision_id)
        if earlier is not None:
            return _answer(200, _same(earlier, request))
        await _refuse_what_policy_forbids(connection, use, case, request, at)
    async with use.database.writing() as connection:
        taken = await facts.take_fact(
            connection,
            fact_id=f"decision:{request.decision_id}",
            kind="decision",
            fingerprint=facts.fingerprint(request),
            words=f"{request.agent_id} decides case {case_id}: {request.decision.kind}",
            by=caller.name,
            at=at,
        )
    if case.workflow_id is None:
        raise TakenAlready(f"Case {case_id} is being assigned; ask again in a moment.", kind="not_assigned_yet")
    return await _decide(use, case.workflow_id, request, is_new=taken.is_new)


async def _decide(use: Services, workflow_id: str, request: DecisionRequest, *, is_new: bool) -> JSONResponse:
    try:
        taken = await use.desk.decide(workflow_id, request)
    except DecisionTurnedDown as refusal:
        raise _turned_down(refusal.kind, str(refusal)) from refusal
    except EscalationOver as over:
        return await _after_the_end(use, request, over)
    if taken is None:
        return _answer(
            202,
            DecisionTakenView(
                case_id=request.case_id,
                decision_id=request.decision_id,
                taken=False,
                words="stored; it is taken as soon as a worker is up",
                ends_case=None,
            ),
        )
    return _answer(
        201 if is_new else 200,
        DecisionTakenView(
            case_id=taken.case_id,
            decision_id=taken.decision_id,
            taken=True,
            words=taken.words,
            ends_case=taken.ends_case,
        ),
    )


async def _after_the_end(use: Services, request: DecisionRequest, over: EscalationOver) -> JSONResponse:
    """The run has ended: perhaps by this very decision, asked at the same moment."""
    async with use.database.reading() as connection:
        earlier = await decisions.find_decision(connection, request.decision_id)
        case = await _case(connection, request.case_id)
    if earlier is not None:
        return _answer(200, _same(earlier, request))
    if case.state.is_open:
        raise NobodyAtWork(f"Nothing works case {case.case_id} at the moment; ask again.", kind="not_worked") from over
    raise TakenAlready(f"Case {case.case_id} is closed: {case.outcome or case.state.value}.", kind="case_closed")


def _turned_down(kind: str, words: str) -> Exception:
    match kind:
        case "wrong_agent":
            return MayNot(words, kind=kind)
        case "case_closed" | "not_assigned_yet":
            return TakenAlready(words, kind=kind)
        case _:
            return RefusedByRule(words, kind=kind)


async def _refuse_what_policy_forbids(
    connection: AsyncConnection, use: Services, case: Case, request: DecisionRequest, at: datetime
) -> None:
    everybody = await agents.list_agents(connection)
    by: Agent | None = next((agent for agent in everybody if agent.agent_id == request.agent_id), None)
    if by is None:
        raise MayNot(
            f"This key is that of agent {request.agent_id}, whom nobody has told us of: PUT /v1/agents/{{agent_id}}.",
            kind="unknown_agent",
        )
    rules = await use.rulebook.rules(connection)
    account = await read_account(
        connection, customer_id=case.customer_id, invoice_id=next(iter(case.invoice_ids), None), as_of=at
    )
    try:
        check(
            decision=request.decision,
            case=case,
            by=by,
            agents=everybody,
            customer=account.customer,
            standings=account.standings,
            policy=rules.current,
            as_of=at,
        )
    except DecisionRefused as refusal:
        raise _turned_down(str(refusal.type), str(refusal)) from refusal


def _same(earlier: DecisionRecord, request: DecisionRequest) -> DecisionTakenView:
    asked = (request.case_id, request.decision, request.agent_id)
    if (earlier.case_id, earlier.decision, earlier.decided_by) != asked:
        raise DecisionIdTaken(
            f"Decision {request.decision_id} was taken before with other content; use an id of its own."
        )
    return DecisionTakenView(
        case_id=earlier.case_id,
        decision_id=earlier.decision_id,
        taken=True,
        words=earlier.words,
        ends_case=earlier.ends_case,
    )


async def _case(connection: AsyncConnection, case_id: str) -> Case:
    case = await cases.find_case(connection, case_id)
    if case is None:
        raise NotFound(f"There is no case {case_id}.")
    return case


def _answer(status: int, view: DecisionTakenView) -> JSONResponse:
    return JSONResponse(view.model_dump(mode="json"), status_code=status)


def _decision(asked: DecisionAsked) -> Decision:
    values = asked.model_dump()
    if isinstance(asked, PromiseAsked) and asked.amount is not None:
        values["amount"] = asked.amount.money
    return _DECISION.validate_python(values)
