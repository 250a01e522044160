"""Invoices over the API: opened once, explained, changed, withdrawn."""

import asyncio

import pytest

from store import facts
from tests.api.office import Office, a_customer_body, a_payment_body, an_invoice_body, kinds, money


async def test_an_opened_invoice_is_stored_and_its_workflow_started(either_office: Office) -> None:
    answer = await either_office.post("/v1/invoices", an_invoice_body())
    assert (answer.status_code, answer.json()) == (201, {"invoice_id": "INV-1", "told": True})
    assert either_office.engine.told_of("invoice:INV-1") == ["INV-1"]
    (case,) = either_office.engine.started
    assert case.headline == "INV-1 · Acme GmbH · EUR 100.00 due 1 Mar"
    read = (await either_office.get("/v1/invoices/INV-1")).json()
    assert read["open_balance"] == money("100.00")
    assert read["stage"] == "not_due"


async def test_who_was_told_is_noted_in_the_store(either_office: Office) -> None:
    await either_office.known("INV-1")
    async with either_office.database.reading() as connection:
        assert await facts.untold_of(connection, "invoice:INV-1") == ()


async def test_the_same_invoice_again_is_answered_the_same_and_started_once(either_office: Office) -> None:
    first = await either_office.post("/v1/invoices", an_invoice_body())
    await either_office.app.state.services.herald.noted()
    again = await either_office.post("/v1/invoices", an_invoice_body())
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert len(either_office.engine.started) == 1


async def test_the_same_invoice_twice_at_the_same_moment_is_opened_once(either_office: Office) -> None:
    answers = await asyncio.gather(*(either_office.post("/v1/invoices", an_invoice_body()) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    page = (await either_office.get("/v1/invoices")).json()
    assert [invoice["invoice_id"] for invoice in page["invoices"]] == ["INV-1"]


async def test_the_same_id_with_another_amount_is_a_conflict(either_office: Office) -> None:
    await either_office.known("INV-1")
    answer = await either_office.post("/v1/invoices", an_invoice_body(amount=money("200.00")))
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "same_id_other_content"
    assert answer.json()["instance"] == "/v1/invoices"


async def test_an_invoice_of_nobody_is_refused_and_nothing_is_stored(office: Office) -> None:
    body = an_invoice_body(customer_id="C-9")
    del body["customer"]
    answer = await office.post("/v1/invoices", body)
    assert (answer.status_code, answer.json()["type"]) == (422, "unknown_customer")
    assert (await office.get("/v1/invoices/INV-1")).status_code == 404
    await office.put("/v1/customers/C-9", a_customer_body())
    assert (await office.post("/v1/invoices", body)).status_code == 201


async def test_while_the_engine_is_away_an_invoice_is_stored_and_told_when_it_is_asked_again(office: Office) -> None:
    office.engine.is_away = True
    answer = await office.post("/v1/invoices", an_invoice_body())
    assert (answer.status_code, answer.json()["told"]) == (202, False)
    async with office.database.reading() as connection:
        assert [telling.invoice_id for telling in await facts.untold_of(connection, "invoice:INV-1")] == ["INV-1"]
    assert (await office.get("/v1/status")).json()["untold"] == 1
    office.engine.is_away = False
    office.app.state.services.herald._away_until = 0.0
    again = await office.post("/v1/invoices", an_invoice_body())
    assert (again.status_code, again.json()["told"]) == (200, True)
    assert len(office.engine.started) == 1


async def test_amounts_come_back_exactly_as_their_currency_has_them(office: Office) -> None:
    for invoice_id, amount, currency in (("J", "1200", "JPY"), ("K", "1200.005", "KWD"), ("E", "0.01", "EUR")):
        body = an_invoice_body(invoice_id=invoice_id, amount=money(amount, currency))
        assert (await office.post("/v1/invoices", body)).status_code == 201
        assert (await office.get(f"/v1/invoices/{invoice_id}")).json()["amount"] == money(amount, currency)


async def test_new_terms_are_stored_once_and_the_workflow_judges_again(office: Office) -> None:
    await office.known("INV-1")
    change = {"change_id": "CH-1", "due_on": "2026-04-01"}
    assert (await office.post("/v1/invoices/INV-1/terms", change)).status_code == 201
    await office.app.state.services.herald.noted()
    assert (await office.post("/v1/invoices/INV-1/terms", change)).status_code == 200
    assert (await office.post("/v1/invoices/INV-1/terms", change | {"due_on": "2026-04-02"})).status_code == 409
    assert office.engine.told_of("terms:CH-1") == ["INV-1"]
    assert (await office.get("/v1/invoices/INV-1")).json()["due_on"] == "2026-04-01"


async def test_a_withdrawn_invoice_says_so_and_its_workflow_is_told(office: Office) -> None:
    await office.known("INV-1")
    answer = await office.post("/v1/invoices/INV-1/withdraw", {"change_id": "W-1", "because": "billed in error"})
    assert answer.status_code == 201
    assert office.engine.told_of("withdrawal:W-1") == ["INV-1"]
    assert (await office.get("/v1/invoices/INV-1")).json()["withdrawn_at"] is not None


async def test_why_says_what_comes_next_by_which_rule(office: Office) -> None:
    await office.known("INV-1")
    answer = await office.get("/v1/invoices/INV-1/why")
    assert answer.status_code == 200, answer.text
    why = answer.json()
    assert why["next_step"]["reason"]["words"]
    assert "balance" in [reason["rule"] for reason in why["considered"]]
    assert why["run"] is None


async def test_the_timeline_is_read_in_pages(office: Office) -> None:
    await office.known("INV-1")
    await office.post("/v1/payments", a_payment_body())
    first = (await office.get("/v1/invoices/INV-1/timeline", limit=1)).json()
    rest = (await office.get("/v1/invoices/INV-1/timeline", after=first["next"])).json()
    assert "opened" in first["lines"][0]["words"]
    assert "payment P-1" in rest["lines"][0]["words"]
    assert rest["next"] is None


async def test_lists_are_read_in_pages_without_gaps(office: Office) -> None:
    await office.known(*(f"INV-{number}" for number in range(1, 6)))
    seen, after = [], {}
    while True:
        page = (await office.get("/v1/invoices", limit=2, **after)).json()
        seen += [invoice["invoice_id"] for invoice in page["invoices"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == [f"INV-{number}" for number in range(1, 6)]


async def test_ids_from_other_systems_with_slashes_and_spaces_can_be_read(office: Office) -> None:
    text = (
        "invoice_id,customer_id,customer_name,country,amount,currency,issued_on,due_on\n"
        "RE 2024/17,C-7,Acme GmbH,DE,100.00,EUR,2026-02-01,2026-03-01\n"
    )
    answer = await office.send("POST", "/v1/ledger-imports", text.encode(), **{"Content-Type": "text/csv"})
    assert answer.status_code == 200, answer.text
    read = await office.get("/v1/invoices/RE%202024%2F17")
    assert read.json()["invoice_id"] == "RE 2024/17"
    assert (await office.get("/v1/invoices/RE%202024%2F17/timeline")).json()["lines"]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"amount": money("0.00")}, "body.amount"),
        ({"amount": money("-5.00")}, "body.amount"),
        ({"amount": money("1.001")}, "body.amount"),
        ({"amount": money("9" * 15)}, "body.amount"),
        ({"amount": money("1e3")}, "body.amount.amount"),
        ({"amount": money("NaN")}, "body.amount.amount"),
        ({"amount": {"amount": 100, "currency": "EUR"}}, "body.amount.amount"),
        ({"amount": money("1.00", "XYZ")}, "body.amount"),
        ({"amount": money("1.00", "eur")}, "body.amount.currency"),
        ({"due_on": "9999-12-31"}, "body.due_on"),
        ({"issued_on": "1900-01-01"}, "body.issued_on"),
        ({"due_on": 1772323200}, "body.due_on"),
        ({"due_on": "2026-02-30"}, "body.due_on"),
        ({"due_on": "2026-01-31"}, "body"),
        ({"invoice_id": "INV 1\r\nBcc: x"}, "body.invoice_id"),
        ({"invoice_id": "../x"}, "body.invoice_id"),
        ({"invoice_id": "I" * 101}, "body.invoice_id"),
        ({"customer": a_customer_body(customer_id="C-1", name="Acme\r\nBcc: all@acme.example")}, "body.customer.name"),
        ({"customer": a_customer_body(customer_id="C-1", name="a\u202eb")}, "body.customer.name"),
        ({"customer": a_customer_body(customer_id="C-1", name="   ")}, "body.customer.name"),
        ({"customer": a_customer_body(customer_id="C-1", time_zone="Mars/Base")}, "body.customer.time_zone"),
        ({"customer": a_customer_body(customer_id="C-1", contact={"email": "a@b.example\r\nBcc: c@d.example"})},
         "body.customer.contact.email"),
        ({"draft": "yes"}, "body.draft"),
        ({"customer_id": "C-2"}, "body"),
        ({"surprise": 1}, "body.surprise"),
        ({"discount": {"percent": "NaN", "until_on": "2026-02-10"}}, "body.discount.percent"),
    ],
)  # fmt: skip
async def test_bad_input_is_refused_with_its_place(office: Office, change: dict[str, object], place: str) -> None:
    answer = await office.post("/v1/invoices", an_invoice_body(**change))
    assert answer.status_code == 422, answer.text
    assert kinds(answer.json()["faults"]) == [place]
    assert answer.json()["faults"][0]["words"]


async def test_template_syntax_in_names_is_kept_as_it_is(office: Office) -> None:
    name = "{{ 7 * 7 }} {% raw %} ${x} <script>"
    await office.post("/v1/invoices", an_invoice_body(customer=a_customer_body(customer_id="C-1", name=name)))
    assert (await office.get("/v1/customers/C-1")).json()["name"] == name
