"""Every route names the roles that may use it; each role is tried on each route."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.routing import APIRoute

from api.access import Needs, Role
from api.app import NOUNS
from api.services import AppOptions
from store import keys
from tests.api.office import NOW, Office

S, A, M, O = Role.SERVICE, Role.AGENT, Role.MANAGER, Role.OPERATOR  # noqa: E741  a table is read by its letters
EVERYBODY = {S, A, M, O}

ROLES: dict[tuple[str, str], set[Role] | None] = {
    ("POST", "/v1/invoices"): {S, O},
    ("GET", "/v1/invoices"): EVERYBODY,
    ("GET", "/v1/invoices/{invoice_id}"): EVERYBODY,
    ("GET", "/v1/invoices/{invoice_id}/why"): EVERYBODY,
    ("GET", "/v1/invoices/{invoice_id}/timeline"): EVERYBODY,
    ("POST", "/v1/invoices/{invoice_id}/terms"): {S, M, O},
    ("POST", "/v1/invoices/{invoice_id}/withdraw"): {S, M, O},
    ("PUT", "/v1/customers/{customer_id}"): {S, M, O},
    ("GET", "/v1/customers"): EVERYBODY,
    ("GET", "/v1/customers/{customer_id}"): EVERYBODY,
    ("GET", "/v1/customers/{customer_id}/timeline"): EVERYBODY,
    ("POST", "/v1/payments"): {S, O},
    ("POST", "/v1/credit-notes"): {S, O},
    ("POST", "/v1/refunds"): {S, O},
    ("POST", "/v1/chargebacks"): {S, O},
    ("POST", "/v1/chargeback-reversals"): {S, O},
    ("POST", "/v1/payment-cancellations"): {S, O},
    ("POST", "/v1/write-offs"): {S, O},
    ("GET", "/v1/unapplied"): EVERYBODY,
    ("POST", "/v1/unapplied/placements"): EVERYBODY,
    ("PUT", "/v1/feeds/{feed_id}"): {S, O},
    ("GET", "/v1/feeds"): EVERYBODY,
    ("POST", "/v1/ledger-imports"): {S, O},
    ("POST", "/v1/replies"): {S, A, M},
    ("GET", "/v1/replies"): {S, A, M},
    ("GET", "/v1/replies/{reply_id}"): {S, A, M},
    ("GET", "/v1/cases"): {A, M, O},
    ("GET", "/v1/cases/{case_id}"): {A, M, O},
    ("POST", "/v1/cases/{case_id}/decisions"): {A, M},
    ("GET", "/v1/in-doubt"): EVERYBODY,
    ("GET", "/v1/in-doubt/{key}"): {A, M, O},
    ("POST", "/v1/in-doubt/{key}/settle"): {A, M, O},
    ("GET", "/v1/holds"): EVERYBODY,
    ("POST", "/v1/holds"): EVERYBODY,
    ("POST", "/v1/holds/{hold_id}/release"): EVERYBODY,
    ("GET", "/v1/agents"): EVERYBODY,
    ("PUT", "/v1/agents/{agent_id}"): {M, O},
    ("GET", "/v1/policy"): EVERYBODY,
    ("PUT", "/v1/policy"): {M, O},
    ("GET", "/v1/status"): EVERYBODY,
    ("GET", "/healthz"): None,
    ("GET", "/readyz"): None,
}
"""None: no key is needed."""


def routes() -> dict[tuple[str, str], APIRoute]:
    return {
        (method, route.path_format): route
        for noun in NOUNS
        for route in noun.router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }


def declared_roles(route: APIRoute) -> set[Role] | None:
    for dependency in route.dependant.dependencies:
        if isinstance(dependency.call, Needs):
            return set(dependency.call.roles)
    return None


def test_every_route_has_its_roles_in_the_table() -> None:
    missing = routes().keys() - ROLES.keys()
    gone = ROLES.keys() - routes().keys()
    assert not missing, f"new routes: give each `Depends(needs(Role.…))` and a line in ROLES: {sorted(missing)}"
    assert not gone, f"these routes are gone: take their lines out of ROLES: {sorted(gone)}"


def test_every_route_declares_the_roles_of_the_table() -> None:
    assert {name: declared_roles(route) for name, route in routes().items()} == ROLES


async def test_each_role_on_each_route_is_let_in_or_turned_away(office: Office) -> None:
    for (method, path), allowed in ROLES.items():
        for role in Role:
            answer = await _ask(office, method, path, role.value)
            if allowed is None or role in allowed:
                is_agents_list = path == "/v1/cases" and role is A  # they list their own only
                assert answer.status_code not in (401, 403) or is_agents_list, (method, path, role, answer.text)
            else:
                assert (answer.status_code, answer.json()["type"]) == (403, "not_allowed"), (method, path, role)


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer baton_x_y", "Bearer " + "x" * 5000, "Basic eDp5", "Bearer \u00e9"]
)
async def test_without_a_good_key_nobody_gets_in(office: Office, header: str | None) -> None:
    for (method, path), allowed in ROLES.items():
        if allowed is None:
            continue
        headers = {} if header is None else {"Authorization": header.encode("latin-1")}
        answer = await office.client.request(method, _filled(path), headers=headers, json={})
        assert answer.status_code == 401, (method, path)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["type"] == "key_needed"


async def test_a_revoked_key_stops_as_soon_as_it_is_checked_again(office: Office) -> None:
    assert (await office.get("/v1/status", role="operator")).status_code == 200
    async with office.database.writing() as connection:
        await keys.revoke_key(connection, key_id=office.records[O].key_id, at=NOW + timedelta(seconds=1))
    ring: Any = office.app.state.services.keys
    ring._believed = {digest: (0.0, record) for digest, (_, record) in ring._believed.items()}
    assert (await office.get("/v1/status", role="operator")).status_code == 401


def test_a_key_is_believed_for_less_than_five_seconds() -> None:
    assert AppOptions().key_believed_seconds < 5


async def _ask(office: Office, method: str, path: str, role: str) -> Any:
    body = None if method == "GET" else {}
    return await office.client.request(method, _filled(path), headers=office.headers(role), json=body)


def _filled(path: str) -> str:
    return path.replace("{", "").replace("}", "")
