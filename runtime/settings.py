"""The settings: one flat, frozen set, read from BATON_… variables when asked for, never at import.

How to reach Temporal is not among them: that is the SDK's own business (`TEMPORAL_ADDRESS`, profiles; see
`runtime.temporal`). Here stand only the ports of the embedded server.
"""

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "BATON_"
OTHER_VARIABLES = ("BATON_TEMPORAL_BIN", "BATON_TEMPORAL_TEST_SERVER_BIN")
"""Ours as well, but read by `runtime.temporal.find_binary`."""

Port = Annotated[int, Field(ge=1, le=65535)]
Slots = Annotated[int, Field(ge=1, le=10_000)]


class Settings(BaseSettings):
    """What an installation of Baton may choose. Every field is the variable BATON_<FIELD>; empty means not set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", validate_default=True
    )

    var_dir: Path = Field(Path("var"), description="folder for all that a running Baton keeps: stores, logs, outbox")
    store_url: str = Field(
        default_factory=lambda given: f"sqlite:///{(given.get('var_dir') or Path('var')) / 'baton.db'}",
        repr=False,
        description="where the business record is: sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/NAME",
    )
    outbox_dir: Path = Field(
        default_factory=lambda given: (given.get("var_dir") or Path("var")) / "outbox",
        description="folder that takes the messages when the channel is outbox",
    )
    policy_file: Path | None = Field(None, description="collection policy (YAML); without one, the built-in policy")
    templates_dir: Path | None = Field(None, description="folder of message templates that go before the built-in ones")

    channel: Literal["outbox", "smtp", "http"] = Field("outbox", description="how messages leave the house")
    smtp_host: str | None = Field(None, description="name of the mail server")
    smtp_port: Port = Field(587, description="port of the mail server")
    smtp_tls: Literal["none", "starttls", "tls"] = Field("starttls", description="how the mail server is spoken to")
    smtp_user: str | None = Field(None, description="user at the mail server; without one, no authentication")
    smtp_password: SecretStr | None = Field(None, description="password at the mail server")
    smtp_sender: str | None = Field(
        None, description="envelope sender, to which bounces go; without one, the sender of the policy"
    )
    http_provider_url: str | None = Field(None, description="https:// address that takes messages as JSON")
    http_provider_token: SecretStr | None = Field(None, description="bearer token of the HTTP provider")
    send_timeout_seconds: float = Field(60, gt=0, le=600, description="how long one attempt to send may take")
    lease_seconds: float = Field(
        120, gt=0, le=3600, description="how long a reserved message belongs to one attempt; longer than the attempt"
    )

    task_queue: str = Field("baton", min_length=1, max_length=200, description="the task queue of our workers")
    temporal_port: Port = Field(7233, description="port of the embedded Temporal server")
    ui_port: Port = Field(8233, description="port of the embedded Temporal server's UI")
    activity_slots: Slots = Field(50, description="activities that one worker runs at once")
    local_activity_slots: Slots = Field(50, description="local activities that one worker runs at once")
    cached_workflows: Slots = Field(1000, description="workflows that one worker keeps awake, ready to go on")
    shutdown_seconds: float = Field(
        10, ge=0, le=600, description="how long a worker that is told to stop lets its activities end"
    )

    api_host: str = Field("127.0.0.1", min_length=1, description="address on which the API listens")
    api_port: Port = Field(8040, description="port on which the API listens")
    api_url: str = Field(
        default_factory=lambda given: _local_url(given.get("api_host"), given.get("api_port")),
        description="how others reach the API: http(s)://HOST[:PORT], without a slash at its end",
    )

    metrics_port: Port | None = Field(None, description="port for the worker's Prometheus metrics; without one, none")
    metrics_host: str = Field("127.0.0.1", description="address on which the metrics are served")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="how much is logged")
    log_format: Literal["text", "json"] = Field("text", description="json writes one object a line")

    @field_validator("log_level", "log_format", "channel", "smtp_tls", mode="before")
    @classmethod
    def _in_any_case(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("store_url")
    @classmethod
    def _is_a_known_store(cls, value: str) -> str:
        engine = value.partition("://")[0].partition("+")[0]
        if engine not in ("sqlite", "postgresql"):
            raise ValueError("no store that Baton knows")
        return value

    @field_validator("smtp_host", "http_provider_url")
    @classmethod
    def _is_there_when_needed(cls, value: str | None, info: ValidationInfo) -> str | None:
        needed_for = {"smtp_host": "smtp", "http_provider_url": "http"}[info.field_name or ""]
        if value is None and info.data.get("channel") == needed_for:
            raise ValueError(f"missing, and BATON_CHANNEL={needed_for} needs it")
        return value

    @field_validator("http_provider_url", "api_url")
    @classmethod
    def _is_a_web_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", value):
            raise ValueError("not an address that starts with http:// or https://")
        return value.rstrip("/") if value else value

    @field_validator("smtp_password")
    @classmethod
    def _comes_with_a_user(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None and "smtp_user" in info.data and info.data["smtp_user"] is None:
            raise ValueError("given without BATON_SMTP_USER")
        return value

    @field_validator("lease_seconds")
    @classmethod
    def _outlasts_an_attempt(cls, value: float, info: ValidationInfo) -> float:
        attempt = info.data.get("send_timeout_seconds")
        if attempt is not None and value <= attempt:
            raise ValueError(
                f"not longer than BATON_SEND_TIMEOUT_SECONDS ({attempt:g}): a message could be taken over while its "
                f"first attempt still runs"
            )
        return value

    @field_validator("ui_port", "api_port", "metrics_port")
    @classmethod
    def _is_a_port_of_its_own(cls, value: int | None, info: ValidationInfo) -> int | None:
        for other in ("temporal_port", "ui_port", "api_port"):
            if value is not None and info.data.get(other) == value:
                raise ValueError(f"already the value of {variable_of(other)}; each needs a port of its own")
        return value

    @property
    def shown_store_url(self) -> str:
        """The store's address without its password, fit to be printed."""
        return without_password(self.store_url)


@dataclass(frozen=True)
class SettingFault:
    """One wrong setting: the variable, what stands there (secrets hidden), what is wrong, and what to do."""

    variable: str
    value: str
    words: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.variable}{'=' + self.value if self.value else ''}: {self.words}. {self.remedy}"


class BadSetting(Exception):
    """The settings cannot be used. `faults` has all of them; the text has one line for each."""

    def __init__(self, faults: tuple[SettingFault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


def load_settings(**chosen: object) -> Settings:
    """The settings of this process: `chosen` (a command's options; None means not chosen) before BATON_… variables.

    Raises BadSetting with every fault. A variable that is nearly one of ours is a fault; any other is left alone.
    """
    misspelt = tuple(_misspelt(os.environ))
    try:
        settings = Settings(**{name: value for name, value in chosen.items() if value is not None})  # pyright: ignore[reportArgumentType]  pydantic checks them
    except ValidationError as errors:
        faults = tuple(
            _fault(error)
            for error in errors.errors(include_url=False)
            if error["type"] != "default_factory_not_called"  # follows from another fault
        )
        raise BadSetting(faults + misspelt) from None  # the cause would print secrets
    if misspelt:
        raise BadSetting(misspelt)
    return settings


def variable_of(field: str) -> str:
    """The name of the environment variable behind a field."""
    return f"{PREFIX}{field.upper()}"


def without_password(url: str) -> str:
    return re.sub(r"://([^:/@\s]*):[^/\s]*@", r"://\1:***@", url)


def _local_url(host: object, port: object) -> str:
    reachable = "127.0.0.1" if host in (None, "0.0.0.0", "::") else str(host)
    return f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port or 8040}"


def _fault(error: ErrorDetails) -> SettingFault:
    field = str(error["loc"][0]) if error["loc"] else ""
    about = Settings.model_fields.get(field)
    if about is None:
        return SettingFault(variable_of(field), "", "no such setting", "Take it away.")
    is_missing = error["input"] is None
    is_secret = "SecretStr" in str(about.annotation)
    value = "" if is_missing else "***" if is_secret else without_password(str(error["input"]))
    words = error["msg"].removeprefix("Value error, ")
    words = words[:1].lower() + words[1:]
    remedy = f"Set it to: {about.description}."
    if not about.is_required() and about.default is not None and about.default_factory is None:
        remedy += f" Not set, it is {about.default}."
    return SettingFault(variable_of(field), value, words.rstrip("."), remedy)


def _misspelt(environment: os._Environ[str]) -> list[SettingFault]:
    known = {variable_of(field) for field in Settings.model_fields} | set(OTHER_VARIABLES)
    faults: list[SettingFault] = []
    for name in sorted(environment):
        if not name.upper().startswith(PREFIX) or name.upper() in known:
            continue
        if near := difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.85):
            faults.append(SettingFault(name, "", "no such setting", f"Did you mean {near[0]}?"))
    return faults
