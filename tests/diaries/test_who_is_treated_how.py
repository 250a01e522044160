"""Who is treated how: by which ladder, not at all, not now, and by which version of the rules."""

from datetime import UTC, datetime, time

import pytest
from pydantic import ValidationError

from receivables.collection_policy import Rollout, SegmentRule
from receivables.customer import Relationship
from receivables.holds import HoldReason, HoldWithoutEnd
from receivables.invoice import Stage
from receivables.ledger import Allocation
from store import intake
from tests.builders import a_customer, a_hold, a_ladder, a_policy, eur
from tests.diary import FIRST_DAY
from tests.diary_fixtures import OpenDiary

FRAGILE = SegmentRule(name="fragile", relationship=(Relationship.FRAGILE,), ladder="of_segment")


def four_ladders(**changes: object):
    ladders = {
        "of_invoice": a_ladder(1, 20),
        "of_customer": a_ladder(2, 20),
        "of_segment": a_ladder(3, 20),
        "of_all": a_ladder(4, 20),
    }
    values = {"ladders": ladders, "segments": (FRAGILE,), "default_ladder": "of_all"}
    return a_policy(**(values | changes))


async def test_scenario_16_invoice_beats_customer_beats_segment_beats_default(diary: OpenDiary) -> None:
    the = await diary(four_ladders())
    fragile = {"relationship": Relationship.FRAGILE}
    await the.owes(1, due=0, customer_id="C-1", ladder="of_customer", invoice={"ladder": "of_invoice"}, **fragile)
    await the.owes(2, due=0, customer_id="C-2", ladder="of_customer", **fragile)
    await the.owes(3, due=0, customer_id="C-3", **fragile)
    await the.owes(4, due=0, customer_id="C-4")
    await the.day(4)
    assert [await the.mailbox(f"C-{number}") for number in (1, 2, 3, 4)] == [
        [(1, "level-1")], [(2, "level-1")], [(3, "level-1")], [(4, "level-1")],
    ]  # fmt: skip
    await the.replays("INV-1", "INV-4")


async def test_scenario_16_with_no_ladder_at_all_nothing_happens_and_says_so(diary: OpenDiary) -> None:
    the = await diary(four_ladders(default_ladder=None))
    await the.owes(due=-10)
    await the.day(15)
    assert await the.mailbox() == []
    assert await the.case_of() is None
    why = await the.why()
    assert (why.rule, "nothing automated happens" in why.words) == ("no_treatment", True)


async def test_scenario_17_excluded_nothing_comes_and_lifted_the_right_level_at_once(diary: OpenDiary) -> None:
    the = await diary(a_policy(ladder=a_ladder(1, 4, 25)))
    await the.owes(due=0)
    await the.day(1)
    await the.changes(a_customer(excluded=True))
    await the.day(15)
    assert await the.mailbox() == [(1, "level-1")]
    assert (await the.why()).rule == "excluded"
    await the.changes(a_customer())
    await the.day(17)
    assert await the.mailbox() == [(1, "level-1"), (16, "level-2")]
    await the.replays()


async def test_scenario_18_what_changed_between_the_decision_and_the_send_stops_it_and_the_timeline_says_why(
    diary: OpenDiary,
) -> None:
    """The facts are stored and nobody was told: only the second judgement, before the send, can know."""
    the = await diary(a_policy(minimum={"EUR": "150.00"}, receipts=False))
    await the.owes(1, amount="200.00", customer_id="C-1")
    await the.owes(2, amount="200.00", customer_id="C-2")
    await the.owes(3, amount="100.00", customer_id="C-3")
    await the.owes(4, amount="60.00", customer_id="C-3")
    await the.day(3)
    await the.stores(intake.save_customer, customer=a_customer(excluded=True), change_id="X-1", by="erp")
    for number, customer_id, amount in ((2, "C-2", "200.00"), (4, "C-3", "60.00")):
        await the.stores(
            intake.take_money, document_id=f"P-{number}", customer_id=customer_id, amount=eur(amount), by="bank",
            allocations=(Allocation(invoice_id=f"INV-{number}"),), booked_on=FIRST_DAY,
        )  # fmt: skip
    await the.day(4, at=time(12))
    assert [await the.mailbox(f"C-{number}") for number in (1, 2, 3)] == [[], [], []]
    for number, words in (
        (1, "level-1 held back: the customer is excluded"),
        (2, "nothing is owed"),
        (3, "under the minimum"),
    ):
        assert words in await the.words(f"INV-{number}")
    await the.replays("INV-1", "INV-3")


@pytest.mark.parametrize(("rollout", "second"), [(Rollout.MOVE, 7), (Rollout.KEEP, 10)])
async def test_scenario_19_rules_changed_mid_run_repeat_no_level_and_skip_none(
    diary: OpenDiary, rollout: Rollout, second: int
) -> None:
    the = await diary(a_policy(ladder=a_ladder(2, 10, 20)))
    await the.owes(1, due=0)
    await the.day(3)
    await the.policy_becomes(a_policy(ladder=a_ladder(1, 7, 14, 21), running_invoices=rollout))
    await the.owes(2, due=3, customer_id="C-2")
    await the.day(24)
    levels = [(2, "level-1"), (second, "level-2")]
    levels += [(14, "level-3"), (22, "level-4")] if rollout is Rollout.MOVE else [(22, "level-3")]
    assert await the.mailbox() == levels  # days 20 and 21 are a Sunday and Easter Monday
    assert (await the.mailbox("C-2"))[0] == (4, "level-1")  # who comes later runs by the new rules
    await the.replays("INV-1", "INV-2")


async def test_scenario_20_paused_until_a_date_it_resumes_alone_on_that_date(diary: OpenDiary) -> None:
    the = await diary()
    await the.owes()
    await the.day(1)
    await the.pauses(until=datetime.combine(FIRST_DAY.replace(day=14), time(), UTC))
    await the.day(8)
    assert await the.mailbox() == []
    assert (await the.case_file()).stage is Stage.ON_HOLD
    assert "an audit; owner erp" in (await the.why()).words
    await the.day(9)  # the 14th
    assert await the.mailbox() == [(9, "level-1")]
    await the.replays()


def test_scenario_20_a_pause_without_a_date_is_refused() -> None:
    with pytest.raises(ValidationError):
        a_hold(until_at=None, reason=HoldReason.BACKEND)
    with pytest.raises((ValidationError, HoldWithoutEnd), match="ends after it begins"):
        a_hold(until_at=a_hold().from_at)


async def test_scenario_24_a_draft_is_never_dunned_and_final_it_is(diary: OpenDiary) -> None:
    the = await diary()
    await the.owes(due=-20, invoice={"draft": True})
    await the.owes(2, due=30, customer_id="C-2")
    await the.day(9)
    assert await the.mailbox() == []
    assert (await the.why()).rule == "draft"
    await the.terms_change("INV-1", draft=False)
    await the.day(10)
    assert await the.mailbox() == [(10, "level-1")]
    # and what is due in weeks has heard nothing
    assert await the.mailbox("C-2") == []
    assert (await the.case_file("INV-2")).stage is Stage.NOT_DUE
    await the.replays("INV-1", "INV-2")
