"""The collection policy: which one is in force, and activating another."""

from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from api import facts
from api.access import EVERYBODY, Caller, Role, needs
from api.bodies import StrictRoute
from api.errors import problems
from api.refusals import NotFound, RefusedByRule
from api.services import Use
from api.values import Answered, Asked, Text
from channels.rendering import Renderer
from policy.reading_policy import read_policy
from receivables.collection_policy import CollectionPolicy, Rollout
from store import policies, timeline
from store.intake import Taken
from store.overview import running_invoices

router = APIRouter(prefix="/v1", tags=["policy"], route_class=StrictRoute)


class PolicyDetails(Asked):
    """A policy file (YAML), as `baton policy check` accepts it."""

    text: Annotated[Text, Field(min_length=1)]
    running_invoices: Rollout = Field(
        description="What shall happen to running invoices; must be what the file itself says, so that nobody moves "
        "them unawares."
    )


class PolicyView(Answered):
    version: str
    name: str
    activated_at: datetime
    running_invoices: Rollout
    text: str


class PolicyActivated(Answered):
    version: str
    changed: bool = Field(description="false: it was in force already.")
    told: bool = Field(description="Whether every running invoice was told to look again; if not, they will be.")


def _checked(text: str, templates_dir: Path | None) -> CollectionPolicy:
    """The policy, complete with templates that exist and say what they must. Raises BadPolicy, BadTemplate."""
    policy = read_policy(text, origin="policy")
    Renderer(templates_dir).check_policy_templates(policy)
    return policy


@router.get(
    "/policy",
    operation_id="read_policy",
    summary="The policy in force",
    response_model=PolicyView,
    responses=problems(404),
    dependencies=[Depends(needs(*EVERYBODY))],
)
async def read_current_policy(use: Use) -> PolicyView:
    async with use.database.reading() as connection:
        current = await policies.current(connection)
        if current is None:
            raise NotFound("No policy was ever activated: PUT /v1/policy, or `baton policy activate FILE`.")
        rules = await use.rulebook.rules(connection)
    return PolicyView(
        version=current.version,
        name=current.name,
        activated_at=current.activated_at,
        running_invoices=rules.current.running_invoices,
        text=current.text,
    )


@router.put(
    "/policy",
    operation_id="activate_policy",
    summary="Activate a policy",
    description="Checked first: each fault is listed with its line. Running invoices look again; whether they go on by "
    "their own version (`keep`) or by the new one (`move`) stands in the file. No level is repeated or skipped.",
    response_model=PolicyActivated,
    responses={
        201: {"description": "In force from now on.", "model": PolicyActivated},
        202: {"description": "In force; not every running invoice was told yet.", "model": PolicyActivated},
        **problems(400, 413),
    },
)
async def activate_policy(
    details: PolicyDetails, use: Use, caller: Annotated[Caller, Depends(needs(Role.MANAGER, Role.OPERATOR))]
) -> Response:
    policy = await run_in_threadpool(_checked, details.text, use.options.templates_dir)
    if policy.running_invoices is not details.running_invoices:
        raise RefusedByRule(
            f"The file says `running_invoices: {policy.running_invoices.value}`, you say "
            f"{details.running_invoices.value}; make them the same.",
            kind="two_answers",
        )

    async def book(connection: AsyncConnection, at: datetime) -> Taken:
        is_new = await policies.activate(connection, version=policy.version, name=policy.name, text=details.text, at=at)
        if not is_new:
            return Taken(is_new=False, answer={"version": policy.version, "changed": False})
        # A policy may come back after another one: each activation is a fact of its own.
        fact_id = f"policy:{policy.version}:{uuid4().hex}"
        words = f"policy {policy.name} ({policy.version}) activated by {caller.name}"

        async def tell_everybody() -> facts.Following:
            await timeline.add_line(
                connection, natural_key=fact_id, customer_id="", at=at, kind="alert", words=words, rule="policy"
            )
            return facts.Following({"version": policy.version, "changed": True}, await running_invoices(connection))

        return await facts.store(
            connection,
            fact_id=fact_id,
            kind="policy",
            content=policy.version,
            words=words,
            caller=caller,
            at=at,
            follow=tell_everybody,
        )

    return await facts.take(use, None, book)
