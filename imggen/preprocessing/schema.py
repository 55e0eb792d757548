"""Checks a parsed JSON file against ``schema.json``, with messages that name the field."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imggen.core import shorten

_TYPES: dict[str, tuple[type, str]] = {
    "object": (dict, "an object"),
    "array": (list, "a list"),
    "string": (str, "a string"),
    "boolean": (bool, "true or false"),
    "null": (type(None), "null"),
}


@functools.cache
def read_schema() -> dict[str, Any]:
    """Returns the JSON Schema of files of settings."""
    text = Path(__file__).with_name("schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def check_value(value: object, schema: Mapping[str, Any], name: str = "") -> None:
    """Checks a value against a schema, as far as ``schema.json`` uses the language.

    Args:
        value: The parsed value.
        schema: Its schema.
        name: The field, such as "resize.image_size"; empty for the whole file.

    Raises:
        ValueError: The value does not match; the message is a clause that names the field.
    """
    fault = _find_fault(value, schema)
    if fault is not None:
        raise ValueError(f"{name or 'it'} is {shorten(value)}; expected {fault}")
    if isinstance(value, dict):
        properties, others = schema["properties"], schema["additionalProperties"]
        for key in schema["required"]:
            if key not in value:
                raise ValueError(f"the field {_join(name, key)} is missing")
        for key, member in value.items():
            expected = properties.get(key, others)
            if not expected:
                raise ValueError(f"the field {_join(name, key)} is not known")
            check_value(member, expected, _join(name, key))


def _join(name: str, key: str) -> str:
    return f"{name}.{key[:80]}" if name else key[:80]


def _find_fault(value: object, schema: Mapping[str, Any]) -> str | None:
    """Returns what is expected in place of a value; None if it is legal."""
    if "anyOf" in schema:
        faults = [_find_fault(value, choice) for choice in schema["anyOf"]]
        return None if None in faults else " or ".join(map(str, faults))
    if "const" in schema or "enum" in schema:
        choices = schema.get("enum", [schema.get("const")])
        if any(type(value) is type(choice) and value == choice for choice in choices):
            return None
        return " or ".join(map(repr, choices))
    kind = schema["type"]
    if kind in ("integer", "number"):
        return _find_number_fault(value, schema)
    expected_type, noun = _TYPES[kind]
    if not isinstance(value, expected_type):
        return noun
    if isinstance(value, list):
        low, high = schema.get("minItems", 0), schema.get("maxItems", math.inf)
        items = schema["items"]
        if not low <= len(value) <= high or any(_find_fault(item, items) for item in value):
            count = f"{low} " if low == high else "one or more " if low else ""
            return f"a list of {count}values, each {_describe_item(items)}"
    return None


def _find_number_fault(value: object, schema: Mapping[str, Any]) -> str | None:
    is_whole = schema["type"] == "integer"
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    is_number = isinstance(value, int) or (isinstance(value, float) and not is_whole)
    if is_number and not isinstance(value, bool):
        assert isinstance(value, int | float)  # noqa: S101 - for the type checker
        if low <= value <= high and abs(value) < math.inf:
            return None
    return _describe_item(schema)


def _describe_item(schema: Mapping[str, Any]) -> str:
    if schema["type"] == "string":
        return "a string"
    noun = "a whole number" if schema["type"] == "integer" else "a finite number"
    if "maximum" in schema:
        return f"{noun} from {schema['minimum']} to {schema['maximum']}"
    return f"{noun} of {schema['minimum']} or more" if "minimum" in schema else noun
