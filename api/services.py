"""What the routes work with: built once by `create_app`, passed to each request."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Protocol

from fastapi import Depends, Request

from activities.payloads import DecisionRequest, DecisionTaken
from activities.rulebook import RuleBook
from api.access import KeyRing
from api.telling import Herald
from store.database import Database


class CaseDesk(Protocol):
    """Reaches the run that works a case. Implemented for Temporal by `api.case_desk`."""

    async def decide(self, workflow_id: str, request: DecisionRequest) -> DecisionTaken | None:
        """Take a decision to the run. None: no worker answered, and the decision was left there as a signal.

        Raises DecisionTurnedDown, EscalationOver, EngineAway.
        """
        ...

    async def is_there(self) -> bool:
        """Whether the engine answers."""
        ...


@dataclass(frozen=True)
class AppOptions:
    """What an installation may choose of the API."""

    temporal_ui: str | None = None
    """Address of the Temporal UI, for links to runs: http://127.0.0.1:8233."""
    namespace: str = "default"
    key_believed_seconds: float = 3.0
    """A revoked key stops within this time."""
    tell_seconds: float = 5.0
    """How long one request waits for the engine before it leaves the telling to the reconciler."""
    most_told_at_once: int = 50
    """A fact for more workflows than this is told to the rest by the reconciler."""
    most_bytes: int = 2_000_000
    templates_dir: Path | None = None
    """Templates of this installation; a policy is refused that names one which is neither there nor built in."""


@dataclass(frozen=True)
class Services:
    database: Database
    herald: Herald
    desk: CaseDesk
    clock: Callable[[], datetime]
    options: AppOptions
    keys: KeyRing
    rulebook: RuleBook = field(default_factory=RuleBook)


async def services(request: Request) -> Services:
    return request.app.state.services


Use = Annotated[Services, Depends(services)]
