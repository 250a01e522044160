"""The ladder as customers live through it: the right level on the right day, once."""

from datetime import timedelta

from receivables.invoice import Stage
from tests.builders import a_customer, a_ladder, a_policy, an_invoice
from tests.diary import FIRST_DAY
from tests.diary_fixtures import OpenDiary


async def test_scenario_1_levels_come_30_40_and_50_days_after_the_due_day_and_on_no_other(diary: OpenDiary) -> None:
    the = await diary(a_policy(ladder=a_ladder(30, 40, 50)))
    # due on the day before the diary begins: day 29 is 30 days late
    await the.opens(
        customer=a_customer(),
        invoice=an_invoice(issued_on=FIRST_DAY - timedelta(days=31), due_on=FIRST_DAY - timedelta(days=1)),
    )
    await the.day(28)
    assert await the.mailbox() == []
    await the.day(29)
    assert await the.mailbox() == [(29, "level-1")]
    await the.day(48)
    assert await the.mailbox() == [(29, "level-1"), (39, "level-2")]
    await the.day(51)
    assert [step for _, step in await the.mailbox()] == ["level-1", "level-2", "level-3"]
    # the customer pays: settled, with a receipt
    await the.pays("INV-1", "100.00")
    await the.day(53)
    assert (await the.mailbox())[-1][1] == "receipt"
    assert (await the.case_file()).stage is Stage.SETTLED
    await the.replays()
