"""The customer: the account that owes, the person we write to, and how they want to be treated."""

from datetime import datetime
from enum import StrEnum

from receivables.frozen import Frozen


class Relationship(StrEnum):
    """How much care the relationship asks for; set by people, never guessed."""

    NORMAL = "normal"
    STRATEGIC = "strategic"
    FRAGILE = "fragile"


class Contact(Frozen):
    """The person we write to. `bounced_at` (UTC) is set where the address last refused mail."""

    name: str = ""
    email: str | None = None
    bounced_at: datetime | None = None

    @property
    def can_be_mailed(self) -> bool:
        return bool(self.email) and self.bounced_at is None


class Customer(Frozen):
    """An account that owes. `country` ISO 3166-1 alpha-2, `language` ISO 639-1, `time_zone` IANA (else policy's)."""

    customer_id: str
    name: str
    country: str
    language: str = "en"
    time_zone: str | None = None
    contact: Contact = Contact()
    owner: str | None = None
    """The agent who looks after this customer (`agent_id`)."""
    relationship: Relationship = Relationship.NORMAL
    personal_only: bool = False
    """No automated message, ever (promise 8)."""
    excluded: bool = False
    """No collection at all, by machine or by case, until lifted."""
    ladder: str | None = None
    """A ladder of the policy that this customer is treated by, in place of their segment's."""
