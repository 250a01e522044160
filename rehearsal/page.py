"""One self-contained HTML page: no script, nothing loaded from elsewhere; every chart has its table beside it."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape

from rehearsal.report import MonthEnd, Report
from rehearsal.tables import Table

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --open: #2a6f97; --overdue: #b23a48; --bar: #2a6f97; }
@media (prefers-color-scheme: dark) { :root { --open: #7cc4ee; --overdue: #ff9aa5; --bar: #7cc4ee; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70rem; padding: 1.5rem; }
table { border-collapse: collapse; margin: .5rem 0 2rem; }
caption { text-align: left; font-size: 1.2rem; font-weight: 600; padding: .5rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .7rem; text-align: left; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.bad { color: #b00020; font-weight: 700; } .wide { overflow-x: auto; } .note { font-size: .9rem; }
@media (prefers-color-scheme: dark) { .bad { color: #ff9aa5; } }
svg { max-width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: currentColor; }
"""
_WIDE, _HIGH, _LEFT, _FOOT = 720, 240, 80, 30


def page_of(report: Report, tables: Sequence[Table], summary: str) -> str:
    """The whole report as a page that can be mailed or kept."""
    verdict = "0 promises broken" if not report.broken else f"{report.broken} promises broken"
    css_class = ' class="bad"' if report.broken or not report.agrees else ""
    charts = {"month_ends": _balances(report), "contacts": _contacts(report)}
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Rehearsal of {escape(report.ledger)}</title><style>{_STYLE}</style></head><body>",
        f"<main><h1>Rehearsal of {escape(report.ledger)}</h1>",
        f"<p{css_class}><strong>{verdict}</strong></p>",
        *(f"<p>{escape(line)}</p>" for line in summary.splitlines()),
        *_notes(report),
    ]
    for table in tables:
        parts.append(charts.get(table.name, ""))
        parts.append(_table(table))
    parts.append("</main></body></html>")
    return "\n".join(part for part in parts if part) + "\n"


def _notes(report: Report) -> Iterable[str]:
    yield "<h2>What to know</h2><ul>"
    yield from (f"<li>{escape(note)}</li>" for note in report.notes)
    yield "</ul>"
    examples = [(promise, words) for promise in report.promises for words in promise.examples]
    if examples:
        yield '<h2>What was broken</h2><ul class="bad">'
        yield from (f"<li>{promise.number} {escape(promise.name)}: {escape(words)}</li>" for promise, words in examples)
        yield "</ul>"


def _table(table: Table) -> str:
    if not table.rows:
        return f"<h2>{escape(table.title)}</h2><p>None.</p>"
    marks = ['class="n" ' if place in table.numbers else "" for place in range(len(table.columns))]
    heads = "".join(
        f'<th {mark}scope="col">{escape(name)}</th>' for mark, name in zip(marks, table.columns, strict=True)
    )
    rows = "\n".join(
        "<tr>" + "".join(f"<td {mark}>{escape(cell)}</td>" for mark, cell in zip(marks, row, strict=True)) + "</tr>"
        for row in table.rows
    )
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<div class="wide"><table><caption>{escape(table.title)}</caption><thead><tr>{heads}</tr></thead>'
        f"<tbody>\n{rows}\n</tbody></table></div>{note}"
    )


def _balances(report: Report) -> str:
    """Open and overdue amounts over the months, one chart a currency."""
    return "\n".join(
        _balance_chart(currency, [each for each in report.month_ends if each.currency == currency])
        for currency in sorted({each.currency for each in report.month_ends})
    )


def _balance_chart(currency: str, ends: Sequence[MonthEnd]) -> str:
    if len(ends) < 2:
        return ""
    most = max((each.open_amount.amount for each in ends), default=Decimal(0)) or Decimal(1)
    step = (_WIDE - _LEFT) / (len(ends) - 1)

    def line(amounts: Iterable[Decimal], colour: str, dash: str) -> str:
        points = " ".join(f"{_LEFT + place * step:.1f},{_y(amount, most):.1f}" for place, amount in enumerate(amounts))
        return f'<polyline points="{points}" fill="none" stroke="var(--{colour})" stroke-width="2" {dash}/>'

    title = f"Open and overdue amount in {currency} at each month's end"
    described = f"Solid: open, at most {most:,}. Dashed: overdue. The figures are in the table below."
    return _chart(
        f"balances-{currency}",
        title,
        described,
        line((each.open_amount.amount for each in ends), "open", "")
        + line((each.overdue_amount.amount for each in ends), "overdue", 'stroke-dasharray="6 4"')
        + f'<text x="{_LEFT - 6}" y="12" text-anchor="end">{most:,}</text>'
        + f'<text x="{_LEFT}" y="{_HIGH - 8}">{ends[0].as_of}</text>'
        + f'<text x="{_WIDE}" y="{_HIGH - 8}" text-anchor="end">{ends[-1].as_of}</text>',
    )


def _contacts(report: Report) -> str:
    months = report.contacts
    if not months:
        return ""
    most = max(each.reminders + each.notices for each in months) or 1
    step = (_WIDE - _LEFT) / len(months)
    bars: list[str] = []
    for place, each in enumerate(months):
        x, width = _LEFT + place * step, max(1.0, step * 0.8)
        whole, top = each.reminders + each.notices, _y(Decimal(each.reminders), Decimal(most))
        notices_top = _y(Decimal(whole), Decimal(most))
        bars.append(
            f'<rect x="{x:.1f}" y="{notices_top:.1f}" width="{width:.1f}" height="{top - notices_top:.1f}" '
            f'fill="var(--bar)" fill-opacity=".35"/><rect x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" '
            f'height="{_HIGH - _FOOT - top:.1f}" fill="var(--overdue)"/>'
        )
    described = f"Dark: reminders; light: notices; at most {most:,} in a month. The figures are in the table below."
    return _chart(
        "contacts",
        "Letters by month",
        described,
        "".join(bars)
        + f'<text x="{_LEFT - 6}" y="12" text-anchor="end">{most:,}</text>'
        + f'<text x="{_LEFT}" y="{_HIGH - 8}">{months[0].month}</text>'
        + f'<text x="{_WIDE}" y="{_HIGH - 8}" text-anchor="end">{months[-1].month}</text>',
    )


def _y(amount: Decimal, most: Decimal) -> float:
    return float((_HIGH - _FOOT) * (1 - amount / most))


def _chart(name: str, title: str, described: str, content: str) -> str:
    return (
        f'<figure><svg viewBox="0 0 {_WIDE + 4} {_HIGH}" role="img" aria-labelledby="{name}-title {name}-words">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-words">{escape(described)}</desc>'
        f'<line x1="{_LEFT}" y1="{_HIGH - _FOOT}" x2="{_WIDE}" y2="{_HIGH - _FOOT}" stroke="var(--line)"/>'
        f"{content}</svg><figcaption>{escape(title)}. {escape(described)}</figcaption></figure>"
    )
