"""The fixture of diaries: `diary(policy)` opens one on SQLite, with the policy that the test names."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from receivables.collection_policy import CollectionPolicy
from store.database import Database
from tests.builders import a_policy
from tests.diary import Diary, a_diary

OpenDiary = Callable[..., Awaitable[Diary]]


@pytest.fixture
async def diary(sqlite_database: Database, tmp_path: Path) -> AsyncIterator[OpenDiary]:
    """Opens a diary; without a policy, the builders' one (levels 15, 30 and 40 days after the due day)."""
    async with AsyncExitStack() as stack:

        async def open_diary(policy: CollectionPolicy | None = None, *, feed_days: int = 3650) -> Diary:
            opened = a_diary(sqlite_database, tmp_path, policy or a_policy(), feed_days=feed_days)
            return await stack.enter_async_context(opened)

        yield open_diary
