"""A ledger in shares, one a processor: customers never meet, so each share is a rehearsal of its own customers.

Each share has its own test server, store and worker in a process of its own; the shares' records together are the run.
One Python process keeps one processor busy, and the test server's own cost grows faster than its history.
"""

import asyncio
import json
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from receivables.collection_policy import CollectionPolicy
from rehearsal.days import OnProgress, Progress, Stuck
from rehearsal.feeding import Day, Shift, Story
from rehearsal.record import Record
from rehearsal.running import Cost, Rehearsal, run_in_this_process
from runtime.tied_to_parent import tied

ROWS_WORTH_A_SHARE = 300
MOST_SHARES = 8


class ShareFailed(RuntimeError):
    """A process that ran a share ended with a fault; the words are the last that it said."""


@dataclass(frozen=True)
class Job:
    """What a process needs to run its share."""

    story: Story
    policy: CollectionPolicy
    policy_text: str
    shift: Shift
    templates: Path | None


async def run_story(
    story: Story,
    *,
    policy: CollectionPolicy,
    policy_text: str,
    clock: datetime,
    templates: Path | None = None,
    on_progress: OnProgress | None = None,
    shares: int | None = None,
) -> tuple[Rehearsal, Shift]:
    """Run a ledger through Baton, in as many `shares` as there are processors for it (None: found out).

    `clock` is the time now, from which the test servers start. Raises Stuck, ShareFailed.
    """
    shift = Shift.beyond(first_on=story.first_on, clock=clock)
    parts = split(story, shares if shares is not None else worthwhile_shares(story))
    if len(parts) == 1:
        ran = await run_in_this_process(
            story, policy=policy, policy_text=policy_text, shift=shift, templates=templates, on_progress=on_progress
        )
        return ran, shift
    started = time.monotonic()
    told = _Together(len(parts), on_progress)
    jobs = [Job(part, policy, policy_text, shift, templates) for part in parts]
    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(_run(job, number, told)) for number, job in enumerate(jobs)]
    except ExceptionGroup as several:  # one share failed, and the others were ended: its fault is the news
        raise several.exceptions[0] from None
    done = [task.result() for task in running]
    cost = Cost(
        wall_seconds=time.monotonic() - started,
        own_cpu_seconds=sum(each.cost.own_cpu_seconds for each in done),
        server_cpu_seconds=sum(each.cost.server_cpu_seconds for each in done),
    )
    return Rehearsal(record=merge([each.record for each in done]), cost=cost), shift


def worthwhile_shares(story: Story) -> int:
    """One more than there are processors, so that one works while another waits for its server; few for few rows."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(processors + 1, MOST_SHARES, len(story.rows) // ROWS_WORTH_A_SHARE))


def split(story: Story, count: int) -> list[Story]:
    """The story in at most so many shares of whole customers, about equal in invoices; the same each time."""
    rows_of: dict[str, int] = {}
    for row in story.rows:
        rows_of[row.customer_id] = rows_of.get(row.customer_id, 0) + 1
    loads = [0] * max(1, min(count, len(rows_of)))
    place_of: dict[str, int] = {}
    for customer_id in sorted(rows_of, key=lambda customer_id: (-rows_of[customer_id], customer_id)):
        place = loads.index(min(loads))
        place_of[customer_id] = place
        loads[place] += rows_of[customer_id]
    return [_share(story, {each for each, at in place_of.items() if at == place}) for place in range(len(loads))]


def _share(story: Story, customer_ids: set[str]) -> Story:
    days: dict[date, Day] = {}
    for on, day in story.days.items():
        own = Day(
            opened=[row for row in day.opened if row.customer_id in customer_ids],
            disputes=[dispute for dispute in day.disputes if dispute.customer_id in customer_ids],
            payments=[payment for payment in day.payments if payment.customer_id in customer_ids],
        )
        if own.opened or own.disputes or own.payments:
            days[on] = own
    return replace(
        story,
        rows=tuple(row for row in story.rows if row.customer_id in customer_ids),
        customers=tuple(customer for customer in story.customers if customer.customer_id in customer_ids),
        days=days,
    )


def merge(records: Sequence[Record]) -> Record:
    """One record of all shares."""
    return Record(
        customers=tuple(each for record in records for each in record.customers),
        invoices=tuple(each for record in records for each in record.invoices),
        entries=tuple(each for record in records for each in record.entries),
        messages=tuple(each for record in records for each in record.messages),
        left=tuple(each for record in records for each in record.left),
        cases=tuple(each for record in records for each in record.cases),
        joined=tuple(each for record in records for each in record.joined),
        disputes=tuple(each for record in records for each in record.disputes),
        holds=tuple(each for record in records for each in record.holds),
        lines=tuple(each for record in records for each in record.lines),
        tellings=tuple(each for record in records for each in record.tellings),
        stored_facts=frozenset(each for record in records for each in record.stored_facts),
        fed_facts=tuple(each for record in records for each in record.fed_facts),
        # Each share hears of the money on the same mornings, some milliseconds apart: the latest word counts.
        feeds=tuple(
            max(told, key=lambda feed: feed.at) for told in zip(*(record.feeds for record in records), strict=True)
        ),
    )


class _Together:
    """How far all shares are: on the day that the last of them is on, with the facts and letters of all."""

    def __init__(self, count: int, on_progress: OnProgress | None) -> None:
        self._latest: list[Progress | None] = [None] * count
        self._told = 0
        self._on_progress = on_progress

    def tell(self, number: int, progress: Progress) -> None:
        self._latest[number] = progress
        known = [each for each in self._latest if each is not None]
        if self._on_progress is None or len(known) < len(self._latest):
            return
        last = min(known, key=lambda each: each.day)
        if last.day > self._told:
            self._told = last.day
            self._on_progress(
                replace(last, facts=sum(each.facts for each in known), letters=sum(each.letters for each in known))
            )


async def _run(job: Job, number: int, told: _Together) -> Rehearsal:
    """Run a share in a process of its own, which ends with us."""
    with tempfile.TemporaryDirectory(prefix="baton-share-") as folder:
        ours = Path(folder)
        (ours / "job").write_bytes(pickle.dumps(job))
        root = str(Path(__file__).parents[1])
        path = os.pathsep.join(each for each in (root, os.environ.get("PYTHONPATH", "")) if each)
        with (ours / "said").open("wb") as said:
            process = await asyncio.create_subprocess_exec(
                *tied((sys.executable, "-m", "rehearsal.share_process", folder)),
                stdout=asyncio.subprocess.PIPE,
                stderr=said,
                env={**os.environ, "PYTHONPATH": path},
            )
        try:
            assert process.stdout is not None
            async for line in process.stdout:
                values = json.loads(line)
                told.tell(number, Progress(**{**values, "on": date.fromisoformat(values["on"])}))
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
        if code == STUCK_CODE:
            raise Stuck((ours / "said").read_text(errors="replace").strip().rpartition("\n")[2])
        if code != 0:
            last = "\n".join((ours / "said").read_text(errors="replace").splitlines()[-15:])
            raise ShareFailed(f"share {number + 1} of the rehearsal ended with code {code}:\n{last}")
        # Written by our own process into a folder that nobody else can enter.
        return pickle.loads((ours / "done").read_bytes())


STUCK_CODE = 75
