"""Who may use the API: keys and their roles."""

from datetime import datetime
from enum import StrEnum

from receivables.frozen import Frozen


class Role(StrEnum):
    """What the holder of a key is. What each may do is the API's."""

    SERVICE = "service"
    """A backend: opens invoices, reports payments and replies."""
    AGENT = "agent"
    MANAGER = "manager"
    OPERATOR = "operator"
    """Watches runs, settles what is in doubt, makes keys."""


class KeyRecord(Frozen):
    """What is known of a key. Its secret is shown once, when it is made, and never stored."""

    key_id: str
    role: Role
    name: str
    agent_id: str | None = None
    """Whose key it is, for agents and managers."""
    made_at: datetime
    revoked_at: datetime | None = None
