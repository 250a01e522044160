"""A policy file becomes a `CollectionPolicy`, or every fault of it is named with its line."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import ValidationError

from policy.fault_words import did_you_mean, shown, words_of
from policy.yaml_tree import Place, Tree, Value, read_tree
from receivables.collection_policy import CollectionPolicy
from receivables.frozen import Frozen

LARGEST_BYTES = 1_000_000
MOST_FAULTS = 100
"""So many are listed; a file with more is the wrong file."""

_EMAIL = re.compile(r"[^@\s<>,;:\"]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_DOMAIN = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_COUNTRY = re.compile(r"[A-Z]{2}")
_ONE_LINE = ("company", "email", "reply_domain", "person", "phone")


class PolicyFault(Frozen):
    """What is wrong, where (line and column from 1, `place` such as `ladders.standard.levels[0]`), and what to do."""

    line: int
    column: int
    place: str
    words: str


class BadPolicy(ValueError):
    """The policy is refused. `faults` has each fault, in the order of the file; `str()` lists them, a line each."""

    def __init__(self, origin: str, faults: tuple[PolicyFault, ...]) -> None:
        self.origin = origin
        self.faults = faults
        super().__init__(origin, faults)

    def __str__(self) -> str:
        return "\n".join(
            f"{self.origin}:{fault.line}: {fault.place + ': ' if fault.place else ''}{fault.words}"
            for fault in self.faults
        )


def read_policy(text: str, *, origin: str) -> CollectionPolicy:
    """Read and check a policy's YAML text; `origin` is what the faults are named by (a file's name).

    Raises `BadPolicy` with every fault. Whether the templates that it names exist is for the channels to check.
    """
    if len(text.encode("utf-8", "replace")) > LARGEST_BYTES:
        raise BadPolicy(
            origin, (_fault(1, 1, "", f"larger than {LARGEST_BYTES:,} bytes; a policy has some hundred lines"),)
        )
    tree = read_tree(text)
    faults = [_fault(*fault.spot, _path(fault.place), fault.words) for fault in tree.faults]
    policy: CollectionPolicy | None = None
    if tree.value is None and not faults:
        faults.append(_fault(1, 1, "", "the file is empty; start from a copy of policy/default.yaml"))
    elif tree.value is not None and not isinstance(tree.value, dict):
        faults.append(_fault(*tree.spot_of(()), "", "a policy is fields with values (`name: …`)"))
    elif isinstance(tree.value, dict):
        policy, found = _validate(tree, tree.value)
        faults.extend(found)
    if policy is None or faults:
        raise BadPolicy(origin, _in_order(faults))
    return policy.model_copy(update={"version": version_of(policy)})


def read_policy_bytes(content: bytes, *, origin: str) -> CollectionPolicy:
    """As `read_policy`, for a file's or a request's bytes, which must be UTF-8."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        raise BadPolicy(
            origin, (_fault(line, 1, "", f"byte {fault.start} is not UTF-8; save the file as UTF-8"),)
        ) from fault
    return read_policy(text, origin=origin)


def default_policy_text() -> str:
    """The commented default that ships with Baton."""
    return files("policy").joinpath("default.yaml").read_text(encoding="utf-8")


def version_of(policy: CollectionPolicy) -> str:
    """The first 12 hex digits of SHA-256 over the canonical JSON of what the policy says.

    Comments, order of fields and spelled-out defaults make no other version, and neither does a field that a later
    Baton adds with a default: a policy stored today keeps its version.
    """
    content = policy.model_dump(mode="json", by_alias=True, exclude={"version"}, exclude_defaults=True)
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def _validate(tree: Tree, content: dict[str, Value]) -> tuple[CollectionPolicy | None, list[PolicyFault]]:
    """The model's faults and those that need knowledge of the world, all of them."""
    policy: CollectionPolicy | None = None
    # The model compares names only once all fields are right; here they are compared in any case.
    found = dict(_names_that_do_not_exist(content))
    if "version" in content:
        found["version",] = "the version is derived from the content; delete this line"
    try:
        policy = CollectionPolicy.model_validate({name: value for name, value in content.items() if name != "version"})
    except ValidationError as refusal:
        for error in refusal.errors(include_url=False):
            place = tuple(part for part in error["loc"] if part != "[key]")
            found.setdefault(place, words_of(error, place))
    for place, words in _world_faults(content):
        found.setdefault(place, words)
    known = {fault.place for fault in tree.faults}
    return policy, [
        _fault(*tree.spot_of(place), _path(place), words) for place, words in found.items() if place not in known
    ]


def _names_that_do_not_exist(content: Mapping[str, Value]) -> Iterator[tuple[Place, str]]:
    ladders = set(_fields(content.get("ladders")))
    segments = {
        name for _, segment in _items(content.get("segments")) if isinstance(name := _fields(segment).get("name"), str)
    }
    for number, segment in _items(content.get("segments")):
        yield from _unknown("ladder", _fields(segment).get("ladder"), ladders, ("segments", number, "ladder"))
    yield from _unknown("ladder", content.get("default_ladder"), ladders, ("default_ladder",))
    for number, rule in _items(content.get("escalations")):
        for position, name in _items(_fields(rule).get("segments")):
            yield from _unknown("segment", name, segments, ("escalations", number, "segments", position))


def _unknown(noun: str, name: Value, known: set[str], place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(name, str) and known and name not in known:
        yield place, f"there is no {noun} {name!r}{did_you_mean(name, known)}; known: {', '.join(sorted(known))}"


def _world_faults(content: Mapping[str, Value]) -> Iterator[tuple[Place, str]]:
    """What a model cannot know by itself: zones, and addresses that must fit a mail's header."""
    zones = _fields(content.get("time_zones"))
    if "default" not in zones and isinstance(content.get("time_zones", {}), dict):
        yield ("time_zones",), "a zone for the countries that are not listed is missing; add `default: Europe/London`"
    for country, zone in zones.items():
        if country != "default" and not _COUNTRY.fullmatch(country):
            yield ("time_zones", country), "a country is two capital letters (ISO 3166-1), or `default` for the rest"
        elif isinstance(zone, str) and not _is_zone(zone):
            near = did_you_mean(zone, available_timezones())
            yield ("time_zones", country), f"{shown(zone)} is no IANA time zone{near}; write one like Europe/London"
    sender = _fields(content.get("sender"))
    for field in _ONE_LINE:
        value = sender.get(field)
        if isinstance(value, str) and ("\n" in value or not value.strip()):
            yield ("sender", field), "one line of text that is not empty"
    if isinstance(email := sender.get("email"), str) and not _EMAIL.fullmatch(email):
        yield ("sender", "email"), f"{shown(email)} is no e-mail address; write one like accounts@example.com"
    if isinstance(domain := sender.get("reply_domain"), str) and not _DOMAIN.fullmatch(domain):
        yield ("sender", "reply_domain"), f"{shown(domain)} is no domain; write one like reply.example.com"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _fields(value: Value) -> Mapping[str, Value]:
    return value if isinstance(value, dict) else {}


def _items(value: Value) -> Iterator[tuple[int, Value]]:
    return enumerate(value) if isinstance(value, list) else iter(cast("list[tuple[int, Value]]", []))


def _path(place: Place) -> str:
    path = ""
    for part in place:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path if len(path) <= 200 else path[:197] + "…"


def _fault(line: int, column: int, place: str, words: str) -> PolicyFault:
    return PolicyFault(line=line, column=column, place=place, words=words)


def _in_order(faults: list[PolicyFault]) -> tuple[PolicyFault, ...]:
    ordered = sorted(faults, key=lambda fault: (fault.line, fault.column))
    if len(ordered) > MOST_FAULTS:
        more = len(ordered) - MOST_FAULTS
        last = ordered[MOST_FAULTS - 1]
        return (*ordered[:MOST_FAULTS], _fault(last.line, last.column, "", f"… and {more} more faults"))
    return tuple(ordered)
