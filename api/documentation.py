"""The page that shows the OpenAPI description, with nothing from outside: Swagger UI comes with the installation."""

from functools import cache
from importlib import resources
from typing import Any

from fastapi import FastAPI, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, RedirectResponse

from api.errors import Problem

ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}

INTRODUCTION = """
Baton runs accounts receivable: each invoice is one long-lived workflow that reminds, waits, and passes the baton to a
person when a person is needed.

**Keys.** Send `Authorization: Bearer baton_…`. A key has a role: `service` (backends), `agent`, `manager`, `operator`.

**Telling twice is harmless.** Each fact carries your own id. The same again is answered 200 with the answer of the
first time; the same id with other content is a 409. So repeat whatever you got no answer for.

**201, 202.** Both mean that it is stored. 201: its workflow was told. 202: it will be told, once, as soon as possible.

**Amounts** are `{"amount": "1200.00", "currency": "EUR"}`: decimal text, never numbers. **Days** are `2026-03-31`,
**instants** `2026-03-31T09:00:00Z`, between the years 1990 and 2200. **Your own ids** have 1 to 100 of
`A-Z a-z 0-9 . _ : @ + = ~ -`, the first a letter or digit. Bodies have at most 2 MB.

**Lists** come in pages: give `next` of one page as `after` for the following one.

**Refusals** are problem documents (RFC 9457): `type` is a stable name to branch on, `detail` says what to do, and
`faults` names each wrong place. A 503 has `Retry-After`: ask again then.
"""


def install(app: FastAPI) -> None:
    """`/openapi.json` and `/docs`."""
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]  FastAPI's own way to extend the description

    @app.get("/", include_in_schema=False)
    async def home() -> RedirectResponse:
        return RedirectResponse("docs")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=f"{app.title} · API",
            swagger_js_url="docs/swagger-ui-bundle.js",
            swagger_css_url="docs/swagger-ui.css",
            swagger_favicon_url="docs/favicon-32x32.png",
            swagger_ui_parameters={"persistAuthorization": True, "defaultModelsExpandDepth": 0},
        )

    @app.get("/docs/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        if name not in ASSETS:
            return Response(status_code=404)
        return Response(_asset(name), media_type=ASSETS[name], headers={"Cache-Control": "max-age=86400"})


@cache
def _asset(name: str) -> bytes:
    return resources.files("fastapi_swagger").joinpath("resources", name).read_bytes()


def _described(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        description = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        schemas: dict[str, Any] = description["components"]["schemas"]
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= problem.pop("$defs", {})
        schemas["Problem"] = problem
        for path in description["paths"].values():
            for operation in path.values():
                _only_problem_documents(operation["responses"])
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = description
    return app.openapi_schema


def _only_problem_documents(responses: dict[str, Any]) -> None:
    """FastAPI adds its own kind of 422 wherever there is something to validate; ours are problem documents."""
    own = responses.get("422", {}).get("content", {}).get("application/json", {})
    if own.get("schema", {}).get("$ref", "").endswith("/HTTPValidationError"):
        del responses["422"]
    for status, response in responses.items():
        if status.startswith(("4", "5")):
            response.get("content", {}).pop("application/json", None)
