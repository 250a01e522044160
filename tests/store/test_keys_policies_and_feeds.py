"""Keys of the API, activated policies, and payment feeds."""

import asyncio
import hashlib

import pytest
from sqlalchemy import select

from receivables.access import Role
from store import feeds, keys, policies, tables
from store.database import Database
from store.feeds import NoSuchFeed
from store.keys import KeyOfNobody, NoSuchKey
from tests.builders import a_feed, utc

NOW = utc(2024, 3, 1, 12)
LATER = utc(2024, 3, 2, 12)


async def test_a_key_opens_until_it_is_revoked(database: Database):
    async with database.writing() as connection:
        record, text = await keys.make_key(connection, role=Role.SERVICE, name="billing", at=NOW)
        assert await keys.check_key(connection, text) == record
        assert await keys.revoke_key(connection, key_id=record.key_id, at=LATER)
        assert not await keys.revoke_key(connection, key_id=record.key_id, at=LATER)
        assert await keys.check_key(connection, text) is None
        assert [key.revoked_at for key in await keys.list_keys(connection)] == [LATER]
        with pytest.raises(NoSuchKey):
            await keys.revoke_key(connection, key_id="0", at=LATER)


async def test_a_secret_is_long_random_and_never_stored(database: Database):
    async with database.writing() as connection:
        record, text = await keys.make_key(connection, role=Role.OPERATOR, name="ops", at=NOW)
        rows = (await connection.execute(select(tables.keys))).all()
    prefix, key_id, secret = text.split("_", 2)
    assert (prefix, key_id) == ("baton", record.key_id)
    assert len(secret) == 43  # 256 bits in base64
    assert rows[0].secret_hash == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in str(rows)


async def test_a_wrong_key_opens_nothing(database: Database):
    async with database.writing() as connection:
        _, text = await keys.make_key(connection, role=Role.AGENT, name="Anna", agent_id="agent-1", at=NOW)
        for wrong in ("", "baton", "baton__", text[:-1], f"{text}x", text.replace("baton", "Baton"),
                      f"baton_0_{text.split('_', 2)[2]}", f"{text}\n", f"{text}ü", "baton_\x00_x"):  # fmt: skip
            assert await keys.check_key(connection, wrong) is None, wrong


@pytest.mark.parametrize("role", [Role.AGENT, Role.MANAGER])
async def test_a_persons_key_names_whose_it_is(sqlite_database: Database, role: Role):
    async with sqlite_database.writing() as connection:
        with pytest.raises(KeyOfNobody):
            await keys.make_key(connection, role=role, name="?", at=NOW)


async def activate(database: Database, version: str) -> bool:
    async with database.writing() as connection:
        return await policies.activate(connection, version=version, name="standard", text=f"text {version}", at=NOW)


async def in_force(database: Database) -> str | None:
    async with database.reading() as connection:
        policy = await policies.current(connection)
    return policy.version if policy is not None else None


async def test_without_a_policy_there_is_none(database: Database):
    assert await in_force(database) is None


async def test_activating_replaces_the_current_policy_and_keeps_the_earlier_ones(database: Database):
    assert await activate(database, "a")
    assert await activate(database, "b")
    assert await in_force(database) == "b"
    async with database.reading() as connection:
        assert await policies.all_texts(connection) == {"a": "text a", "b": "text b"}


async def test_activating_the_current_policy_again_changes_nothing(database: Database):
    assert await activate(database, "a")
    assert not await activate(database, "a")


async def test_an_earlier_policy_can_come_back(database: Database):
    for version in "aba":
        await activate(database, version)
    assert await in_force(database) == "a"
    async with database.reading() as connection:
        assert set(await policies.all_texts(connection)) == {"a", "b"}


async def test_of_twenty_activations_at_once_one_is_in_force_and_all_are_kept(database: Database):
    versions = [f"{number:02}" for number in range(20)]
    await asyncio.gather(*(activate(database, version) for version in versions))
    async with database.reading() as connection:
        current = await connection.execute(select(tables.policies.c.version).where(tables.policies.c.is_current))
        assert len(current.all()) == 1
        assert sorted(await policies.all_texts(connection)) == versions


async def test_no_feed_was_ever_heard_of(database: Database):
    async with database.reading() as connection:
        assert await feeds.stalest_feed(connection) is None


async def test_the_stalest_feed_decides(database: Database):
    bank, cards = a_feed(complete_until_at=LATER), a_feed(feed_id="cards", complete_until_at=NOW)
    async with database.writing() as connection:
        for feed in (bank, cards):
            assert await feeds.report_feed(connection, feed)
        assert await feeds.stalest_feed(connection) == cards
        assert await feeds.list_feeds(connection) == [cards, bank]


async def test_an_older_report_does_not_take_the_feed_back(database: Database):
    async with database.writing() as connection:
        newest = a_feed(complete_until_at=LATER, told_at=LATER)
        assert await feeds.report_feed(connection, newest)
        assert not await feeds.report_feed(connection, a_feed(complete_until_at=NOW, told_at=LATER))
        assert not await feeds.report_feed(connection, newest)
        assert await feeds.stalest_feed(connection) == newest


async def test_one_alert_a_staleness(database: Database):
    async with database.writing() as connection:
        await feeds.report_feed(connection, a_feed(complete_until_at=NOW))
        assert await feeds.mark_alerted(connection, feed_id="bank", at=LATER)
        assert not await feeds.mark_alerted(connection, feed_id="bank", at=LATER)
        # Told again, and still too old: the alert stands.
        await feeds.report_feed(connection, a_feed(complete_until_at=utc(2024, 3, 1, 13)), fresh_from=LATER)
        assert not await feeds.mark_alerted(connection, feed_id="bank", at=LATER)
        # Fresh again: the next staleness is alerted anew.
        await feeds.report_feed(connection, a_feed(complete_until_at=LATER), fresh_from=LATER)
        assert await feeds.mark_alerted(connection, feed_id="bank", at=LATER)
        with pytest.raises(NoSuchFeed):
            await feeds.mark_alerted(connection, feed_id="cards", at=LATER)
