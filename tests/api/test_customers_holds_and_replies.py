"""Preferences, holds and replies over the API: what rests, until when, and who is told."""

import asyncio
from datetime import timedelta

from store import customers, holds
from tests.api.office import NOW, Office, a_customer_body, a_reply_body


async def test_a_changed_customer_makes_running_invoices_look_again(either_office: Office) -> None:
    await either_office.known("INV-1", "INV-2")
    answer = await either_office.put("/v1/customers/C-1", a_customer_body(personal_only=True))
    assert (answer.status_code, answer.json()) == (200, {"customer_id": "C-1", "changed": True, "told": True})
    told = [(invoice_id, kind) for invoice_id, kind, news in either_office.engine.told if "customer:" in news.fact_id]
    assert sorted(told) == [("INV-1", "look_again"), ("INV-2", "look_again")]
    assert (await either_office.get("/v1/customers/C-1")).json()["personal_only"] is True


async def test_the_same_customer_again_changes_nothing_and_tells_nobody(office: Office) -> None:
    assert (await office.put("/v1/customers/C-1", a_customer_body())).status_code == 201
    await office.known("INV-1")
    before = len(office.engine.told)
    answer = await office.put("/v1/customers/C-1", a_customer_body())
    assert (answer.status_code, answer.json()["changed"]) == (200, False)
    assert len(office.engine.told) == before


async def test_a_customer_may_change_to_and_fro(office: Office) -> None:
    for excluded in (False, True, False, True):
        assert (await office.put("/v1/customers/C-1", a_customer_body(excluded=excluded))).json()["changed"] is True
    assert (await office.get("/v1/customers/C-1")).json()["excluded"] is True


async def test_the_same_customer_at_the_same_moment_is_there_once(either_office: Office) -> None:
    answers = await asyncio.gather(*(either_office.put("/v1/customers/C-1", a_customer_body()) for _ in range(5)))
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert len((await either_office.get("/v1/customers")).json()["customers"]) == 1


async def test_a_bounced_address_stays_bounced_until_another_is_given(office: Office) -> None:
    await office.put("/v1/customers/C-1", a_customer_body())
    async with office.database.writing() as connection:
        await customers.mark_bounced(connection, "C-1", NOW)
    await office.put("/v1/customers/C-1", a_customer_body(name="Acme SE"))
    assert (await office.get("/v1/customers/C-1")).json()["contact"]["bounced_at"] is not None
    await office.put("/v1/customers/C-1", a_customer_body(contact={"email": "bo@acme.example"}))
    assert (await office.get("/v1/customers/C-1")).json()["contact"]["bounced_at"] is None


async def test_an_invoice_does_not_undo_a_preference_that_stands(office: Office) -> None:
    await office.put("/v1/customers/C-1", a_customer_body(personal_only=True))
    await office.known("INV-1")
    assert (await office.get("/v1/customers/C-1")).json()["personal_only"] is True


async def test_a_reply_freezes_the_customer_in_the_same_transaction_and_is_told(either_office: Office) -> None:
    await either_office.known("INV-1", "INV-2")
    answer = await either_office.post("/v1/replies", a_reply_body())
    assert (answer.status_code, answer.json()) == (201, {"reply_id": "R-1", "told": True})
    (hold,) = (await either_office.get("/v1/holds", customer_id="C-1", active=True)).json()["holds"]
    assert (hold["hold_id"], hold["invoice_id"], hold["owner"], hold["reason"]) == ("reply:R-1", None, "team", "reply")
    (told,) = [entry for entry in either_office.engine.told if entry[2].fact_id == "reply:R-1"]
    assert (told[0], told[1], told[2].reply_id) == ("INV-1", "reply_received", "R-1")


async def test_the_hold_of_a_reply_ends_by_the_segments_deadline(office: Office) -> None:
    await office.known("INV-1")
    await office.post("/v1/replies", a_reply_body())
    async with office.database.reading() as connection:
        hold = await holds.find_hold(connection, "reply:R-1")
    assert hold is not None
    assert timedelta(hours=1) <= hold.until_at - NOW <= timedelta(days=30)


async def test_a_reply_twice_at_the_same_moment_is_stored_once(either_office: Office) -> None:
    await either_office.known("INV-1")
    answers = await asyncio.gather(*(either_office.post("/v1/replies", a_reply_body()) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [201]
    other = await either_office.post("/v1/replies", a_reply_body("dispute"))
    assert other.status_code == 409


async def test_an_out_of_office_note_freezes_nothing(office: Office) -> None:
    await office.known("INV-1")
    assert (await office.post("/v1/replies", a_reply_body("auto_reply"))).status_code == 201
    assert (await office.get("/v1/holds", customer_id="C-1")).json()["holds"] == []


async def test_a_reply_that_names_no_invoice_goes_to_the_oldest_open_one(office: Office) -> None:
    await office.known("INV-2", "INV-1")
    await office.post("/v1/replies", a_reply_body(invoice_ids=[]))
    assert office.engine.told_of("reply:R-1") == ["INV-1"]


async def test_a_reply_of_a_customer_without_invoices_is_stored_and_listed(office: Office) -> None:
    await office.put("/v1/customers/C-1", a_customer_body())
    assert (await office.post("/v1/replies", a_reply_body(invoice_ids=[]))).status_code == 201
    listed = (await office.get("/v1/replies")).json()["replies"]
    assert [reply["reply_id"] for reply in listed] == ["R-1"]
    assert (await office.get("/v1/replies/R-1")).json()["body"] == "What is this for?\nAnna"


async def test_a_reply_of_nobody_known_is_refused_with_a_remedy(office: Office) -> None:
    answer = await office.post("/v1/replies", a_reply_body())
    assert (answer.status_code, answer.json()["type"]) == (422, "unknown_customer")
    assert "/v1/customers/" in answer.json()["detail"]
    await office.put("/v1/customers/C-1", a_customer_body())
    assert (await office.post("/v1/replies", a_reply_body())).json()["type"] == "unknown_invoice"
    assert (await office.post("/v1/replies", a_reply_body(invoice_ids=[]))).status_code == 201


async def test_a_hold_without_an_end_is_refused(office: Office) -> None:
    await office.known("INV-1")
    hold = {"hold_id": "H-1", "customer_id": "C-1", "words": "audit"}
    assert (await office.post("/v1/holds", hold)).status_code == 422
    answer = await office.post("/v1/holds", hold | {"until_at": "2026-03-02T10:00:00Z"})
    assert (answer.status_code, answer.json()["type"]) == (422, "hold_without_end")
    naive = await office.post("/v1/holds", hold | {"until_at": "2026-04-02T10:00:00"})
    assert naive.status_code == 422


async def test_a_hold_is_placed_once_and_released_once(either_office: Office) -> None:
    await either_office.known("INV-1")
    hold = {"hold_id": "H-1", "customer_id": "C-1", "words": "audit", "until_at": "2026-04-02T10:00:00+02:00"}
    answers = await asyncio.gather(*(either_office.post("/v1/holds", hold) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [201]
    assert (await either_office.post("/v1/holds", hold | {"words": "other"})).status_code == 409
    (stored,) = (await either_office.get("/v1/holds", customer_id="C-1")).json()["holds"]
    assert (stored["until_at"], stored["owner"]) == ("2026-04-02T08:00:00Z", "service:a service")
    release = {"release_id": "RL-1", "because": "audit is over"}
    answers = await asyncio.gather(
        *(either_office.post("/v1/holds/H-1/release", release, role="agent") for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [201]
    assert (await either_office.get("/v1/holds", customer_id="C-1", active=True)).json()["holds"] == []
    assert set(either_office.engine.told_of("release:RL-1")) == {"INV-1"}


async def test_a_hold_that_nobody_placed_cannot_be_released(office: Office) -> None:
    answer = await office.post("/v1/holds/H-404/release", {"release_id": "RL-1", "because": "x"})
    assert answer.status_code == 404
