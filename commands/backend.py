"""A backend service, as `baton run` plays it for its example: it speaks to the real API, and does not give up."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

from commands.terminal import CommandFault

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0
PATIENCE_SECONDS = 60.0


class Backend:
    """Tells facts until they are taken: while the API is away it tells the same again, under the same id."""

    def __init__(self, url: str, key: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=PATIENCE_SECONDS,
            trust_env=False,
            transport=transport,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def tell(self, method: str, path: str, **content: Any) -> Mapping[str, Any]:
        """The API's answer. Raises CommandFault where it refuses what it was told."""
        pause = FIRST_PAUSE
        while True:
            try:
                answer = await self._client.request(method, path, **content)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.is_success:
                return answer.json()
            if answer is not None and answer.status_code not in (500, 502, 503, 504):
                raise CommandFault(
                    f"the API refused {method} {path} of the example ({answer.status_code}): {_why(answer)}"
                )
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def is_ready(self) -> bool:
        """Whether the API takes facts now."""
        try:
            return (await self._client.get("/readyz", timeout=2)).is_success
        except httpx.TransportError:
            return False


def _why(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
    except ValueError:
        return answer.text[:500]
    faults = [f"{fault['place']}: {fault['words']}" for fault in problem.get("faults", [])]
    return "\n".join([str(problem.get("detail", problem)), *faults[:20]])
