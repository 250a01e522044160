"""The OpenAPI description: complete enough for a stranger, shown without anything from outside, and true."""

import asyncio
import re
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from store.database import Database
from tests.api.office import Office, a_payment_body, a_reply_body


async def test_the_page_shows_the_description_with_nothing_from_outside(office: Office) -> None:
    page = (await office.get("/docs", role=None)).text
    assert "https://" not in page
    for asset in re.findall(r'(?:src|href)="([^"]+)"', page):
        answer = await office.get(f"/{asset}", role=None)
        assert (answer.status_code, len(answer.content) > 100) == (200, True), asset
    assert (await office.get("/docs/other.js", role=None)).status_code == 404


async def test_every_route_says_what_it_does_and_how_it_refuses(office: Office) -> None:
    description = (await office.get("/openapi.json", role=None)).json()
    names: list[str] = []
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["tags"], where
            names.append(operation["operationId"])
            if not path.startswith("/v1"):
                continue
            assert operation["security"] == [{"key": []}], where
            assert {"401", "403", "422", "503"} <= operation["responses"].keys(), where
            for status, response in operation["responses"].items():
                if status[0] in "45":
                    assert list(response["content"]) == ["application/problem+json"], (where, status)
    assert len(names) == len(set(names))
    assert not _dangling(description)


def _dangling(description: dict[str, Any]) -> set[str]:
    references = set(re.findall(r"#/components/schemas/[\w.-]+", repr(description)))
    known = {f"#/components/schemas/{name}" for name in description["components"]["schemas"]}
    return references - known


def test_whatever_the_description_allows_and_forbids_no_answer_is_a_fault_of_ours(sqlite_url: str) -> None:
    """Schemathesis makes requests from the description, good and bad ones; each answer is one that is described."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        database = Database(sqlite_url)
        office = runner.run(Office.open(database))
        runner.run(_furnish(office))
        description = office.app.openapi()
        for found in schemathesis.openapi.from_dict(description).get_all_operations():
            _try_operation(found.ok(), office, runner)
        runner.run(office.close())
        runner.run(database.close())


async def _furnish(office: Office) -> None:
    """Something to find, so that requests get further than "not found"."""
    await office.known("INV-1042", "INV-1")
    await office.post("/v1/payments", a_payment_body())
    await office.post("/v1/replies", a_reply_body())


def _try_operation(operation: Any, office: Office, runner: asyncio.Runner) -> None:
    @settings(
        max_examples=12,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    )
    def ask(case: Any) -> None:
        for role, body in (("service", case.body), ("manager", case.body), ("operator", _with_real_amounts(case.body))):
            case.body = body
            answer = runner.run(_ask(case, office, role))
            where = f"{case.method} {case.formatted_path} as {role}: {answer.status_code} {answer.text[:300]}"
            assert answer.status_code < 500 or answer.status_code == 503, where
            described = operation.definition.raw["responses"]
            assert str(answer.status_code) in described or answer.status_code in (404, 405), where

    ask()


def _with_real_amounts(body: Any) -> Any:
    """No description can say that an amount has the decimals of its currency: without help few would get further."""
    if isinstance(body, dict):
        if body.keys() == {"amount", "currency"}:
            return {"amount": "12.00", "currency": "EUR"}
        return {name: _with_real_amounts(value) for name, value in body.items()}
    return [_with_real_amounts(value) for value in body] if isinstance(body, list) else body


async def _ask(case: Any, office: Office, role: str) -> httpx.Response:
    request = case.as_transport_kwargs(base_url="http://baton.test")
    request.pop("cookies", None)
    headers = {name: value for name, value in dict(request.pop("headers", None) or {}).items() if value is not None}
    headers |= office.headers(role)
    data = request.pop("data", None)
    try:
        built = office.client.build_request(
            request.pop("method"),
            request.pop("url"),
            params=request.pop("params", None),
            json=request.pop("json", None),
            content=data if isinstance(data, str | bytes) else None,
            headers=headers,
        )
    except (ValueError, TypeError, httpx.InvalidURL):  # what httpx cannot even write, no caller can send with it
        return httpx.Response(400)
    return await office.client.send(built)
