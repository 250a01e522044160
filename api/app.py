"""The API as one application: everything that it needs is passed in, nothing happens at import."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from activities.telling import Teller
from api import (
    agents,
    cases,
    customers,
    documentation,
    errors,
    feeds,
    holds,
    in_doubt,
    invoices,
    ledger_import,
    payments,
    policies,
    replies,
    status,
)
from api.access import KeyRing
from api.bodies import BodyLimit
from api.services import AppOptions, CaseDesk, Services
from api.telling import Herald
from store.database import Database

NOUNS = (
    invoices,
    customers,
    payments,
    feeds,
    ledger_import,
    replies,
    cases,
    in_doubt,
    holds,
    agents,
    policies,
    status,
)

DEFAULTS = AppOptions()


def create_app(
    *,
    database: Database,
    teller: Teller,
    desk: CaseDesk,
    clock: Callable[[], datetime],
    options: AppOptions = DEFAULTS,
) -> FastAPI:
    """The application on the given store and engine. `teller` tells invoices' workflows, `desk` reaches cases' runs."""
    herald = Herald(database, teller, clock=clock, patience_seconds=options.tell_seconds)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        await herald.noted()

    app = FastAPI(
        title="Baton",
        version=_version(),
        summary="Accounts receivable that balances automation and personal contact.",
        description=documentation.INTRODUCTION,
        docs_url=None,
        redoc_url=None,
        lifespan=life,
        redirect_slashes=False,
    )
    app.state.services = Services(
        database=database,
        herald=herald,
        desk=desk,
        clock=clock,
        options=options,
        keys=KeyRing(database, believed_seconds=options.key_believed_seconds),
    )
    for noun in NOUNS:
        app.include_router(noun.router)
    documentation.install(app)
    errors.install(app)
    app.add_middleware(BodyLimit, most=options.most_bytes)
    return app


def _version() -> str:
    try:
        return version("baton")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0"
