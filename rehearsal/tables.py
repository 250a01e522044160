"""The report as tables: the same ones in the terminal, on the page and as CSV files."""

from collections.abc import Sequence
from dataclasses import dataclass

from rehearsal.report import Report


@dataclass(frozen=True)
class Table:
    """`name` is the CSV file's; `numbers`: the columns that hold numbers, counted from 0."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numbers: tuple[int, ...] = ()
    note: str = ""
    in_terminal: bool = True


def tables_of(report: Report) -> tuple[Table, ...]:
    """All tables, the most important first."""
    return (
        _promises(report),
        _month_ends(report),
        _messages(report),
        _contacts(report),
        _unnecessary(report),
        _held_back(report),
        _cases(report),
        _by_customer(report),
    )


def _promises(report: Report) -> Table:
    return Table(
        name="promises",
        title="Promises over the whole run",
        columns=("no", "promise", "looked at", "checked", "broken"),
        numbers=(0, 3, 4),
        rows=[
            (
                str(each.number),
                each.name,
                each.looked_at,
                f"{each.checked:,}" if each.is_rehearsed else "",
                f"{each.broken:,}" if each.is_rehearsed else "not rehearsed",
            )
            for each in report.promises
        ],
    )


def _month_ends(report: Report) -> Table:
    return Table(
        name="month_ends",
        title="Open and overdue at each month's end",
        columns=("as of", "currency", "open", "open amount", "overdue", "overdue amount", "DSO-90", "ledger agrees"),
        numbers=(2, 3, 4, 5, 6),
        note=f"DSO-90 is {report.dso_method}. By the run's own books, compared with the ledger file's own figures.",
        rows=[
            (
                each.as_of.isoformat(),
                each.currency,
                f"{each.open_count:,}",
                f"{each.open_amount.amount:,}",
                f"{each.overdue_count:,}",
                f"{each.overdue_amount.amount:,}",
                str(each.dso_90) if each.dso_90 is not None else "",
                "yes" if each.agrees else "NO",
            )
            for each in report.month_ends
        ],
    )


def _messages(report: Report) -> Table:
    return Table(
        name="messages",
        title="Letters by step and segment",
        columns=("kind", "step", "segment", "letters", "invoices in them"),
        numbers=(3, 4),
        rows=[
            (_words(each.kind), each.step, each.segment, f"{each.letters:,}", f"{each.invoices:,}")
            for each in report.messages
        ],
    )


def _contacts(report: Report) -> Table:
    return Table(
        name="contacts",
        title="Contacts by month",
        columns=("month", "customers written to", "reminders", "notices", "most for one customer"),
        numbers=(1, 2, 3, 4),
        note="Notices ask for nothing: delivery, due soon, receipt. Each customer's months: contacts_by_customer.csv.",
        rows=[
            (
                each.month,
                f"{each.customers:,}",
                f"{each.reminders:,}",
                f"{each.notices:,}",
                f"{each.most_for_one_customer:,}",
            )
            for each in report.contacts
        ],
    )


def _unnecessary(report: Report) -> Table:
    days = report.unnecessary_within_days
    return Table(
        name="unnecessary",
        title=f"Reminders that a payment made unnecessary within {days} days",
        columns=("step", "letters", "unnecessary", "share"),
        numbers=(1, 2, 3),
        note=f"All that the letter asked for was paid in the {days} days after it: the money was on its way already.",
        rows=[
            (each.step, f"{each.letters:,}", f"{each.unnecessary:,}", f"{each.unnecessary / each.letters:.1%}")
            for each in report.unnecessary
        ],
    )


def _held_back(report: Report) -> Table:
    return Table(
        name="held_back",
        title="Held back, by reason",
        columns=("rule", "times", "invoices", "for example"),
        numbers=(1, 2),
        rows=[(_words(each.rule), f"{each.times:,}", f"{each.invoices:,}", each.example) for each in report.held_back],
    )


def _cases(report: Report) -> Table:
    return Table(
        name="cases",
        title="Cases opened, by trigger",
        columns=("trigger", "cases", "invoices", "open at the end"),
        numbers=(1, 2, 3),
        rows=[
            (_words(each.trigger), f"{each.cases:,}", f"{each.invoices:,}", f"{each.open_at_the_end:,}")
            for each in report.cases
        ],
    )


def _by_customer(report: Report) -> Table:
    return Table(
        name="contacts_by_customer",
        title="Contacts by customer and month",
        columns=("customer", "month", "reminders", "notices"),
        numbers=(2, 3),
        in_terminal=False,
        rows=[
            (each.customer_id, each.month, str(each.reminders), str(each.notices))
            for each in report.contacts_by_customer
        ],
    )


def _words(name: str) -> str:
    return name.replace("_", " ")
