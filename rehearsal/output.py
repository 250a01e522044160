"""The report where people read it: tables in the terminal; with `--out`, one HTML page, CSV files and JSON."""

import csv
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from rehearsal.page import page_of
from rehearsal.report import Report
from rehearsal.tables import Table, tables_of

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def show_report(report: Report, console: Console) -> None:
    """Print the report's tables, and last what matters most."""
    for note in report.notes:
        console.print(Text(f"note  {note}", style="dim"))
    for table in reversed(tables_of(report)):
        if table.in_terminal and table.rows:
            console.print(_in_terminal(table))
    for promise in report.promises:
        for words in promise.examples:
            console.print(Text(f"broken {promise.number} ({promise.name}): {words}", style="red"))
    style = "green" if report.broken == 0 and report.agrees else "bold red"
    console.print(Text(summary_of(report), style=style))


def summary_of(report: Report) -> str:
    """The whole report in two lines."""
    figures = "agree with the ledger's own" if report.agrees else "DO NOT AGREE with the ledger's own"
    return (
        f"{report.invoices:,} invoices of {report.customers:,} customers, {report.first_on} to {report.last_on}, "
        f"under policy {report.policy_name} ({report.policy_version}): {report.letters:,} letters, "
        f"{sum(each.cases for each in report.cases):,} cases, {report.broken:,} promises broken; figures {figures}.\n"
        f"It took {report.wall_seconds:,.1f} s ({report.invoices_a_second:.1f} invoices a second; CPU: "
        f"{report.cpu_seconds:,.1f} s worker, {report.server_cpu_seconds:,.1f} s test server)."
    )


def write_report(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write report.html, report.json and a CSV file for each table into the folder; gives what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = tables_of(report)
    page = folder / "report.html"
    page.write_text(page_of(report, tables, summary_of(report)), encoding="utf-8")
    data = folder / "report.json"
    data.write_text(json.dumps(_as_json(report), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return (page, data, *(_write_csv(table, folder) for table in tables))


def _as_json(report: Report) -> dict[str, object]:
    return {
        **report.model_dump(mode="json"),
        "promises_broken": report.broken,
        "figures_agree": report.agrees,
        "invoices_a_second": round(report.invoices_a_second, 2),
    }


def _write_csv(table: Table, folder: Path) -> Path:
    file = folder / f"{table.name}.csv"
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(table.columns)
        for row in table.rows:
            writer.writerow(
                cell.replace(",", "") if place in table.numbers else _inert(cell) for place, cell in enumerate(row)
            )
    return file


def _inert(cell: str) -> str:
    """A spreadsheet takes a cell that begins like a formula for one; customers' ids are not ours to choose."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def _in_terminal(table: Table) -> RichTable:
    shown = RichTable(title=table.title, title_justify="left", caption=table.note or None, caption_justify="left")
    for place, column in enumerate(table.columns):
        shown.add_column(column, justify="right" if place in table.numbers else "left", overflow="fold")
    for row in table.rows:
        shown.add_row(*(Text(cell) for cell in row))
    return shown
