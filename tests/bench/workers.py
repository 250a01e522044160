"""`python -m tests.bench.workers KIND`: one worker process of the bench, told the rest by its environment.

KIND is `floor`, or `lives` (Baton's own, BATON_… and TEMPORAL_ADDRESS say where) with days that last
BENCH_DAY_SECONDS from BENCH_BEGUN_AT on; without these, days are as long as days are.
"""

import asyncio
import os
import sys
from datetime import datetime, timedelta

from temporalio.client import Client

from channels.rendering import Renderer
from runtime.exits import leave
from runtime.settings import load_settings
from runtime.temporal import connect
from store.database import Database
from tests.bench.floor import build_floor_worker
from tests.bench.shortened_days import ShortDays, ShortenedDays
from worker import build_channels, build_worker, options_of, run_until_told_to_stop


def with_short_days(client: Client) -> Client:
    begun_at, seconds = os.environ.get("BENCH_BEGUN_AT"), os.environ.get("BENCH_DAY_SECONDS")
    if begun_at is None or seconds is None:
        return client
    days = ShortDays(datetime.fromisoformat(begun_at), timedelta(seconds=float(seconds)))
    return Client(**{**client.config(), "interceptors": [ShortenedDays(days)]})


async def main(kind: str) -> None:
    settings = load_settings()
    client = await connect(settings, wait_seconds=20)
    if kind == "floor":
        worker = build_floor_worker(client, options_of(settings))
        await run_until_told_to_stop(worker)
        return
    database = Database(settings.store_url)
    worker = build_worker(
        with_short_days(client),
        database=database,
        renderer=Renderer(),
        channels=build_channels(settings),
        options=options_of(settings),
    )
    await run_until_told_to_stop(worker)
    await database.close()


if __name__ == "__main__":
    if profile := os.environ.get("BENCH_PROFILE"):
        import cProfile

        profiler = cProfile.Profile()
        profiler.enable()
        asyncio.run(main(sys.argv[1]))
        profiler.disable()
        profiler.dump_stats(profile)
    else:
        asyncio.run(main(sys.argv[1]))
    leave(0)
