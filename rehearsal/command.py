"""Rehearse a policy over a ledger: what `baton rehearse` does, without the terminal around it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from channels.rendering import Renderer
from policy.reading_policy import default_policy_text, read_policy
from receivables.collection_policy import CollectionPolicy
from receivables.ledger_file.rows import Fault, LedgerFile, LedgerRow, ReadingOptions
from rehearsal.days import DAYS_AFTER, KEPT, OnProgress
from rehearsal.feeding import CannotRehearse, Story, read_ledger_file, tell_by_days
from rehearsal.output import write_report
from rehearsal.report import Report, make_report
from rehearsal.seen import Seen
from rehearsal.shares import run_story

__all__ = ["BadLedger", "CannotRehearse", "Prepared", "prepare", "rehearse", "rehearse_prepared"]

UNNECESSARY_WITHIN_DAYS = 3


class BadLedger(CannotRehearse):
    """The file has faults; nothing was run. `faults` has each with its row and column."""

    def __init__(self, file: Path, ledger: LedgerFile) -> None:
        shown = "\n".join(f"  {fault}" for fault in ledger.faults[:20])
        more = f"\n  … and {len(ledger.faults) - 20} more" if len(ledger.faults) > 20 else ""
        remedy = "put them right, or leave those rows out with --skip-bad" if ledger.can_skip_bad else "put them right"
        super().__init__(f"{file}: {len(ledger.faults)} faults; nothing was rehearsed: {remedy}\n{shown}{more}")
        self.file = file
        self.faults: tuple[Fault, ...] = ledger.faults
        self.can_skip_bad = ledger.can_skip_bad


@dataclass(frozen=True)
class Prepared:
    """A ledger and a policy that were read and checked; nothing has run yet."""

    name: str
    story: Story
    policy: CollectionPolicy
    policy_text: str
    notes: tuple[str, ...]
    templates: Path | None = None


async def rehearse(
    ledger: Path,
    *,
    policy: Path | None = None,
    options: ReadingOptions | None = None,
    skip_bad: bool = False,
    out: Path | None = None,
    templates: Path | None = None,
    unnecessary_within_days: int = UNNECESSARY_WITHIN_DAYS,
    on_progress: OnProgress | None = None,
    shares: int | None = None,
) -> Report:
    """Run `policy` (None: the built-in one) over the ledger on a test clock, and report; with `out`, write it there.

    `shares`: in how many processes it runs (None: one a processor, where the ledger is worth it).
    Refused before anything runs: CannotRehearse (BadLedger with each fault), `BadPolicy`, `BadTemplate`. The report
    says how often each promise was broken; that is never an exception.
    """
    prepared = prepare(ledger, policy=policy, options=options, skip_bad=skip_bad, templates=templates)
    if out is not None:
        _make_folder(out)
    report = await rehearse_prepared(
        prepared, unnecessary_within_days=unnecessary_within_days, on_progress=on_progress, shares=shares
    )
    if out is not None:
        write_report(report, out)
    return report


def prepare(
    ledger: Path,
    *,
    policy: Path | None = None,
    options: ReadingOptions | None = None,
    skip_bad: bool = False,
    templates: Path | None = None,
) -> Prepared:
    """Read and check everything that a rehearsal needs. Refuses as `rehearse` does."""
    text = _policy_text(policy)
    rules = read_policy(text, origin=str(policy) if policy is not None else "the built-in policy")
    renderer = Renderer(templates)
    renderer.check_templates()
    renderer.check_policy_templates(rules)
    options = options or ReadingOptions()
    if options.known_ladders is None:
        options = options.model_copy(update={"known_ladders": frozenset(rules.ladders)})
    file = read_ledger_file(ledger, options=options)
    notes = [*file.notes]
    if file.faults:
        if not (skip_bad and file.can_skip_bad):
            raise BadLedger(ledger, file)
        notes.append(f"{len(file.bad_rows)} rows with faults were left out.")
    return prepare_rows(file.rows, name=ledger.name, policy=rules, policy_text=text, notes=notes, templates=templates)


def prepare_rows(
    rows: Iterable[LedgerRow],
    *,
    name: str,
    policy: CollectionPolicy,
    policy_text: str,
    notes: Iterable[str] = (),
    templates: Path | None = None,
) -> Prepared:
    """As `prepare`, for rows that were read already."""
    story = tell_by_days(rows)
    return Prepared(
        name=name,
        story=story,
        policy=policy,
        policy_text=policy_text,
        notes=(*notes, *story.notes),
        templates=templates,
    )


async def rehearse_prepared(
    prepared: Prepared,
    *,
    unnecessary_within_days: int = UNNECESSARY_WITHIN_DAYS,
    on_progress: OnProgress | None = None,
    shares: int | None = None,
) -> Report:
    """Run what was prepared, check every promise over it, and count."""
    story = prepared.story
    ran, shift = await run_story(
        story,
        policy=prepared.policy,
        policy_text=prepared.policy_text,
        clock=datetime.now(UTC),  # an edge: the test server starts at this time, and is the clock from then on
        templates=prepared.templates,
        on_progress=on_progress,
        shares=shares,
    )
    seen = Seen(record=ran.record, rows=story.rows, policy=prepared.policy, shift=shift)
    notes = (
        *prepared.notes,
        f"All days were moved by {shift.by.days // 7} weeks inside, so public holidays are those of that year.",
        f"Each case stays {KEPT}. While it is open, nothing automated goes out about its invoices.",
        f"The run goes on {DAYS_AFTER} days after the ledger's last day, so that what is under way comes to its end.",
    )
    report = make_report(
        seen,
        ledger=prepared.name,
        first_on=story.first_on,
        last_on=story.last_on,
        notes=notes,
        unnecessary_within_days=unnecessary_within_days,
    )
    return report.model_copy(
        update={
            "wall_seconds": round(ran.cost.wall_seconds, 1),
            "cpu_seconds": round(ran.cost.own_cpu_seconds, 1),
            "server_cpu_seconds": round(ran.cost.server_cpu_seconds, 1),
        }
    )


def _policy_text(policy: Path | None) -> str:
    if policy is None:
        return default_policy_text()
    try:
        return policy.read_text(encoding="utf-8-sig")
    except OSError as fault:
        raise CannotRehearse(f"{policy} cannot be read ({fault.strerror or fault}); name a policy file") from fault
    except UnicodeDecodeError as fault:
        raise CannotRehearse(f"{policy} is not UTF-8 (byte {fault.start}); save it as UTF-8") from fault


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise CannotRehearse(f"{out} cannot be made ({fault.strerror}); name another folder for --out") from fault
