"""`python -m tests.histories.record`: lives some invoices through on the time-skipping server, keeps their histories.

Run it when workflow code has changed on purpose and no run of the old code is open any more; until then the recorded
histories must replay (`test_replay.py`), behind `patched()` where need be.
"""

import asyncio
import json
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.testing import WorkflowEnvironment

from receivables.case_file import News
from receivables.collection_policy import CollectionPolicy, EscalationRule
from receivables.escalations import AssignmentStep, CloseDispute, Resume, Trigger, Urgency
from receivables.invoice import Stage
from receivables.ledger import EntryKind
from receivables.messages import MessageKind
from receivables.replies import Intent
from store.database import Database
from store.migrating import migrate
from tests.builders import a_customer, a_ladder, a_notice, a_policy, an_invoice
from tests.diary import FIRST_DAY, Diary, a_diary
from tests.waiting import until
from workflows import options
from workflows.invoice import InvoiceWorkflow

FOLDER = Path(__file__).parent

Life = Callable[[Diary], Awaitable[list[str]]]
"""Lives something through; gives the ids of the runs to keep."""


def the_policy() -> CollectionPolicy:
    base = a_policy()
    intents = (Intent.DISPUTE, Intent.BILLING_QUESTION, Intent.PERSON_REQUEST)
    return a_policy(
        ladder=a_ladder(3, 10, 25, notices=(a_notice(kind=MessageKind.DUE_SOON),)),
        escalations=(
            *base.escalations,
            EscalationRule(trigger=Trigger.REPLY, intents=intents, urgency=Urgency.IMMEDIATE),
        ),
    )


async def opened(the: Diary, *, due_in_days: int = -1) -> None:
    await the.opens(
        customer=a_customer(owner="anna"),
        invoice=an_invoice(issued_on=FIRST_DAY - timedelta(days=31), due_on=FIRST_DAY + timedelta(days=due_in_days)),
    )


async def a_plain_life(the: Diary) -> list[str]:
    """A notice, two levels, a part payment, the rest, a receipt."""
    await opened(the, due_in_days=7)
    await the.day(12)
    await the.pays("INV-1", "40.00")
    await the.day(20)
    await the.pays("INV-1", "60.00")
    await the.day(25)
    assert (await the.case_file()).stage is Stage.SETTLED
    return ["invoice-INV-1"]


async def a_dispute_and_its_decision(the: Diary) -> list[str]:
    await opened(the)
    await the.day(1)
    await the.writes(Intent.DISPUTE)
    case = await the.case_of()
    assert case is not None
    await the.decides(case, CloseDispute(verdict="rejected", explanation="delivered and signed for"))
    await the.day(14)
    assert await the.mailbox() != []
    return ["invoice-INV-1", "escalation-INV-1-1"]


async def a_broken_promise(the: Diary) -> list[str]:
    await opened(the)
    await the.day(1)
    await the.writes(Intent.PROMISE_TO_PAY, promised_on=FIRST_DAY + timedelta(days=8))
    await the.day(12)
    case = await the.case_of()
    assert case is not None
    assert case.trigger is Trigger.BROKEN_PROMISE
    await the.decides(case, Resume())
    await the.day(15)
    return ["invoice-INV-1", "escalation-INV-1-1"]


async def a_chargeback(the: Diary) -> list[str]:
    """Paid and settled, charged back, chased again, settled again: two runs of one id; the second is kept."""
    await opened(the)
    await the.day(1)
    await the.pays("INV-1", "100.00", payment_id="P-1")
    await the.day(2)
    await the.gives_back("P-1", kind=EntryKind.CHARGEBACK, document_id="CB-1")
    await the.day(8)
    await the.gives_back("CB-1", kind=EntryKind.CHARGEBACK_REVERSED, document_id="CBR-1")
    await the.day(12)
    assert (await the.case_file()).stage is Stage.SETTLED
    return ["invoice-INV-1"]


async def an_escalation_that_moves_up(the: Diary) -> list[str]:
    """Nobody decides: reminded, to the backup, to the manager, who resumes."""
    await opened(the)
    await the.writes(Intent.PERSON_REQUEST)
    await the.day(5)
    case = await the.case_of()
    assert case is not None
    assert case.assignment_step is AssignmentStep.MANAGER
    await the.decides(case, Resume(), by="mia")
    await the.day(8)
    return ["invoice-INV-1", "escalation-INV-1-1"]


async def a_long_run(the: Diary) -> list[str]:
    """So much news that the run continues as new; the run that went on is kept, with what it carries."""
    await opened(the, due_in_days=60)
    run = the.run_of()
    first = (await run.describe()).run_id
    for number in range(options.CONTINUE_AS_NEW_AFTER_EVENTS):
        await run.signal(InvoiceWorkflow.look_again, News(fact_id=f"look:{number}", words=f"look {number}"))

    async def all_taken_in() -> bool:
        await the.moment()
        return len((await the.case_file()).taken_in) == options.CONTINUE_AS_NEW_AFTER_EVENTS

    await until(all_taken_in, seconds=60, what="all news to be taken in")
    assert (await run.describe()).run_id != first
    await the.day(1)
    await the.pays("INV-1", "40.00")
    await the.day(65)
    assert await the.mailbox() != []
    return ["invoice-INV-1"]


LIVES: tuple[Life, ...] = (
    a_plain_life,
    a_dispute_and_its_decision,
    a_broken_promise,
    a_chargeback,
    an_escalation_that_moves_up,
    a_long_run,
)


async def lived_through(life: Life, folder: Path) -> dict[str, WorkflowHistory]:
    """The histories of a life, by the name of the file that keeps each."""
    url = f"sqlite:///{folder / 'baton.db'}"
    await migrate(url)
    database = Database(url)
    try:
        async with a_diary(database, folder, the_policy()) as the:
            kept = await life(the)
            return {
                f"{life.__name__}.{workflow_id.partition('-')[0]}.json": await _history(the.environment, workflow_id)
                for workflow_id in kept
            }
    finally:
        await database.close()


async def _history(environment: WorkflowEnvironment, workflow_id: str) -> WorkflowHistory:
    return await environment.client.get_workflow_handle(workflow_id).fetch_history()


async def main(names: list[str]) -> None:
    for life in LIVES:
        if names and life.__name__ not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            for file_name, history in (await lived_through(life, Path(folder))).items():
                text = json.dumps(json.loads(history.to_json()), indent=1, sort_keys=True)
                (FOLDER / file_name).write_text(text.replace(f"@{socket.gethostname()}", "@here") + "\n")
                sys.stdout.write(f"{file_name}: {len(history.events)} events\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
