"""One contact budget per customer: over all invoices, channels, machine and people, counted in their local days."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from policy.contact_windows import start_of
from policy.rules import Rules
from policy.time_zones import local_date, zone_of
from receivables.account import Account
from receivables.collection_policy import ContactRules


def earliest_contact(*, account: Account, rules: Rules, as_of: datetime) -> datetime:
    """The first instant, `as_of` or later, at which the budget allows another message; contact hours are not looked at.

    Counted are the messages that the customer has or may have received (notices only where the policy says so), and
    what people wrote and said.
    """
    days = contact_days(account=account, rules=rules)
    if not days:
        return as_of
    today = local_date(customer=account.customer, policy=rules.current, as_of=as_of)
    day = earliest_day(from_on=today, contact_days=days, contact=rules.current.contact)
    return as_of if day == today else start_of(day=day, customer=account.customer, policy=rules.current)


def contact_days(*, account: Account, rules: Rules) -> list[date]:
    """The customer's local day of each contact that spends the budget, in order."""
    zone = zone_of(customer=account.customer, policy=rules.current)
    notices_count = rules.current.contact.notices_spend_it
    moments = [
        message.sent_at or message.reserved_at
        for message in account.messages
        if message.state.counts_as_contact and (notices_count or not message.kind.is_notice)
    ]
    return sorted(moment.astimezone(zone).date() for moment in (*moments, *account.contacts_by_people))


def earliest_day(*, from_on: date, contact_days: Sequence[date], contact: ContactRules) -> date:
    """The first day, `from_on` or later, with room for one more contact beside those of `contact_days` (in order)."""
    day = from_on
    if contact_days:
        day = max(day, contact_days[-1] + timedelta(days=contact.days_between + 1))
    while True:
        first = bisect_left(contact_days, day - timedelta(days=contact.in_days - 1))
        in_window = contact_days[first : bisect_right(contact_days, day)]
        if len(in_window) < contact.most:
            return day
        day = in_window[len(in_window) - contact.most] + timedelta(days=contact.in_days)
