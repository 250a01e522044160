"""(d): what sleeping invoices cost in memory, in the worker and in the server."""

from dataclasses import dataclass

from tests.bench.house import House
from tests.bench.lives import open_sleepers


@dataclass(frozen=True)
class Slept:
    sleepers: int
    worker_before: float
    worker_after: float
    server_before: float
    server_after: float
    disk_mib: float

    def for_ten_thousand(self, mib: float) -> float:
        return mib * 10_000 / self.sleepers

    def figures(self) -> dict[str, object]:
        return {
            "sleepers": self.sleepers,
            "worker_mib": [round(self.worker_before), round(self.worker_after)],
            "server_mib": [round(self.server_before), round(self.server_after)],
            "server_mib_more_for_10000": round(self.for_ten_thousand(self.server_after - self.server_before)),
            "worker_mib_more": round(self.worker_after - self.worker_before),
            "disk_mib_for_10000": round(self.for_ten_thousand(self.disk_mib)),
        }


async def measure(house: House, *, sleepers: int) -> Slept:
    """Opens invoices that sleep until their first level. The worker keeps only so many awake as its cache holds."""
    await house.start_worker("lives")
    disk = _disk(house)
    worker, server = house.resident("lives"), house.resident("server")
    await open_sleepers(house, sleepers)
    slept = Slept(sleepers, worker, house.resident("lives"), server, house.resident("server"), _disk(house) - disk)
    await house.stop("lives")
    return slept


def _disk(house: House) -> float:
    """MiB that the server's file has grown to."""
    return sum(file.stat().st_size for file in house.folder.glob("temporal.db*")) / 2**20
