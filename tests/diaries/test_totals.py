"""Which amounts are asked for: totals, currencies, minimums, and money that fits nothing."""

from datetime import timedelta

from receivables.invoice import Stage
from receivables.ledger import Allocation
from receivables.money import Money
from store import intake, ledger
from store.unapplied import unapplied
from tests.builders import a_ladder, a_policy, eur
from tests.diary import FIRST_DAY, Diary
from tests.diary_fixtures import OpenDiary


async def test_scenario_11_the_next_overdue_item_reaches_the_minimum_and_one_message_asks_for_all(
    diary: OpenDiary,
) -> None:
    the = await diary(a_policy(minimum={"EUR": "150.00"}, ladder=a_ladder(1, 12)))
    await the.owes(1, due=0, amount="149.00")
    await the.owes(2, due=3, amount="6.00")
    await the.day(3)
    assert await the.mailbox() == []
    assert "under the minimum of EUR 150.00" in (await the.why()).words
    await the.day(4)
    [message] = await the.received()
    assert message.invoice_ids == ("INV-1", "INV-2")
    assert "155,00\xa0€" in message.text
    await the.replays("INV-1", "INV-2")


async def test_scenario_13_two_currencies_keep_their_own_totals_minimums_and_levels(diary: OpenDiary) -> None:
    the = await diary(a_policy(minimum={"EUR": "50.00", "JPY": "9000"}, ladder=a_ladder(1, 8)))
    await the.owes(1, due=0, amount="100.00")
    await the.owes(2, due=7, amount="70.00", currency="USD")
    await the.owes(3, due=0, amount="8999", currency="JPY")
    await the.day(9)
    first, second = await the.received()
    assert first.invoice_ids == ("INV-1",)
    # on day 8 the euro invoice is at its second level, the dollar invoice at its first, the yen still too few
    assert second.invoice_ids == ("INV-1", "INV-2")
    assert "100,00\xa0€" in second.text
    assert "70,00\xa0US$" in second.text
    assert "170" not in second.text
    assert "under the minimum of JPY 9,000" in await the.words("INV-3")
    await the.replays("INV-1", "INV-2", "INV-3")


async def test_scenario_22_the_oldest_invoice_is_paid_from_outside_and_the_next_oldest_decides(
    diary: OpenDiary,
) -> None:
    the = await diary(a_policy(receipts=False))
    await the.owes(1, due=0)
    await the.owes(2, due=5)
    await the.day(4)
    await the.pays("INV-1", "100.00")
    await the.day(9)
    assert await the.mailbox() == []
    await the.day(10)
    [message] = await the.received()
    assert (message.on, message.invoice_ids) == (FIRST_DAY + timedelta(days=10), ("INV-2",))


async def test_scenario_28_whatever_a_payment_is_for_it_ends_where_a_person_can_see_it(diary: OpenDiary) -> None:
    the = await diary(a_policy(receipts=False))
    for number in range(1, 5):
        await the.owes(number, due=20)

    async def arrives(document_id: str, amount: str, *for_invoices: str, customer_id: str | None = "C-1") -> None:
        await the.takes(
            intake.take_money,
            document_id=document_id,
            customer_id=customer_id,
            amount=eur(amount),
            allocations=tuple(Allocation(invoice_id=each) for each in for_invoices),
            booked_on=FIRST_DAY,
            by="bank",
        )

    await arrives("several", "200.00", "INV-1", "INV-2")
    await arrives("short", "40.00", "INV-3")
    await arrives("over", "120.00", "INV-4")
    await arrives("unknown", "15.00", "INV-404")
    await arrives("nobody", "7.00", customer_id=None)
    await the.day(1)
    stages = [(await the.case_file(f"INV-{number}")).stage for number in range(1, 5)]
    assert stages == [Stage.SETTLED, Stage.SETTLED, Stage.NOT_DUE, Stage.SETTLED]
    assert (await the.case_file("INV-3")).open_balance == eur("60.00")
    async with the.database.reading() as connection:
        waiting = {each.document_id: each for each in await unapplied(connection)}
    assert {name: each.amount for name, each in waiting.items()} == {
        "over": eur("20.00"), "unknown": eur("15.00"), "nobody": eur("7.00"),
    }  # fmt: skip
    assert "INV-404" in waiting["unknown"].named
    # nothing is lost: what came is what was placed and what waits
    placed = Money.zero("EUR")
    async with the.database.reading() as connection:
        for number in range(1, 5):
            for entry in await ledger.entries_of(connection, f"INV-{number}"):
                placed = placed - entry.amount
    assert placed + eur("42.00") == eur("382.00")
    await the.replays("INV-1", "INV-3")


async def test_scenario_31_amounts_are_in_the_invoices_currency_and_the_customers_locale(diary: OpenDiary) -> None:
    the = await diary(a_policy(ladder=a_ladder(1)))
    french = {"customer_id": "C-1", "country": "FR", "language": "fr", "time_zone": "Europe/Paris"}
    japanese = {"customer_id": "C-2", "country": "JP", "language": "en", "time_zone": "Asia/Tokyo"}
    kuwaiti = {"customer_id": "C-3", "country": "KW", "language": "en", "time_zone": "Asia/Kuwait"}
    await the.owes(1, due=0, amount="1234.50", **french)
    await the.owes(2, due=0, amount="1234", currency="JPY", **japanese)
    await the.owes(3, due=0, amount="1234.567", currency="KWD", **kuwaiti)
    await the.day(2)
    assert "1\u202f234,50\xa0€" in await text_for(the, "C-1")
    assert "5 mars 2035" in await text_for(the, "C-1")
    assert "1,234" in (yen := await text_for(the, "C-2"))
    assert "1,234.00" not in yen
    assert "1,234.567" in await text_for(the, "C-3")


async def text_for(the: Diary, customer_id: str) -> str:
    [message] = await the.received(customer_id)
    return message.text
