"""A workflow that does what none of ours may. In a file of its own: the sandbox loads it again."""

from datetime import datetime

from temporalio import workflow


@workflow.defn
class ClockWatcher:
    @workflow.run
    async def run(self) -> str:
        return datetime.now().isoformat()  # noqa: DTZ005  the fault that the sandbox is to catch
