"""Targets that flow_from_dataframe passes on as they are, and imggen's own call for them."""

from __future__ import annotations

import ast
import json

from imggen.migrate.values import Arguments, Text

UNENCODED = "targets as they are"
EFFECT = (
    'With class_mode="raw" and "multi_output", the values of the columns become targets as they '
    "are: text is not encoded, and a missing value becomes a loss of NaN."
)
FIX = (
    "Check the columns, or use the line shown, which encodes each output by its own label mode and "
    "refuses a missing value with its row. For several classes per image, pass "
    'label_mode="multi_label".'
)


def native_call(given: Arguments) -> str | None:
    """Returns imggen's call in place of flow_from_dataframe; None where that encodes targets.

    Args:
        given: The arguments of the call.
    """
    mode = given.value("class_mode")
    if mode not in (Text("raw", is_whole=True), Text("multi_output", is_whole=True)):
        return None
    frame = given.code("dataframe") if given.has("dataframe") else "frame"
    options = [
        f"{name}={given.code(old)}"
        for name, old in (("root", "directory"), ("x_col", "x_col"), ("weight_col", "weight_col"))
        if given.has(old)
    ]
    columns = given.code("y_col") if given.has("y_col") else '"class"'
    if mode == Text("raw", is_whole=True):
        options += [f"y_col={columns}", 'label_mode="regression"']
    else:
        try:
            named = ast.literal_eval(columns)
        except (ValueError, SyntaxError):
            named = ["first", "second"]
        named = named if isinstance(named, list | tuple) else [named]
        targets = ", ".join(f'{json.dumps(name)}: "categorical"' for name in named)
        options.append(f'targets={{{targets}}}, targets_as="tuple"')
    return f"imggen.from_dataframe({', '.join([frame, *options])})"
