"""Which rule book an invoice runs by: the current one, or the one that it started under."""

from pydantic import Field

from receivables.collection_policy import CollectionPolicy, Rollout
from receivables.frozen import Frozen
from receivables.invoice import Invoice


class Rules(Frozen):
    """The policy now in force, and the earlier ones by version. What concerns a whole customer (hours, contact budget,
    fresh money, minimum) always follows `current`."""

    current: CollectionPolicy
    earlier: dict[str, CollectionPolicy] = Field(default_factory=dict)

    def of(self, invoice: Invoice) -> CollectionPolicy:
        """The invoice's own version where running invoices keep theirs and we still have it, else the current one."""
        if self.current.running_invoices is Rollout.KEEP:
            return self.earlier.get(invoice.policy_version, self.current)
        return self.current
