"""The outbox: each letter a file that any mail program opens. The default channel, and the double of the tests."""

import asyncio
import contextlib
import os
import re
import secrets
from pathlib import Path

from channels.channel import Delivered, InDoubt, NotSent
from channels.mime import digest_of, mail_bytes
from receivables.messages import ChannelName, Letter

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_READABLE = 80


def file_name_of(key: str) -> str:
    """A file name for a key, whatever the key holds: what is readable of it, and a digest that tells all keys apart."""
    readable = _UNSAFE.sub("_", key).strip("._-")[:_LONGEST_READABLE]
    return f"{readable}-{digest_of(key)[:16]}.eml" if readable else f"{digest_of(key)[:16]}.eml"


class OutboxChannel:
    """Writes `.eml` files into a folder, whole or not at all. A key that was written once is not written again."""

    name = ChannelName.EMAIL
    is_idempotent = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, letter: Letter) -> Delivered:
        return await asyncio.to_thread(self._write, file_name_of(letter.key), mail_bytes(letter))

    async def close(self) -> None:
        """Nothing is held open."""

    def _write(self, file_name: str, content: bytes) -> Delivered:
        final = self._folder / file_name
        part = self._folder / f".{file_name[-60:]}.{secrets.token_hex(6)}.part"
        is_in_place = False
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if final.exists():
                return Delivered(reference=file_name)
            with part.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            # In one step, so that nobody ever reads half a letter; two writers of one key leave one file.
            part.replace(final)
            is_in_place = True
            _flush_folder(self._folder)
        except OSError as fault:
            if is_in_place:
                raise InDoubt(f"{final} was written, but perhaps not to the disk: {fault}") from fault
            with contextlib.suppress(OSError):
                part.unlink()
            raise NotSent(f"{final} could not be written ({fault}); make room or correct the outbox folder") from fault
        return Delivered(reference=file_name)


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
