"""The account: all that policy looks at when it judges one customer. Read from the store in one transaction."""

from datetime import date, datetime

from receivables.customer import Customer
from receivables.disputes import Dispute, DisputeState
from receivables.escalations import Case
from receivables.frozen import Frozen
from receivables.holds import Hold
from receivables.invoice import Invoice
from receivables.ledger import PaymentFeed
from receivables.messages import Message, MessageItem
from receivables.money import Money
from receivables.promises import PromiseState, PromiseToPay


class PaymentHistory(Frozen):
    """How this customer has paid so far. Amounts are of the last 365 days, by currency; counts are of all time."""

    first_issued_on: date | None = None
    invoiced_last_year: tuple[Money, ...] = ()
    settled_count: int = 0
    settled_late_count: int = 0
    """Of those settled, how many after their due day."""
    last_trouble_on: date | None = None
    """The last chargeback, broken promise or complaint."""
    last_trouble: str = ""

    @property
    def late_ratio(self) -> float:
        """Settled late ÷ settled, 0 where nothing has been settled."""
        return self.settled_late_count / self.settled_count if self.settled_count else 0.0


class Standing(Frozen):
    """One invoice as it stands: terms, what is open, what was received, and what was said about it."""

    invoice: Invoice
    open_balance: Money
    received: Money
    """Payments and credit notes so far, as a positive amount."""
    last_payment_on: date | None = None
    disputes: tuple[Dispute, ...] = ()
    promises: tuple[PromiseToPay, ...] = ()
    steps_taken: tuple["StepTaken", ...] = ()
    """Steps of its chase that a message was reserved for, all cycles, oldest first."""

    @property
    def open_dispute(self) -> Dispute | None:
        return next((dispute for dispute in self.disputes if dispute.state is DisputeState.OPEN), None)

    @property
    def open_promise(self) -> PromiseToPay | None:
        """The open promise that ends last."""
        still_open = [promise for promise in self.promises if promise.state is PromiseState.OPEN]
        return max(still_open, key=lambda promise: promise.promised_on, default=None)

    def steps_of_this_cycle(self) -> tuple["StepTaken", ...]:
        return tuple(step for step in self.steps_taken if step.item.cycle == self.invoice.cycle)


class StepTaken(Frozen):
    """A message item together with the message's fate: what `Message.state` says of a level that it used."""

    item: MessageItem
    message: Message

    @property
    def counts(self) -> bool:
        return self.message.state.counts_as_contact

    @property
    def at(self) -> datetime:
        return self.message.sent_at or self.message.reserved_at


Standing.model_rebuild()


class Account(Frozen):
    """One customer with everything open. `standings` holds the invoices that are not final, and the one asked for."""

    customer: Customer
    standings: tuple[Standing, ...]
    unapplied: tuple[Money, ...] = ()
    """Money of this customer that lies on no invoice, one amount a currency, positive."""
    messages: tuple[Message, ...] = ()
    """Messages of the last 60 days, and all that are reserved, deferred or in doubt, oldest first."""
    contacts_by_people: tuple[datetime, ...] = ()
    """When people wrote to or spoke with the customer: they spend the same contact budget."""
    holds: tuple[Hold, ...] = ()
    """Holds that have not been released."""
    cases: tuple[Case, ...] = ()
    """Open and wanted cases, and the cases ended in the last 400 days."""
    history: PaymentHistory = PaymentHistory()
    feed: PaymentFeed | None = None
    """The stalest of the payment feeds, None where none was ever heard of."""

    def standing(self, invoice_id: str) -> Standing:
        """Raises KeyError where the invoice is not on this account."""
        for standing in self.standings:
            if standing.invoice.invoice_id == invoice_id:
                return standing
        raise KeyError(invoice_id)

    def active_holds(self, *, invoice_id: str, as_of: datetime) -> tuple[Hold, ...]:
        return tuple(hold for hold in self.holds if hold.is_active(as_of=as_of) and hold.covers(invoice_id=invoice_id))

    def open_cases(self, *, invoice_id: str) -> tuple[Case, ...]:
        return tuple(case for case in self.cases if case.state.is_open and invoice_id in case.invoice_ids)

    def without_message(self, key: str) -> "Account":
        """The account as it would be had this message never been written."""
        return self.model_copy(
            update={
                "messages": tuple(message for message in self.messages if message.key != key),
                "standings": tuple(
                    standing.model_copy(
                        update={"steps_taken": tuple(step for step in standing.steps_taken if step.message.key != key)}
                    )
                    for standing in self.standings
                ),
            }
        )
