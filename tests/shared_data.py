"""Real ledgers, mails and webhooks of others: no part of the project, found beside it or by BATON_SHARED_DATA."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

SharedData = Callable[[str], Path]


@pytest.fixture(scope="session")
def shared_data() -> SharedData:
    """`shared_data("ledgers/x.csv")` is the path of a file or folder there; the test is skipped where it is absent."""
    told = os.environ.get("BATON_SHARED_DATA")
    folder = Path(told) if told else Path(__file__).resolve().parents[2] / "shared" / "data"

    def find(name: str) -> Path:
        path = folder / name
        if not path.exists():
            pytest.skip(f"needs {name} of the shared data: set BATON_SHARED_DATA, or put it at ../shared/data")
        return path

    return find
