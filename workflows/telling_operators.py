"""What the Temporal UI shows of a run: search attributes, and the current details as a small Markdown timeline."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributePair, SearchAttributeUpdate, TypedSearchAttributes

from activities.payloads import Turn
from receivables.case_file import CaseFile
from receivables.steps import Close, Contact, Escalate, NextStep, Wait
from workflows import names

LINES_SHOWN = 12

_MARKDOWN = re.compile(r"[\\`*\[\]<>!#|~]")


def show_invoice(case: CaseFile, turn: Turn) -> None:
    """Tell the engine what changed (one event, none if nothing did) and what to show."""
    _upsert_changed(
        [
            names.STAGE.value_set(turn.stage.value),
            names.SEGMENT.value_set(turn.segment),
            names.OPEN_BALANCE.value_set(float(turn.open_balance.amount)),
            names.DUE_ON.value_set(datetime.combine(turn.due_on, time(), UTC)),
            *(
                []
                if isinstance(turn.step, Close | Escalate)
                else [names.NEXT_LOOK_AT.value_set(turn.step.look_again_at)]
            ),
        ]
    )
    workflow.set_current_details(invoice_details(case))


def show_assignment(agent_id: str | None, details: str) -> None:
    _upsert_changed([names.ASSIGNED_AGENT.value_set(agent_id or "nobody")])
    workflow.set_current_details(details)


def attributes_of_a_case(case: CaseFile) -> TypedSearchAttributes:
    """An escalation is found by its customer and segment too."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(names.CUSTOMER_ID, case.customer_id),
            SearchAttributePair(names.SEGMENT, case.segment or "none"),
        ]
    )


def waiting(case: CaseFile) -> str:
    """What a wait in the history says."""
    return what_is_next(case.step)[:200] if case.step is not None else "waiting"


def what_is_next(step: NextStep) -> str:
    match step:
        case Contact():
            return f"{step.step} on {_day(step.at)}: {step.reason.words}"
        case Wait():
            held = f"{step.held_back} held back: " if step.held_back else ""
            return f"{held}{step.reason.words} · looks again {_day(step.look_again_at)}"
        case Escalate():
            return f"to a person ({step.trigger}): {step.reason.words}"
        case Close():
            return step.reason.words


def plain(words: str) -> str:
    """Words for Markdown as they are: a customer's name makes no link, picture or list in the Temporal UI."""
    return _MARKDOWN.sub(r"\\\g<0>", words)


def invoice_details(case: CaseFile) -> str:
    """The run on one small page: headline, standing, next step with its reason, and the timeline, newest first."""
    assert case.step is not None
    facts = "".join(f"\n- {plain(name)}: {plain(value)}" for name, value in case.step.reason.facts.items())
    lines = "".join(
        f"\n- {line.at:%d %b %Y %H:%M} · {plain(line.words)}" for line in reversed(case.timeline[-LINES_SHOWN:])
    )
    # A list needs an empty line before it, else the UI shows its items as one paragraph.
    return (
        f"**{plain(case.headline)}**\n\n"
        f"{case.stage.value.replace('_', ' ')} · open {case.open_balance} · segment {case.segment or 'none'}\n\n"
        f"**Next:** {plain(what_is_next(case.step))}\n\n"
        f"**Why:** rule `{case.step.reason.rule}`\n{facts}\n\n"
        f"**So far** (UTC)\n{lines or chr(10) + '- opened'}"
    )


def _upsert_changed(updates: Sequence[SearchAttributeUpdate[Any]]) -> None:
    known = workflow.info().typed_search_attributes
    changed = [update for update in updates if known.get(update.key) != update.value]
    if changed:
        workflow.upsert_search_attributes(changed)  # pyright: ignore[reportUnknownMemberType]  # the SDK's own hint


def _day(moment: datetime) -> str:
    return f"{moment:%a %d %b %Y %H:%M} UTC"
