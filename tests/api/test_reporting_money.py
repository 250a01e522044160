"""Payments and all that undoes them, over the API: each once, none lost."""

import asyncio

from tests.api.office import Office, a_payment_body, an_invoice_body, money


async def test_a_payment_lowers_what_is_owed_and_the_workflow_is_told(either_office: Office) -> None:
    await either_office.known("INV-1")
    answer = await either_office.post("/v1/payments", a_payment_body())
    assert answer.status_code == 201
    assert answer.json() == {
        "to_invoices": [{"invoice_id": "INV-1", "amount": money("40.00")}],
        "unapplied": money("0.00"),
        "told": True,
    }
    assert either_office.engine.told_of("payment:P-1") == ["INV-1"]
    read = (await either_office.get("/v1/invoices/INV-1")).json()
    assert read["open_balance"] == money("60.00")
    assert [entry["amount"] for entry in read["entries"]] == [money("-40.00")]


async def test_the_same_payment_at_the_same_moment_is_booked_once(either_office: Office) -> None:
    await either_office.known("INV-1")
    answers = await asyncio.gather(*(either_office.post("/v1/payments", a_payment_body()) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len({answer.text for answer in answers}) == 1
    assert (await either_office.get("/v1/invoices/INV-1")).json()["open_balance"] == money("60.00")


async def test_the_same_payment_id_with_another_amount_is_a_conflict(either_office: Office) -> None:
    await either_office.known("INV-1")
    await either_office.post("/v1/payments", a_payment_body())
    answer = await either_office.post("/v1/payments", a_payment_body(amount=money("41.00")))
    assert (answer.status_code, answer.json()["type"]) == (409, "same_id_other_content")


async def test_a_payment_for_nothing_known_waits_where_a_person_sees_it_and_can_be_placed(
    either_office: Office,
) -> None:
    await either_office.known("INV-1")
    body = a_payment_body(customer_id="C-404", allocations=[{"invoice_id": "INV-404"}])
    answer = await either_office.post("/v1/payments", body)
    assert answer.status_code == 201
    assert answer.json()["unapplied"] == money("40.00")
    (waiting,) = (await either_office.get("/v1/unapplied")).json()["unapplied"]
    assert (waiting["document_id"], waiting["amount"]) == ("P-1", money("40.00"))
    placing = {"placement_id": "PL-1", "document_id": "P-1", "invoice_id": "INV-1"}
    placed = await either_office.post("/v1/unapplied/placements", placing, role="agent")
    assert (placed.status_code, placed.json()["amount"]) == (201, money("40.00"))
    await either_office.app.state.services.herald.noted()
    assert (await either_office.post("/v1/unapplied/placements", placing, role="agent")).status_code == 200
    other = placing | {"amount": money("1.00")}
    assert (await either_office.post("/v1/unapplied/placements", other, role="agent")).status_code == 409
    assert (await either_office.get("/v1/unapplied")).json()["unapplied"] == []
    assert either_office.engine.told_of("placement:PL-1") == ["INV-1"]


async def test_an_overpayment_leaves_the_rest_unapplied(office: Office) -> None:
    await office.known("INV-1")
    answer = await office.post("/v1/payments", a_payment_body(amount=money("150.00")))
    assert answer.json()["unapplied"] == money("50.00")


async def test_unapplied_money_is_listed_in_pages(office: Office) -> None:
    for number in range(3):
        await office.post("/v1/payments", a_payment_body(payment_id=f"P-{number}", allocations=[]))
    first = (await office.get("/v1/unapplied", limit=2)).json()
    rest = (await office.get("/v1/unapplied", limit=2, after=first["next"])).json()
    assert [money["document_id"] for money in first["unapplied"] + rest["unapplied"]] == ["P-0", "P-1", "P-2"]


async def test_a_credit_note_that_covers_the_rest_settles_the_invoice(office: Office) -> None:
    await office.known("INV-1")
    body = a_payment_body(amount=money("100.00"))
    del body["payment_id"]
    assert (await office.post("/v1/credit-notes", {"credit_note_id": "CN-1", **body})).status_code == 201
    assert (await office.get("/v1/invoices/INV-1")).json()["settled_on"] == "2026-03-02"
    assert office.engine.told_of("credit_note:CN-1") == ["INV-1"]


async def test_a_refunded_payment_is_owed_again_and_a_reversed_chargeback_is_not(either_office: Office) -> None:
    await either_office.known("INV-1")
    await either_office.post("/v1/payments", a_payment_body(amount=money("100.00")))
    booked = {"of_document_id": "P-1", "booked_on": "2026-03-05"}
    answer = await either_office.post("/v1/chargebacks", {"chargeback_id": "CB-1", **booked})
    assert (answer.status_code, answer.json()["invoices"]) == (201, ["INV-1"])
    read = (await either_office.get("/v1/invoices/INV-1")).json()
    assert (read["open_balance"], read["cycle"]) == (money("100.00"), 2)
    answer = await either_office.post(
        "/v1/chargeback-reversals", {"reversal_id": "X-1", "of_document_id": "CB-1", "booked_on": "2026-03-06"}
    )
    assert answer.status_code == 201, answer.text
    assert (await either_office.get("/v1/invoices/INV-1")).json()["open_balance"] == money("0.00")
    again = await either_office.post("/v1/refunds", {"refund_id": "RF-1", **booked, "amount": money("30.00")})
    assert again.status_code == 201
    assert (await either_office.get("/v1/invoices/INV-1")).json()["open_balance"] == money("30.00")
    same = await either_office.post("/v1/refunds", {"refund_id": "RF-1", **booked, "amount": money("30.00")})
    assert same.status_code == 200


async def test_what_cannot_be_undone_is_refused_with_its_reason(office: Office) -> None:
    await office.known("INV-1")
    body = {"cancellation_id": "PC-1", "of_document_id": "P-404", "booked_on": "2026-03-05"}
    answer = await office.post("/v1/payment-cancellations", body)
    assert (answer.status_code, answer.json()["type"]) == (422, "nothing_to_reverse")
    await office.post("/v1/payments", a_payment_body())
    assert (await office.post("/v1/payment-cancellations", body | {"of_document_id": "P-1"})).status_code == 201


async def test_allocations_of_more_than_the_payment_or_another_currency_are_refused(office: Office) -> None:
    await office.known("INV-1")
    for allocation, kind in ((money("41.00"), "allocated_too_much"), (money("1.00", "USD"), "other_currency")):
        body = a_payment_body(allocations=[{"invoice_id": "INV-1", "amount": allocation}])
        answer = await office.post("/v1/payments", body)
        assert (answer.status_code, answer.json()["type"]) == (422, kind)
    assert (await office.post("/v1/payments", a_payment_body())).status_code == 201


async def test_a_payment_for_many_invoices_tells_each_workflow(office: Office) -> None:
    ids = [f"INV-{number}" for number in range(10, 15)]
    await office.known(*ids)
    body = a_payment_body(amount=money("450.00"), allocations=[{"invoice_id": each} for each in ids])
    answer = await office.post("/v1/payments", body)
    assert [share["amount"] for share in answer.json()["to_invoices"]] == [money("100.00")] * 4 + [money("50.00")]
    assert sorted(office.engine.told_of("payment:P-1")) == ids


async def test_a_payment_feed_never_goes_back(office: Office) -> None:
    for until, known in (
        ("2026-03-02T08:00:00Z", "2026-03-02T08:00:00Z"),
        ("2026-03-01T08:00:00Z", "2026-03-02T08:00:00Z"),
    ):
        answer = await office.put("/v1/feeds/bank", {"complete_until_at": until})
        assert (answer.status_code, answer.json()["complete_until_at"]) == (200, known)
    ahead = await office.put("/v1/feeds/bank", {"complete_until_at": "2026-03-03T08:00:00Z"})
    assert (ahead.status_code, ahead.json()["type"]) == (422, "in_the_future")
    assert [feed["feed_id"] for feed in (await office.get("/v1/feeds")).json()["feeds"]] == ["bank"]


async def test_a_ledger_is_imported_once_and_its_money_with_it(office: Office) -> None:
    text = (
        "invoice_id,customer_id,customer_name,country,email,amount,currency,issued_on,due_on,paid,paid_on\n"
        "INV-1,C-1,Acme GmbH,DE,a@acme.example,100.00,EUR,2026-02-01,2026-03-01,30.00,2026-02-20\n"
        "INV-2,C-1,Acme GmbH,DE,a@acme.example,70.00,EUR,2026-02-01,2026-03-01,,\n"
    )
    answer = await office.send("POST", "/v1/ledger-imports", text.encode(), **{"Content-Type": "text/csv"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["opened"], answer.json()["told"]) == (2, True)
    assert (await office.get("/v1/invoices/INV-1")).json()["open_balance"] == money("70.00")
    again = await office.send("POST", "/v1/ledger-imports", text.encode(), **{"Content-Type": "text/csv"})
    assert (again.json()["opened"], again.json()["known"]) == (0, 2)
    assert len(office.engine.started) == 2


async def test_each_fault_of_a_ledger_is_listed_and_nothing_is_started_unless_bad_rows_may_be_skipped(
    office: Office,
) -> None:
    await office.post("/v1/invoices", an_invoice_body(invoice_id="INV-9"))
    text = (
        "invoice_id,customer_id,customer_name,country,amount,currency,issued_on,due_on\n"
        "INV-1,C-1,Acme GmbH,DE,a lot,EUR,2026-02-01,2026-03-01\n"
        "INV-2,C-1,Acme GmbH,DE,70.00,EUR,2026-02-01,2026-03-01\n"
        "INV-9,C-1,Acme GmbH,DE,1.00,EUR,2026-02-01,2026-03-01\n"
    )
    answer = await office.send("POST", "/v1/ledger-imports", text.encode(), **{"Content-Type": "text/csv"})
    assert (answer.status_code, answer.json()["type"]) == (422, "bad_ledger")
    assert [fault["place"] for fault in answer.json()["faults"]] == ["row 2, column amount", "row 4, column invoice_id"]
    assert (await office.get("/v1/invoices/INV-2")).status_code == 404
    answer = await office.send(
        "POST", "/v1/ledger-imports?skip_bad=true", text.encode(), **{"Content-Type": "text/csv"}
    )
    assert (answer.status_code, answer.json()["opened"], len(answer.json()["skipped"])) == (200, 1, 2)


async def test_a_write_off_of_the_books_is_taken_once_and_ends_the_chase(either_office: Office) -> None:
    await either_office.known("INV-1")
    told = {"write_off_id": "WO-1", "invoice_id": "INV-1", "booked_on": "2024-03-05"}
    first = await either_office.post("/v1/write-offs", told)
    again = await either_office.post("/v1/write-offs", told)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["amount"] == money("100.00")
    assert set(either_office.engine.told_of("write_off:WO-1")) == {"INV-1"}
    other = await either_office.post("/v1/write-offs", told | {"write_off_id": "WO-2"})
    assert (other.status_code, other.json()["type"]) == (422, "nothing_to_write_off")
