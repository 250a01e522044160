"""The scheduled reconciler: what was stored and never told is told; what a dead sender left is settled."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.payloads import Reconciled
    from activities.telling import Reconciling
    from workflows import options

EVERY = timedelta(seconds=15)


@workflow.defn
class ReconcileWorkflow:
    @workflow.run
    async def run(self) -> Reconciled:
        return await workflow.execute_activity_method(
            Reconciling.reconcile, summary="tell what was not told", **options.BOOKING
        )
