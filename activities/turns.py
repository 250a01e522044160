"""One turn of an invoice: read its account, ask policy, and leave the answer where lists and operators find it."""

import logging
from datetime import datetime
from typing import assert_never

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.payloads import Turn
from policy.balances import is_settled
from policy.next_step import next_step
from policy.rules import Rules
from policy.segments import segment_of
from policy.stage import stage_of
from policy.time_zones import local_date
from receivables.account import Account
from receivables.steps import Close, Contact, Escalate, NextStep, Wait
from store import cases, facts, invoices, timeline
from store.accounts import read_account
from store.facts import Telling

log = logging.getLogger("baton.turns")


async def take_turn(
    connection: AsyncConnection, *, invoice_id: str, customer_id: str, rules: Rules, as_of: datetime, done: str = ""
) -> Turn:
    """Ask policy what to do with an invoice at this instant, and record the answer as its read model."""
    account = await read_account(connection, customer_id=customer_id, invoice_id=invoice_id, as_of=as_of)
    if await _end_cases_that_money_ended(connection, account=account, invoice_id=invoice_id, rules=rules, as_of=as_of):
        account = await read_account(connection, customer_id=customer_id, invoice_id=invoice_id, as_of=as_of)
    step = next_step(account=account, invoice_id=invoice_id, rules=rules, as_of=as_of)
    return await record_turn(
        connection, account=account, invoice_id=invoice_id, step=step, rules=rules, as_of=as_of, done=done
    )


async def record_turn(
    connection: AsyncConnection,
    *,
    account: Account,
    invoice_id: str,
    step: NextStep,
    rules: Rules,
    as_of: datetime,
    done: str = "",
) -> Turn:
    """Leave a decided step on the invoice's row, and on the timeline where it holds back or ends the chase."""
    standing = account.standing(invoice_id)
    policy = rules.of(standing.invoice)
    segmentation = segment_of(account=account, policy=policy, as_of=as_of)
    segment = segmentation.segment.name if segmentation.segment is not None else "none"
    today = local_date(customer=account.customer, policy=policy, as_of=as_of)
    stage = stage_of(account=account, invoice_id=invoice_id, step=step, as_of=as_of, today=today)
    await invoices.record_turn(connection, invoice_id=invoice_id, stage=stage, segment=segment, step=step, at=as_of)
    await _note_on_timeline(connection, account=account, invoice_id=invoice_id, step=step, as_of=as_of)
    return Turn(
        step=step,
        stage=stage,
        segment=segment,
        open_balance=standing.open_balance,
        due_on=standing.invoice.due_on,
        done=done,
    )


async def _note_on_timeline(
    connection: AsyncConnection, *, account: Account, invoice_id: str, step: NextStep, as_of: datetime
) -> None:
    match step:
        case Contact() | Escalate():
            return
        case Wait():
            if step.held_back is None:
                return
            kind, words = "held_back", f"{step.held_back} held back: {step.reason.words}"
            if step.reason.rule == "fresh_money":
                await _alert_of_stale_money(connection, account=account, as_of=as_of, words=step.reason.words)
        case Close():
            kind, words = "step", f"{step.stage.value}: {step.reason.words}"
        case _:
            assert_never(step)
    cycle = account.standing(invoice_id).invoice.cycle
    await timeline.add_line(
        connection,
        natural_key=f"{invoice_id}:{cycle}:{kind}:{words}"[:400],
        customer_id=account.customer.customer_id,
        invoice_id=invoice_id,
        at=as_of,
        kind=kind,
        words=words,
        rule=step.reason.rule,
        facts=step.reason.facts,
    )


async def _alert_of_stale_money(connection: AsyncConnection, *, account: Account, as_of: datetime, words: str) -> None:
    """One alert a staleness, however many invoices meet it."""
    feed = account.feed
    since = f"{feed.feed_id}:{feed.complete_until_at.isoformat()}" if feed is not None else "never heard of"
    is_new = await timeline.add_line(
        connection,
        natural_key=f"alert:stale-money:{since}",
        customer_id="",
        invoice_id=None,
        at=as_of,
        kind="alert",
        words=f"nobody is chased: {words}",
        rule="fresh_money",
    )
    if is_new:
        log.warning("nobody is chased: %s", words)


async def _end_cases_that_money_ended(
    connection: AsyncConnection, *, account: Account, invoice_id: str, rules: Rules, as_of: datetime
) -> bool:
    """End the open cases of this invoice whose invoices are all settled, and have the others' workflows told."""
    ended = False
    for case in account.open_cases(invoice_id=invoice_id):
        if any(
            standing.invoice.invoice_id in case.invoice_ids
            and not is_settled(standing=standing, policy=rules.of(standing.invoice))
            for standing in account.standings
        ):
            continue
        await end_case(
            connection, case_id=case.case_id, customer_id=case.customer_id, invoice_ids=case.invoice_ids, as_of=as_of
        )
        ended = True
    return ended


async def end_case(
    connection: AsyncConnection, *, case_id: str, customer_id: str, invoice_ids: tuple[str, ...], as_of: datetime
) -> None:
    """Money ended a case: it leaves the worklist, and every workflow of its invoices is told."""
    words = "the case ended: nothing is owed any more"
    await cases.settle_case(connection, case_id=case_id, at=as_of, outcome=words)
    await tell_of(connection, fact_id=f"case-ended:{case_id}", words=words, invoice_ids=invoice_ids, as_of=as_of)
    await timeline.add_line(
        connection,
        natural_key=f"{case_id}:ended",
        customer_id=customer_id,
        invoice_id=None,
        at=as_of,
        kind="case",
        words=words,
    )


async def tell_of(
    connection: AsyncConnection, *, fact_id: str, words: str, invoice_ids: tuple[str, ...], as_of: datetime
) -> tuple[Telling, ...]:
    """Store something that Baton itself found out, for the workflows of these invoices."""
    await facts.take_fact(
        connection, fact_id=fact_id, kind="own", fingerprint=facts.fingerprint(words), words=words, by="baton", at=as_of
    )
    await facts.tell(connection, fact_id=fact_id, invoice_ids=invoice_ids, news="look_again", at=as_of)
    return tuple(
        Telling(fact_id=fact_id, invoice_id=invoice_id, news="look_again", words=words) for invoice_id in invoice_ids
    )
