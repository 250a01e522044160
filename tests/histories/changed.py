"""What somebody might do to the invoice's workflow without a second thought: sleep before asking."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from receivables.case_file import CaseFile


@workflow.defn(name="InvoiceWorkflow")
class ChangedInvoiceWorkflow:
    @workflow.run
    async def run(self, case: CaseFile) -> CaseFile:
        await workflow.sleep(timedelta(minutes=1))
        return case
