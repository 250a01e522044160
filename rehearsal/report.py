"""What a rehearsal says: figures of what the policy would have done, in the ledger's own dates."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal

from receivables.frozen import Frozen
from receivables.ledger_file.figures import DSO_DAYS, DSO_METHOD, days_sales_outstanding, figures_at
from receivables.messages import Message
from receivables.money import Money
from rehearsal.feeding import Shift
from rehearsal.ledger_dates import in_ledger_dates
from rehearsal.seen import Seen, written_at
from rehearsal.watching import Watched, watch


class MessageCount(Frozen):
    """Letters of one step to one segment. `invoices`: of which they spoke, counted each time."""

    kind: str
    step: str
    segment: str
    letters: int
    invoices: int


class MonthOfContacts(Frozen):
    """What customers received in a month. `reminders` ask for money, `notices` do not."""

    month: str
    customers: int
    reminders: int
    notices: int
    most_for_one_customer: int
    """The most letters of both kinds that one customer received."""


class CustomerMonth(Frozen):
    customer_id: str
    month: str
    reminders: int
    notices: int


class Unnecessary(Frozen):
    """Reminders after which all that they asked for was paid within a few days: the money was on its way already."""

    step: str
    letters: int
    unnecessary: int


class HeldBack(Frozen):
    """Steps that a rule held back; each invoice, rule and wording counts once."""

    rule: str
    times: int
    invoices: int
    example: str


class CasesOpened(Frozen):
    trigger: str
    cases: int
    invoices: int
    open_at_the_end: int


class PromiseCount(Frozen):
    number: int
    name: str
    looked_at: str
    is_rehearsed: bool
    checked: int
    broken: int
    examples: tuple[str, ...] = ()


class MonthEnd(Frozen):
    """What was open at the end of a day by the run's own books; `agrees`: the ledger file says the same."""

    as_of: date
    currency: str
    open_count: int
    open_amount: Money
    overdue_count: int
    overdue_amount: Money
    dso_90: Decimal | None
    agrees: bool


class Report(Frozen):
    """All figures of one rehearsal. Dates are the ledger's."""

    ledger: str
    policy_name: str
    policy_version: str
    invoices: int
    customers: int
    first_on: date
    last_on: date
    notes: tuple[str, ...]
    letters: int
    messages: tuple[MessageCount, ...]
    contacts: tuple[MonthOfContacts, ...]
    contacts_by_customer: tuple[CustomerMonth, ...]
    unnecessary_within_days: int
    unnecessary: tuple[Unnecessary, ...]
    held_back: tuple[HeldBack, ...]
    cases: tuple[CasesOpened, ...]
    promises: tuple[PromiseCount, ...]
    month_ends: tuple[MonthEnd, ...]
    dso_method: str = DSO_METHOD
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    server_cpu_seconds: float = 0.0

    @property
    def broken(self) -> int:
        """How many times a promise was broken."""
        return sum(promise.broken for promise in self.promises)

    @property
    def agrees(self) -> bool:
        """Whether every figure of the run's books is the ledger's own."""
        return all(each.agrees for each in self.month_ends)

    @property
    def invoices_a_second(self) -> float:
        return self.invoices / self.wall_seconds if self.wall_seconds else 0.0


EXAMPLES = 20


def make_report(
    seen: Seen, *, ledger: str, first_on: date, last_on: date, notes: Iterable[str], unnecessary_within_days: int
) -> Report:
    """Count everything once the run is over."""
    by_customer = tuple(_by_customer(seen))
    return Report(
        ledger=ledger,
        policy_name=seen.policy.name,
        policy_version=seen.policy.version,
        invoices=len(seen.record.invoices),
        customers=len(seen.record.customers),
        first_on=first_on,
        last_on=last_on,
        notes=tuple(notes),
        letters=len(seen.record.left),
        messages=tuple(_messages(seen)),
        contacts=tuple(_by_month(by_customer)),
        contacts_by_customer=by_customer,
        unnecessary_within_days=unnecessary_within_days,
        unnecessary=tuple(_unnecessary(seen, within=timedelta(days=unnecessary_within_days))),
        held_back=tuple(_held_back(seen)),
        cases=tuple(_cases(seen)),
        promises=tuple(_promise(each, seen.shift) for each in watch(seen)),
        month_ends=tuple(_month_ends(seen, first_on=first_on, last_on=last_on)),
    )


def _messages(seen: Seen) -> Iterator[MessageCount]:
    letters: Counter[tuple[str, str, str]] = Counter()
    invoices: Counter[tuple[str, str, str]] = Counter()
    for message in seen.contacts:
        place = (message.kind.value, message.step, message.segment or "none")
        letters[place] += 1
        invoices[place] += len(message.items)
    for place in sorted(letters, key=lambda place: (place[0] != "delivery_notice", place)):
        kind, step, segment = place
        yield MessageCount(kind=kind, step=step, segment=segment, letters=letters[place], invoices=invoices[place])


def _by_customer(seen: Seen) -> Iterator[CustomerMonth]:
    counts: dict[tuple[str, str], list[int]] = {}
    for message in seen.contacts:
        month = f"{seen.shift.back(seen.local_day(message)):%Y-%m}"
        counts.setdefault((message.customer_id, month), [0, 0])[message.kind.is_notice] += 1
    for (customer_id, month), (reminders, notices) in sorted(counts.items()):
        yield CustomerMonth(customer_id=customer_id, month=month, reminders=reminders, notices=notices)


def _by_month(counts: Iterable[CustomerMonth]) -> Iterator[MonthOfContacts]:
    months: dict[str, list[CustomerMonth]] = {}
    for each in counts:
        months.setdefault(each.month, []).append(each)
    for month, own in sorted(months.items()):
        yield MonthOfContacts(
            month=month,
            customers=len(own),
            reminders=sum(each.reminders for each in own),
            notices=sum(each.notices for each in own),
            most_for_one_customer=max(each.reminders + each.notices for each in own),
        )


def _unnecessary(seen: Seen, *, within: timedelta) -> Iterator[Unnecessary]:
    letters: Counter[str] = Counter()
    crossed: Counter[str] = Counter()
    for message in seen.asking:
        letters[message.step] += 1
        crossed[message.step] += _was_paid_soon(seen, message, within)
    for step in sorted(letters):
        yield Unnecessary(step=step, letters=letters[step], unnecessary=crossed[step])


def _was_paid_soon(seen: Seen, message: Message, within: timedelta) -> bool:
    """Whether all that it asked for was paid on the days after it."""
    end = written_at(message) + within
    return all(seen.is_little(seen.balance_at(item.invoice_id, end)) for item in message.items)


def _held_back(seen: Seen) -> Iterator[HeldBack]:
    by_rule: dict[str, list[tuple[str, str]]] = {}
    for line in seen.record.lines:
        if line.kind == "held_back":
            by_rule.setdefault(line.rule or "no rule", []).append((line.invoice_id or "", line.words))
    for rule, lines in sorted(by_rule.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        yield HeldBack(
            rule=rule,
            times=len(lines),
            invoices=len({invoice_id for invoice_id, _ in lines}),
            example=in_ledger_dates(lines[0][1], shift=seen.shift),
        )


def _cases(seen: Seen) -> Iterator[CasesOpened]:
    for trigger in sorted({case.trigger for case in seen.record.cases}):
        own = [case for case in seen.record.cases if case.trigger is trigger]
        yield CasesOpened(
            trigger=trigger.value,
            cases=len(own),
            invoices=len({invoice_id for case in own for invoice_id in case.invoice_ids}),
            open_at_the_end=sum(case.state.is_open for case in own),
        )


def _promise(watched: Watched, shift: Shift) -> PromiseCount:
    return PromiseCount(
        number=watched.number,
        name=watched.name,
        looked_at=watched.looked_at,
        is_rehearsed=watched.is_rehearsed,
        checked=watched.checked,
        broken=len(watched.broken),
        examples=tuple(in_ledger_dates(words, shift=shift) for words in watched.broken[:EXAMPLES]),
    )


def _month_ends(seen: Seen, *, first_on: date, last_on: date) -> Iterator[MonthEnd]:
    currencies = sorted({invoice.amount.currency for invoice in seen.record.invoices})
    for as_of in month_ends(first_on, last_on):
        by_the_file = figures_at(rows=seen.rows, as_of=as_of)
        for currency in currencies:
            own = _figures(seen, as_of=as_of, currency=currency)
            theirs = by_the_file.of(currency)
            agrees = theirs is not None and own == (
                theirs.open_count,
                theirs.open_amount,
                theirs.overdue_count,
                theirs.overdue_amount,
                theirs.dso_90,
            )
            open_count, open_amount, overdue_count, overdue_amount, dso_90 = own
            yield MonthEnd(
                as_of=as_of,
                currency=currency,
                open_count=open_count,
                open_amount=open_amount,
                overdue_count=overdue_count,
                overdue_amount=overdue_amount,
                dso_90=dso_90,
                agrees=agrees,
            )


def _figures(seen: Seen, *, as_of: date, currency: str) -> tuple[int, Money, int, Money, Decimal | None]:
    """Open, overdue and DSO at the end of a ledger's day, by the run's invoices and entries alone."""
    day = seen.shift.into(as_of)
    open_count = open_minor = overdue_count = overdue_minor = invoiced = 0
    for invoice in seen.record.invoices:
        if invoice.amount.currency != currency or invoice.issued_on > day:
            continue
        if invoice.issued_on > day - timedelta(days=DSO_DAYS):
            invoiced += invoice.amount.minor
        minor = invoice.amount.minor + sum(
            entry.amount.minor for entry in seen.entries_of.get(invoice.invoice_id, ()) if entry.booked_on <= day
        )
        if minor:
            open_count += 1
            open_minor += minor
            if invoice.due_on < day:
                overdue_count += 1
                overdue_minor += minor
    dso = days_sales_outstanding(open_minor=open_minor, invoiced_minor=invoiced, days=DSO_DAYS)
    open_amount, overdue_amount = (Money(minor=minor, currency=currency) for minor in (open_minor, overdue_minor))
    return open_count, open_amount, overdue_count, overdue_amount, dso


def month_ends(first_on: date, last_on: date) -> Iterator[date]:
    """The last day of each month that ended within the ledger, and the ledger's own last day."""
    day = first_on
    while True:
        year, month = (day.year, day.month + 1) if day.month < 12 else (day.year + 1, 1)
        end = date(year, month, 1) - timedelta(days=1)
        if end >= last_on:
            break
        yield end
        day = end + timedelta(days=1)
    yield last_on
