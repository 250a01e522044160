"""A finished run, with the indexes that the checks share. Instants and dates are the rehearsal's."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from policy.time_zones import local_date
from receivables.collection_policy import CollectionPolicy
from receivables.customer import Customer
from receivables.disputes import Dispute
from receivables.escalations import Case
from receivables.ledger import LedgerEntry
from receivables.ledger_file.rows import LedgerRow
from receivables.messages import Message, MessageItem
from receivables.money import Money, limit_for
from rehearsal.feeding import MORNING, Shift
from rehearsal.record import InvoiceAtTheEnd, Record


@dataclass(frozen=True)
class Seen:
    record: Record
    rows: tuple[LedgerRow, ...]
    policy: CollectionPolicy
    shift: Shift

    @cached_property
    def customers(self) -> dict[str, Customer]:
        return {customer.customer_id: customer for customer in self.record.customers}

    @cached_property
    def invoices(self) -> dict[str, InvoiceAtTheEnd]:
        return {invoice.invoice_id: invoice for invoice in self.record.invoices}

    @cached_property
    def row_of(self) -> dict[str, LedgerRow]:
        return {row.invoice_id: row for row in self.rows}

    @cached_property
    def entries_of(self) -> dict[str, list[LedgerEntry]]:
        found: dict[str, list[LedgerEntry]] = {}
        for entry in self.record.entries:
            if entry.invoice_id is not None:
                found.setdefault(entry.invoice_id, []).append(entry)
        return found

    @cached_property
    def disputes_of(self) -> dict[str, list[Dispute]]:
        found: dict[str, list[Dispute]] = {}
        for dispute in self.record.disputes:
            found.setdefault(dispute.invoice_id, []).append(dispute)
        return found

    @cached_property
    def cases_of(self) -> dict[str, list[tuple[datetime, Case]]]:
        """Each invoice's cases, with the instant from which it was in them."""
        joined = {(each.case_id, each.invoice_id): each.at for each in self.record.joined}
        found: dict[str, list[tuple[datetime, Case]]] = {}
        for case in self.record.cases:
            for invoice_id in case.invoice_ids:
                since = joined.get((case.case_id, invoice_id), case.wanted_at)
                found.setdefault(invoice_id, []).append((since, case))
        return found

    @cached_property
    def contacts(self) -> tuple[Message, ...]:
        """Messages that customers have, or may have, received, oldest first."""
        return tuple(
            sorted(
                (message for message in self.record.messages if message.state.counts_as_contact),
                key=lambda message: (written_at(message), message.key),
            )
        )

    @cached_property
    def asking(self) -> tuple[Message, ...]:
        """Those among them that ask for money: reminders and final notices."""
        return tuple(message for message in self.contacts if not message.kind.is_notice)

    def items(self) -> Iterator[tuple[Message, MessageItem]]:
        for message in self.contacts:
            for item in message.items:
                yield message, item

    def balance_at(self, invoice_id: str, moment: datetime) -> Money:
        """What our ledger had as open then: billed, and the entries recorded until then."""
        balance = self.invoices[invoice_id].amount
        for entry in self.entries_of.get(invoice_id, ()):
            if entry.recorded_at <= moment:
                balance = balance + entry.amount
        return balance

    def is_little(self, balance: Money) -> bool:
        """Whether the policy takes it for nothing."""
        limit = limit_for(self.policy.tolerance, balance.currency)
        return balance.minor <= (limit.minor if limit is not None else 0)

    def paid_at(self, row: LedgerRow) -> datetime | None:
        """When the ledger's own money came in, by the file alone."""
        if row.settled_on is None:
            return None
        return datetime.combine(self.shift.into(max(row.settled_on, row.issued_on)), MORNING, UTC)

    def local_day(self, message: Message) -> date:
        customer = self.customers[message.customer_id]
        return local_date(customer=customer, policy=self.policy, as_of=written_at(message))

    @cached_property
    def _fed_at(self) -> list[datetime]:
        return [feed.at for feed in self.record.feeds]

    def age_of_money(self, moment: datetime) -> timedelta | None:
        """How old the last word of the payment feed was; None where it never said one."""
        place = bisect_right(self._fed_at, moment)
        return moment - self.record.feeds[place - 1].complete_until_at if place else None


def written_at(message: Message) -> datetime:
    return message.sent_at or message.reserved_at
