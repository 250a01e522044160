"""The base of every noun: a value that never changes and refuses unknown fields."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """An immutable, validated value. Change is a new value (`model_copy(update=…)`, or a `with_…` method)."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Payload(BaseModel):
    """What crosses the engine (signal, update, activity, workflow): fields are only ever added, with defaults.

    Unknown fields are ignored, so that a worker of the version before reads what the next one wrote.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
