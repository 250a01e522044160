"""Checks of what left: each yields once for each thing it looks at, None where it is well."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from policy.contact_windows import is_open
from policy.ladder import level_step
from policy.situation import family_of
from receivables.disputes import Dispute
from receivables.escalations import CaseState
from receivables.messages import Message, MessageItem, MessageKind, MessageState, Tone
from rehearsal.seen import Seen, written_at


def never_twice(seen: Seen) -> Iterator[str | None]:
    keys: set[str] = set()
    ids: set[str] = set()
    for letter in seen.record.left:
        is_again = letter.key in keys or letter.message_id in ids
        yield f"{letter.key} left twice" if is_again else None
        keys.add(letter.key)
        ids.add(letter.message_id)
    steps: set[tuple[str, str, int]] = set()
    for message, item in seen.items():
        step = (item.invoice_id, item.step, item.cycle)
        yield f"{item.step} of {item.invoice_id} again in {message.key}" if step in steps else None
        steps.add(step)
    sent = {message.key for message in seen.record.messages if message.state is MessageState.SENT}
    for key in sorted(sent ^ keys):
        yield f"{key} left and is not marked sent" if key in keys else f"{key} is marked sent and never left"


def ladder_in_order(seen: Seen) -> Iterator[str | None]:
    reached: dict[tuple[str, int], int] = {}
    for message, item in seen.items():
        if item.level is None:
            continue
        chase = (item.invoice_id, item.cycle)
        expected = reached.get(chase, 0) + 1
        yield (
            None
            if item.level == expected
            else f"{item.invoice_id} got level {item.level} in {message.key} where level {expected} was next"
        )
        reached[chase] = item.level
    for case in seen.record.cases:
        if case.state is CaseState.DECIDED:
            yield None if case.decided_by else f"{case.case_id} was decided by nobody"
        elif case.state is CaseState.SETTLED:
            ended_at = case.decided_at
            owed = [
                invoice_id
                for invoice_id in case.invoice_ids
                if ended_at is None or not seen.is_little(seen.balance_at(invoice_id, ended_at))
            ]
            yield f"{case.case_id} ended while {', '.join(owed)} was owed" if owed else None


def judged_again(seen: Seen) -> Iterator[str | None]:
    for message, item in seen.items():
        yield _judged(seen, message, item)


def _judged(seen: Seen, message: Message, item: MessageItem) -> str | None:
    at = written_at(message)
    balance = seen.balance_at(item.invoice_id, at)
    said = f"{message.key} at {at} speaks of {item.invoice_id}"
    if message.kind is MessageKind.RECEIPT:
        return None if seen.is_little(balance) else f"{said} as paid, and {balance} was open"
    paid_at = seen.paid_at(seen.row_of[item.invoice_id])
    if seen.is_little(balance) or (paid_at is not None and paid_at <= at):
        return f"{said}, which was paid"
    contested = _contested(seen.disputes_of.get(item.invoice_id, []), at)
    if contested is not None and message.kind.is_notice is False:
        amount = contested.disputed_amount
        if amount is None or item.open_balance != balance - amount:
            return f"{said}, which was in dispute"
    elif contested is None and item.open_balance != balance:
        return f"{said} with {item.open_balance}, and {balance} was open"
    for since, case in seen.cases_of.get(item.invoice_id, []):
        if since < at and (case.decided_at is None or case.decided_at > at):
            return f"{said}, which was with a person ({case.case_id})"
    return None


def _contested(disputes: list[Dispute], at: datetime) -> Dispute | None:
    return next(
        (each for each in disputes if each.opened_at <= at and (each.closed_at is None or each.closed_at > at)), None
    )


def fresh_money(seen: Seen) -> Iterator[str | None]:
    fresh = seen.policy.fresh_money
    for message in seen.asking:
        age = seen.age_of_money(written_at(message))
        if age is None:
            yield f"{message.key} left before any payment feed was heard of" if fresh.required else None
        else:
            is_stale = age > timedelta(hours=fresh.older_than_hours)
            yield f"{message.key} left when the payment feed was {age} old" if is_stale else None


def within_the_budget(seen: Seen) -> Iterator[str | None]:
    contact = seen.policy.contact
    families: set[tuple[str, str, date]] = set()
    spent: dict[str, list[date]] = {}
    for message in seen.contacts:
        at, day = written_at(message), seen.local_day(message)
        customer = seen.customers[message.customer_id]
        faults: list[str] = []
        if not is_open(at=at, customer=customer, policy=seen.policy):
            faults.append("outside contact hours")
        family = (message.customer_id, family_of(message.kind), day)
        if family in families:
            faults.append("the second of its kind that day")
        families.add(family)
        if contact.notices_spend_it or not message.kind.is_notice:
            days = spent.setdefault(message.customer_id, [])
            if days and (day - days[-1]).days <= contact.days_between:
                faults.append(f"{(day - days[-1]).days} days after the contact before")
            if len(days) >= contact.most and (day - days[-contact.most]).days < contact.in_days:
                faults.append(f"more than {contact.most} in {contact.in_days} days")
            days.append(day)
        yield f"{message.key} at {at}: {', '.join(faults)}" if faults else None


def personal_only_means_none(seen: Seen) -> Iterator[str | None]:
    written_to: dict[str, list[str]] = {}
    for message in seen.contacts:
        written_to.setdefault(message.customer_id, []).append(message.key)
    for customer in seen.record.customers:
        if customer.personal_only:
            got = written_to.get(customer.customer_id, [])
            yield f"{customer.customer_id} is personal-only and got {', '.join(got)}" if got else None


def honest_automation(seen: Seen) -> Iterator[str | None]:
    for letter in seen.record.left:
        yield f"{letter.key}: {'; '.join(letter.lacks)}" if letter.lacks else None


def by_the_policy(seen: Seen) -> Iterator[str | None]:
    known: set[tuple[str, str, Tone]] = {("receipt", "receipt", Tone.FRIENDLY)}
    for ladder in seen.policy.ladders.values():
        known |= {(level_step(number), rule.template, rule.tone) for number, rule in enumerate(ladder.levels, start=1)}
        known |= {(notice.name, notice.template, Tone.FRIENDLY) for notice in ladder.notices}
    for message in seen.contacts:
        is_known = (message.step, message.template, message.tone) in known
        wording = f"{message.step} by {message.template}, {message.tone}"
        yield None if is_known else f"{message.key}: {wording} stands in no ladder of the policy"
    for invoice in seen.record.invoices:
        runs_by = invoice.policy_version
        yield None if runs_by == seen.policy.version else f"{invoice.invoice_id} runs by policy {runs_by or 'none'}"
