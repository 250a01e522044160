"""Where an invoice stands, as lists and the Temporal UI show it."""

from datetime import date, datetime
from typing import assert_never

from receivables.account import Account
from receivables.invoice import Stage
from receivables.steps import Close, Contact, Escalate, NextStep, Wait


def stage_of(*, account: Account, invoice_id: str, step: NextStep, as_of: datetime, today: date) -> Stage:
    """The stage that goes with a next step. `today` is the customer's local day."""
    match step:
        case Close():
            return step.stage
        case Escalate():
            return Stage.WITH_AGENT
        case Contact() | Wait():
            standing = account.standing(invoice_id)
            if account.open_cases(invoice_id=invoice_id):
                return Stage.WITH_AGENT
            if (
                isinstance(step, Wait)
                and step.held_back is not None
                and (account.active_holds(invoice_id=invoice_id, as_of=as_of) or standing.open_dispute)
            ):
                return Stage.ON_HOLD
            return Stage.REMINDING if standing.invoice.is_past_due(as_of=today) else Stage.NOT_DUE
        case _:
            assert_never(step)
