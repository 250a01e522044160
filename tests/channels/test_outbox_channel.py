"""The outbox: whole files or none, one a key."""

import asyncio
import os
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from writing import a_letter

from channels.channel import NotSent, Refused
from channels.outbox import OutboxChannel, file_name_of


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_letter_becomes_a_file_that_a_mail_program_opens(tmp_path: Path):
    folder = tmp_path / "var" / "outbox"
    delivered = await OutboxChannel(folder).send(a_letter())
    assert _names(folder) == [delivered.reference]
    assert delivered.reference.startswith("C-1_level-1_2024-03-06-")
    mail = message_from_bytes((folder / delivered.reference).read_bytes(), policy=default)
    assert mail["To"] == "anna@acme.example"
    assert mail["Subject"] == "Reminder: invoice INV-1 was due on 1 March 2024"


async def test_promise_1_asked_twice_and_at_the_same_time_there_is_one_file(tmp_path: Path):
    channel = OutboxChannel(tmp_path)
    first = await channel.send(a_letter())
    written = (tmp_path / first.reference).read_bytes()
    others = await asyncio.gather(*(channel.send(a_letter(subject=f"another {n}")) for n in range(10)))
    assert {other.reference for other in others} == {first.reference}
    assert _names(tmp_path) == [first.reference]
    assert (tmp_path / first.reference).read_bytes() == written
    await channel.close()


async def test_at_the_same_time_from_the_start_there_is_one_whole_file(tmp_path: Path):
    await asyncio.gather(*(OutboxChannel(tmp_path).send(a_letter()) for _ in range(10)))
    [name] = _names(tmp_path)
    mail = message_from_bytes((tmp_path / name).read_bytes(), policy=default)
    assert mail.get_body(("html",)) is not None


async def test_what_a_killed_process_left_half_written_is_not_a_letter(tmp_path: Path):
    (tmp_path / f".{file_name_of('C-1:level-1:2024-03-06')}.abc.part").write_bytes(b"From: hal")
    await OutboxChannel(tmp_path).send(a_letter())
    assert len([name for name in _names(tmp_path) if name.endswith(".eml")]) == 1


async def test_an_outbox_that_cannot_be_written_means_not_sent(tmp_path: Path):
    in_the_way = tmp_path / "outbox"
    in_the_way.write_text("a file where the folder should be")
    with pytest.raises(NotSent, match="correct the outbox folder"):
        await OutboxChannel(in_the_way).send(a_letter())


async def test_a_letter_to_no_address_is_refused_and_leaves_nothing(tmp_path: Path):
    with pytest.raises(Refused) as refused:
        await OutboxChannel(tmp_path).send(a_letter(to="nobody"))
    assert refused.value.is_address_fault
    assert _names(tmp_path) == []


@given(key=st.text(min_size=1, max_size=300))
def test_any_key_makes_a_safe_file_name(key: str):
    name = file_name_of(key)
    assert name.endswith(".eml")
    assert name == os.path.basename(name)
    assert not name.startswith(".")
    assert len(name) <= 120
    assert name.isascii()


@given(keys=st.sets(st.sampled_from(["a:b", "a_b", "a/b", "A:b", "../a:b", "a:b ", "", "ä", "ö"]), min_size=2))
def test_two_keys_never_share_a_file(keys: set[str]):
    assert len({file_name_of(key).lower() for key in keys}) == len(keys)
