"""A bank feed that tells payments over the API and remembers what it was answered."""

import asyncio
import random
from collections.abc import Sequence

import httpx

from tests.crashes.house import House, today


class Bank:
    """Tells payments of one cent, one after the other, and notes how each was answered. It never tells one twice."""

    def __init__(self, house: House, secret: str, name: str, invoice_ids: Sequence[str], dice: random.Random) -> None:
        self.answered: dict[str, str] = {}
        """Payment to invoice: those answered with 2xx."""
        self.unanswered: dict[str, str] = {}
        self._house = house
        self._headers = {"Authorization": f"Bearer {secret}"}
        self._name = name
        self._invoice_ids = invoice_ids
        self._dice = dice
        self._is_over = False

    async def work(self) -> None:
        number = 0
        async with httpx.AsyncClient(base_url=self._house.api_url, headers=self._headers, timeout=20) as client:
            while not self._is_over:
                number += 1
                payment_id, invoice_id = f"{self._name}-{number}", self._dice.choice(self._invoice_ids)
                body = {
                    "payment_id": payment_id,
                    "customer_id": "C-1",
                    "amount": {"amount": "0.01", "currency": "EUR"},
                    "allocations": [{"invoice_id": invoice_id}],
                    "booked_on": today().isoformat(),
                }
                try:
                    answer = await client.post("/v1/payments", json=body)
                except httpx.TransportError:
                    self.unanswered[payment_id] = invoice_id
                    await asyncio.sleep(0.05)  # the API is away: it is not worth asking at full speed
                    continue
                if answer.is_success:
                    self.answered[payment_id] = invoice_id
                else:
                    assert answer.status_code == 503, answer.text
                    assert "Retry-After" in answer.headers
                    self.unanswered[payment_id] = invoice_id

    def stop(self) -> None:
        self._is_over = True
