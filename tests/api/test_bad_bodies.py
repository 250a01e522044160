"""What is no JSON, too large, or broken text is refused with a problem document; nothing crashes."""

import json
from collections.abc import AsyncIterator

import pytest

from tests.api.office import Office, a_payment_body, a_reply_body, an_invoice_body

PROBLEM = "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b'"text"',
        json.dumps(an_invoice_body()).replace('"100.00"', "NaN").encode(),
        json.dumps(an_invoice_body()).replace('"100.00"', "-Infinity").encode(),
        json.dumps(an_invoice_body()).replace('"100.00"', "1e999").encode(),
        json.dumps(an_invoice_body()).replace('"100.00"', "9" * 5000).encode(),
        json.dumps(an_invoice_body()).replace("Acme GmbH", "Acme \\u0000").encode(),
        json.dumps(an_invoice_body()).replace("Acme GmbH", "Acme \\ud800").encode(),
        json.dumps(an_invoice_body()).replace('"amount"', '"\\udfff"').encode(),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        json.dumps(an_invoice_body()).encode("utf-16"),
    ],
)
async def test_what_is_no_good_json_is_refused(office: Office, body: bytes) -> None:
    answer = await office.send("POST", "/v1/invoices", body)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == PROBLEM
    assert len(answer.content) < 10_000


async def test_a_body_over_two_megabytes_is_refused(office: Office) -> None:
    body = json.dumps(a_reply_body(body="x" * 2_100_000)).encode()
    answer = await office.send("POST", "/v1/replies", body)
    assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM)


async def test_a_body_over_two_megabytes_that_does_not_say_its_length_is_refused(office: Office) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b" " * 100_000

    for path in ("/v1/invoices", "/v1/ledger-imports"):
        answer = await office.client.post(
            path, content=chunks(), headers={"Content-Type": "application/json", **office.headers()}
        )
        assert (answer.status_code, answer.json()["type"]) == (413, "too_large")


async def test_a_large_body_within_the_limit_is_taken(office: Office) -> None:
    await office.known("INV-1")
    answer = await office.post("/v1/replies", a_reply_body(body="x" * 100_000))
    assert answer.status_code == 201


@pytest.mark.parametrize("subject", ["Hello\r\nBcc: all@acme.example", "a\x00b", "a\x1bb", "a\u2028b"])
async def test_a_subject_with_control_characters_is_refused(office: Office, subject: str) -> None:
    await office.known("INV-1")
    answer = await office.send("POST", "/v1/replies", json.dumps(a_reply_body(subject=subject)).encode())
    assert answer.status_code in (400, 422)


async def test_a_payment_of_nothing_or_less_is_refused(office: Office) -> None:
    for amount in ("0.00", "-1.00", "99999999999999.99"):
        answer = await office.post("/v1/payments", a_payment_body(amount={"amount": amount, "currency": "EUR"}))
        assert answer.status_code == 422
        assert answer.json()["faults"][0]["place"] == "body.amount"


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "after=%00", "after=a%0d%0ab", "stage=later"])
async def test_bad_queries_are_refused_with_their_place(office: Office, query: str) -> None:
    answer = await office.client.get(f"/v1/invoices?{query}", headers=office.headers())
    assert answer.status_code == 422
    assert answer.json()["faults"][0]["place"] == f"query.{query.partition('=')[0]}"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/invoices/%00", 422), ("/v1/invoices/a%0d%0ab", 404), ("/v1/invoices/" + "x" * 400, 422)],
)
async def test_bad_ids_in_the_path_are_refused(office: Office, path: str, status: int) -> None:
    answer = await office.client.get(path, headers=office.headers())
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)


async def test_paths_and_methods_that_do_not_exist_are_problem_documents(office: Office) -> None:
    for method, path, status in (("GET", "/v2/x", 404), ("DELETE", "/v1/invoices", 405), ("PATCH", "/v1/policy", 405)):
        answer = await office.client.request(method, path, headers=office.headers())
        assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
