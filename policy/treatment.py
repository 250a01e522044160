"""By which ladder an invoice is treated: invoice beats customer beats segment beats default."""

from datetime import datetime
from typing import Literal

from policy.rules import Rules
from policy.segments import Segmentation, segment_of
from receivables.account import Account, Standing
from receivables.collection_policy import CollectionPolicy, Ladder
from receivables.frozen import Frozen

ChosenBy = Literal["invoice", "customer", "segment", "default", "nothing"]


class Treatment(Frozen):
    """`ladder` None: nothing automated happens, and `words` say why."""

    ladder_name: str | None
    ladder: Ladder | None
    chosen_by: ChosenBy
    words: str
    segmentation: Segmentation

    @property
    def segment_name(self) -> str:
        """ "none" where no segment takes the customer."""
        return self.segmentation.name


def treatment_of(*, standing: Standing, account: Account, rules: Rules, as_of: datetime) -> Treatment:
    """How this invoice is treated, by the rule book that it runs by."""
    policy = rules.of(standing.invoice)
    segmentation = segment_of(account=account, policy=policy, as_of=as_of)
    return treatment_by(standing=standing, account=account, policy=policy, segmentation=segmentation)


def treatment_by(
    *, standing: Standing, account: Account, policy: CollectionPolicy, segmentation: Segmentation
) -> Treatment:
    """The same, for a caller that knows the customer's segment already."""
    chosen_by, name, words = _choose(standing, account, policy, segmentation)
    ladder = policy.ladders.get(name) if name is not None else None
    if name is not None and ladder is None:
        words = f"{words}, which this policy does not have: nothing automated happens"
    return Treatment(ladder_name=name, ladder=ladder, chosen_by=chosen_by, words=words, segmentation=segmentation)


def _choose(
    standing: Standing, account: Account, policy: CollectionPolicy, segmentation: Segmentation
) -> tuple[ChosenBy, str | None, str]:
    if standing.invoice.ladder is not None:
        return "invoice", standing.invoice.ladder, f"the invoice asks for ladder {standing.invoice.ladder}"
    if account.customer.ladder is not None:
        return "customer", account.customer.ladder, f"the customer is treated by ladder {account.customer.ladder}"
    segment = segmentation.segment
    if segment is not None and segment.ladder is not None:
        return "segment", segment.ladder, f"segment {segment.name} is treated by ladder {segment.ladder}"
    if segment is not None:
        return "segment", None, f"segment {segment.name} has no ladder: nothing automated happens"
    if policy.default_ladder is not None:
        return "default", policy.default_ladder, f"by default the ladder is {policy.default_ladder}"
    return "nothing", None, "neither invoice, customer, segment nor default names a ladder: nothing automated happens"
