"""What `baton run` remembers of its example, so that a later start tells the same again and nothing else."""

import os
from datetime import date, datetime
from pathlib import Path

from pydantic import Field, ValidationError

from commands.terminal import CommandFault
from receivables.frozen import Frozen


class ExampleMemory(Frozen):
    """`first_on`: the day that the ledger's "today" stands for. `done`: steps that are over, each with its instant."""

    first_on: date
    is_loaded: bool = False
    began: dict[str, datetime] = Field(default_factory=dict)
    """When each customer began to act: what they say is dated by it, however often it is told."""
    done: tuple[str, ...] = ()


class MemoryFile:
    """`var/example.json`; written whole, so that a kill leaves the old or the new."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> ExampleMemory | None:
        """None before the first start with the example. Raises CommandFault."""
        try:
            return ExampleMemory.model_validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as fault:
            raise CommandFault(
                f"{self._file} cannot be read: it is what `baton run` remembers of its example",
                remedy=f"Put it back, or start afresh without the folder {self._file.parent}.",
            ) from fault

    def write(self, memory: ExampleMemory) -> ExampleMemory:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_suffix(".tmp")
        with fresh.open("w", encoding="utf-8") as into:
            into.write(memory.model_dump_json(indent=2) + "\n")
            into.flush()
            os.fsync(into.fileno())
        fresh.replace(self._file)
        return memory
