"""Who may do what: API keys, their roles, and the dependency `needs(Role.…)` that each route declares."""

import hashlib
import time
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.refusals import BadKey, MayNot
from receivables.access import KeyRecord, Role
from store.database import Database
from store.keys import check_key

__all__ = ["EVERYBODY", "Caller", "KeyRing", "Needs", "Role", "needs"]

EVERYBODY = (Role.SERVICE, Role.AGENT, Role.MANAGER, Role.OPERATOR)
LONGEST_KEY = 200

_bearer = HTTPBearer(
    auto_error=False, scheme_name="key", description="A key of the API: `baton_<key id>_<secret>`. Made by an operator."
)


@dataclass(frozen=True)
class Caller:
    """Whose key it is. `name` is what the store notes as the teller."""

    key: KeyRecord

    @property
    def name(self) -> str:
        return self.key.agent_id or f"{self.key.role.value}:{self.key.name}"

    @property
    def agent_id(self) -> str:
        """The agent as whom this key acts. Raises MayNot for the key of a service or an operator."""
        if self.key.agent_id is None:
            raise MayNot("This key is nobody's own; cases are decided with the key of an agent or a manager.")
        return self.key.agent_id


class KeyRing:
    """Checks keys, and believes a good one for some seconds: a revoked key stops within them."""

    def __init__(self, database: Database, *, believed_seconds: float = 3.0) -> None:
        self._database = database
        self._believed_seconds = believed_seconds
        self._believed: dict[bytes, tuple[float, KeyRecord]] = {}

    async def check(self, text: str) -> KeyRecord | None:
        """Whose key this is; None where it is nobody's."""
        if len(text) > LONGEST_KEY:
            return None
        digest = hashlib.sha256(text.encode("utf-8", "replace")).digest()
        believed = self._believed.get(digest)
        now = time.monotonic()
        if believed is not None and now < believed[0]:
            return believed[1]
        async with self._database.reading() as connection:
            record = await check_key(connection, text)
        if record is None:
            self._believed.pop(digest, None)
            return None
        if len(self._believed) > 10_000:
            self._believed.clear()
        self._believed[digest] = (now + self._believed_seconds, record)
        return record


class Needs:
    """Lets keys of these roles in."""

    def __init__(self, *roles: Role) -> None:
        self.roles = frozenset(roles)

    async def __call__(
        self, request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Caller:
        if credentials is None:
            raise BadKey("Send a key as `Authorization: Bearer baton_…`; an operator makes one with `baton keys add`.")
        ring: KeyRing = request.app.state.services.keys
        record = await ring.check(credentials.credentials)
        if record is None:
            raise BadKey("This key is not known, or was revoked.")
        if record.role not in self.roles:
            allowed = ", ".join(sorted(role.value for role in self.roles))
            raise MayNot(f"A key of role {record.role.value} may not do this; it takes one of: {allowed}.")
        return Caller(record)


def needs(*roles: Role) -> Needs:
    """The dependency of a route: `caller: Annotated[Caller, Depends(needs(Role.SERVICE))]`."""
    return Needs(*roles)
