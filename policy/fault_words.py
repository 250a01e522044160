"""What the model says of a faulty policy, in words for whoever writes the file: what was expected, what to do."""

from __future__ import annotations

import re
import types
from collections.abc import Collection
from difflib import get_close_matches
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from policy.yaml_tree import Place
from receivables.collection_policy import CollectionPolicy

_MEMBER = re.compile(r"<\w+\.\w+: '(\w+)'>")
"""How the model writes a member of an enumeration: `<Tone.FIRM: 'firm'>`."""

_EXPECTED = {
    "model_type": "fields with values (`name: value`) are expected here",
    "dict_type": "fields with values (`name: value`) are expected here",
    "tuple_type": "a list is expected here, as `[one, two]` or a line with `- ` for each",
    "string_type": "a text is expected here",
    "int_type": "a whole number is expected here",
    "int_parsing": "a whole number is expected here",
    "int_parsing_size": "a whole number is expected here",
    "int_from_float": "a whole number is expected here",
    "float_type": "a number is expected here",
    "float_parsing": "a number is expected here",
    "finite_number": "a number is expected here",
    "bool_type": "true or false is expected here",
    "bool_parsing": "true or false is expected here",
}


def words_of(error: ErrorDetails, place: Place) -> str:
    """One fault in words. `place` is where it is in the file."""
    given = shown(error["input"])
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            words = f"this field is missing; add `{place[-1]}:` here"
        case "extra_forbidden":
            known = _fields_at(place[:-1])
            words = f"unknown field{did_you_mean(str(place[-1]), known)}; known here: {', '.join(sorted(known))}"
        case "enum" | "literal_error":
            expected = _MEMBER.sub(r"\1", str(context["expected"])).replace("'", "")
            near = did_you_mean(str(error["input"]), expected.replace(" or ", ", ").split(", "))
            words = f"{given} is not one of {expected}{near}"
        case "policy":
            words = str(context["words"])
        case "value_error":
            words = error["msg"].removeprefix("Value error, ")
        case "string_pattern_mismatch" if str(context["pattern"]).startswith("^[a-z]"):
            words = f"{given} is no name: small letters, digits and _, a letter first, at most 40"
        case "string_pattern_mismatch":
            words = f"{given} does not begin as it must: {str(context['pattern']).removeprefix('^')}"
        case kind if kind in _EXPECTED:
            words = f"{_EXPECTED[kind]}, not {given}"
        case _:
            words = f"{error['msg']}, not {given}"
    return words


def did_you_mean(name: str, known: Collection[str]) -> str:
    """ "; did you mean sender?" where one of the known names is close, else nothing."""
    near = get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def shown(value: object) -> str:
    """What stands in the file, short enough for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "fields"
    if isinstance(value, list | tuple):
        return "a list"
    text = str(value)
    return repr(text if len(text) <= 60 else text[:57] + "…")


def _fields_at(place: Place) -> set[str]:
    """The fields that may stand at a place of the file."""
    annotation: Any = CollectionPolicy
    for part in place:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            annotation = _fields_of(annotation).get(str(part))
        elif get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        elif get_origin(annotation) is tuple:
            annotation = get_args(annotation)[0]
        annotation = _bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return set(_fields_of(annotation)) - {"version"}
    return set()


def _fields_of(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _bare(annotation: Any) -> Any:
    """Without Annotated and `| None`."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            annotation = next(part for part in get_args(annotation) if part is not type(None))
        else:
            return annotation
