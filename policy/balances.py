"""What an invoice still asks for: its open balance, what the policy tolerates of it, and what is not in dispute."""

from receivables.account import Standing
from receivables.collection_policy import CollectionPolicy
from receivables.money import Money, limit_for


def is_settled(*, standing: Standing, policy: CollectionPolicy) -> bool:
    """Nothing is owed: the open balance is zero, negative, or at most the policy's tolerance for its currency."""
    return _is_within_tolerance(standing.open_balance, policy)


def asked_of(*, standing: Standing, policy: CollectionPolicy) -> Money:
    """What may be asked for: the open balance less what an open dispute contests; zero where that leaves nothing."""
    balance = standing.open_balance
    dispute = standing.open_dispute
    if dispute is None:
        return balance
    undisputed = balance - dispute.disputed_amount if dispute.disputed_amount is not None else None
    if undisputed is None or _is_within_tolerance(undisputed, policy):
        return Money.zero(balance.currency)
    return undisputed


def _is_within_tolerance(balance: Money, policy: CollectionPolicy) -> bool:
    if balance.minor <= 0:
        return True
    tolerated = limit_for(policy.tolerance, balance.currency)
    return tolerated is not None and balance.minor <= tolerated.minor
