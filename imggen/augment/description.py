"""Descriptions of the parameters that were drawn, for people and for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from imggen.augment.base import DrawnParameters
from imggen.augment.builtin import BuiltIn
from imggen.augment.operations import Operation, to_jsonable


class AppliedStep(NamedTuple):
    """An augmentation as it was applied to one sample.

    Attributes:
        name: The name of the augmentation.
        parameters: The drawn parameters, JSON-serializable; None if the sample was left unchanged
            by chance.
    """

    name: str
    parameters: Any

    def __str__(self) -> str:
        if self.parameters is None:
            return f"{self.name}: left out"
        text = _format(self.parameters)
        return f"{self.name}: {text}" if text else self.name


def describe_drawn(name: str, drawn: DrawnParameters | list[Operation]) -> Any:
    """Returns the parameters that a step drew, JSON-serializable; None if it left out a sample."""
    if not isinstance(drawn, list):
        return to_jsonable(drawn)
    if len(drawn) == 1 and isinstance(drawn[0].op, BuiltIn) and drawn[0].op.name == name:
        return to_jsonable(drawn[0].parameters)
    return {"operations": to_jsonable(drawn)}


def _format(parameters: Any) -> str:
    """Formats parameters for people: three digits, without the seed and needless brackets."""
    if isinstance(parameters, Mapping):
        if set(parameters) <= {"operations", "applied"}:
            return "; ".join(map(_format, *parameters.values())) if parameters else ""
        shown = {name: value for name, value in parameters.items() if name != "seed"}
        return ", ".join(f"{name} {_format_value(value)}".rstrip() for name, value in shown.items())
    return _format_value(parameters)


def _format_value(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, Mapping):
        return _format(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(_format_value, value)) + "]"
    return str(value)
