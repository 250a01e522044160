"""Runs that were recorded go on under today's code: their histories replay."""

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from runtime.temporal import pydantic_data_converter, sandboxed_runner
from tests.histories.changed import ChangedInvoiceWorkflow
from tests.histories.record import FOLDER, LIVES
from worker import WORKFLOWS

FILES = sorted(FOLDER.glob("*.json"))


def recorded(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(file.stem, file.read_text())


def a_replayer(*workflows: type) -> Replayer:
    return Replayer(
        workflows=list(workflows or WORKFLOWS),
        data_converter=pydantic_data_converter,
        workflow_runner=sandboxed_runner(),
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_a_recorded_run_replays_under_the_code_of_today(file: Path) -> None:
    await a_replayer().replay_workflow(recorded(file))


def test_every_life_has_its_recorded_histories() -> None:
    assert {file.name.partition(".")[0] for file in FILES} == {life.__name__ for life in LIVES}


def test_the_long_run_was_recorded_after_it_continued_as_new_and_carried_what_it_had_taken_in() -> None:
    events = json.loads((FOLDER / "a_long_run.invoice.json").read_text())["events"]
    started = events[0]["workflowExecutionStartedEventAttributes"]
    assert started["continuedExecutionRunId"]


async def test_a_changed_workflow_does_not_replay_what_was_recorded() -> None:
    with pytest.raises(NondeterminismError):
        await a_replayer(ChangedInvoiceWorkflow).replay_workflow(recorded(FOLDER / "a_plain_life.invoice.json"))
