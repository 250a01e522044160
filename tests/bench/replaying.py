"""(f): how long a worker takes to wake the longest recorded run, by replay."""

import time
from dataclasses import dataclass

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from runtime.temporal import pydantic_data_converter, sandboxed_runner
from tests.histories.record import FOLDER
from worker import WORKFLOWS


@dataclass(frozen=True)
class Replayed:
    name: str
    events: int
    milliseconds: float

    def figures(self) -> dict[str, object]:
        return {
            "history": self.name,
            "events": self.events,
            "ms": round(self.milliseconds, 1),
            "events_per_second": round(1000 * self.events / self.milliseconds),
        }


async def measure(*, times: int) -> Replayed:
    """The quickest of so many replays, each of a fresh run in one replayer."""
    recorded = {file.stem: WorkflowHistory.from_json(file.stem, file.read_text()) for file in FOLDER.glob("*.json")}
    name, history = max(recorded.items(), key=lambda item: len(item[1].events))
    quickest = float("inf")
    for _ in range(times):
        replayer = Replayer(
            workflows=list(WORKFLOWS), data_converter=pydantic_data_converter, workflow_runner=sandboxed_runner()
        )
        # The replayer's own start is paid with the first of these histories; the others show what a run costs.
        started = time.perf_counter()
        await replayer.replay_workflow(history)
        quickest = min(quickest, time.perf_counter() - started)
    return Replayed(name, len(history.events), 1000 * quickest)
