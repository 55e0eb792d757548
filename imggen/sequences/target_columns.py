"""The columns of targets that a table or a list is read with, for one output or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from imggen.core import check_choice, shorten
from imggen.data import (
    ClassNames,
    Column,
    Output,
    convert_labels,
    read_output,
    to_paths,
    weight_column,
)
from imggen.errors import ManifestError, OptionError
from imggen.loading import (
    LabelMode,
    LabelModeLike,
    MultiOutputMode,
    SingleLabelMode,
    TargetsAs,
    find_label_mode,
)
from imggen.sequences.options import SequenceOptions

if TYPE_CHECKING:
    import pandas as pd

Targets = Mapping[str, SingleLabelMode]
# For a model of several outputs, the class names of each.
OutputClassNames = ClassNames | Mapping[str, ClassNames]


class TargetColumns(NamedTuple):
    """Arguments and options for reading targets.

    Attributes:
        arguments: The arguments of ``Manifest.from_frame`` or ``Manifest.from_files``.
        options: The options of ``ImageSequence``, with ``label_mode``.
    """

    arguments: dict[str, Any]
    options: SequenceOptions


def read_frame_targets(
    frame: pd.DataFrame,
    y_col: Column | Sequence[Column] | None,
    targets: Targets | None,
    class_names: OutputClassNames | None,
    label_separator: str,
    weight_col: Column | Mapping[str, Column] | None,
    mask_col: Column | None,
    options: SequenceOptions,
) -> TargetColumns:
    """Decides how ``from_dataframe`` reads the targets of its table.

    Raises:
        ManifestError: A missing column or value, or cells that are not of the kind.
        OptionError: ``targets`` together with ``y_col`` or ``label_mode``, or options of outputs
            that there are not.
    """
    if targets is not None:
        if y_col not in ("label", None):
            raise OptionError(
                f"targets={shorten(targets)} and y_col={shorten(y_col)} both name columns of "
                "targets. Leave out one of them."
            )
        mode, options = _parse_targets(targets, options)
        if isinstance(mode, MultiOutputMode):
            names, weights = (
                _by_output(name, value, mode)
                for name, value in (("class_names", class_names), ("weight_col", weight_col))
            )
            outputs: dict[str, Output] = {}
            for name, own in mode.modes.items():
                column = weights.get(name)
                outputs[name] = read_output(
                    frame,
                    _find_column(frame, name),
                    own.kind,
                    names.get(name),
                    label_separator,
                    None if column is None else weight_column(frame, column),
                )
                if own.name == "mask" and mask_col is None:
                    mask_col = _find_column(frame, name)
            arguments: dict[str, Any] = {
                "y_col": None,
                "outputs": outputs,
                "weight_col": None if isinstance(weight_col, Mapping) else weight_col,
                "mask_col": mask_col,
            }
            return TargetColumns(arguments, options)
        (y_col,) = targets
        class_names, weight_col = (
            unwrap_single(y_col, class_names),
            unwrap_single(y_col, weight_col),
        )
    else:
        mode = find_label_mode(options.get("label_mode", "categorical"))
    if isinstance(weight_col, Mapping):
        raise OptionError(
            f"weight_col={shorten(weight_col)} has a column for each output, and there is one. "
            "Pass the name of the column."
        )
    arguments = {
        **mode.frame_columns(y_col),
        "class_names": class_names,
        "label_separator": label_separator,
        "weight_col": weight_col,
        "mask_col": mask_col,
    }
    return TargetColumns(arguments, options)


def read_listed_targets(
    files: Sequence[Any],
    labels: Any,
    targets: Targets | None,
    class_names: OutputClassNames | None,
    num_classes: int | None,
    label_separator: str,
    options: SequenceOptions,
    argument: str = "labels",
) -> TargetColumns:
    """Decides how ``from_files`` reads the targets of its files, and ``from_arrays`` its ``y``.

    Raises:
        ManifestError: A file without a target, or a target that is not of the kind.
        OptionError: See ``read_frame_targets``.
    """
    if targets is None:
        mode = find_label_mode(options.get("label_mode", "categorical"))
    else:
        mode, options = _parse_targets(targets, options)
        kinds = _kinds(mode, argument) if isinstance(mode, MultiOutputMode) else {}
        expected = [str(name) for name in targets if kinds.get(str(name), "classes") is not None]
        if not isinstance(labels, Mapping) or sorted(map(str, labels)) != sorted(expected):
            given = shorten(list(labels) if isinstance(labels, Mapping) else labels)
            raise OptionError(
                f"With targets=, {argument} must be a mapping from each of the outputs "
                f"{shorten(expected)} to its targets; got {given}."
            )
        if isinstance(mode, MultiOutputMode):
            names = _by_output("class_names", class_names, mode)
            labels = {str(name): values for name, values in labels.items()}
            paths = to_paths(files, "files")
            outputs = {name: Output() for name in kinds}
            for name, values in labels.items():
                try:
                    columns = convert_labels(
                        paths, values, kinds[name], names.get(name), None, label_separator, files
                    )
                except ManifestError as err:
                    raise ManifestError(f"{argument}[{name!r}]: {err}") from err
                outputs[name] = Output(**columns)
            return TargetColumns({"outputs": outputs}, options)
        (name,) = targets
        labels, class_names = labels[name], unwrap_single(name, class_names)
    return TargetColumns(
        {
            "labels": labels,
            "class_names": class_names,
            "num_classes": num_classes,
            "kind": mode.kind or "classes",
            "label_separator": label_separator,
        },
        options,
    )


def _kinds(mode: MultiOutputMode, argument: str) -> dict[str, Any]:
    """Returns the kind of each output that is made from a list of labels; None for masks."""
    has_masks = argument == "y"
    without = [
        name
        for name, own in mode.modes.items()
        if own.kind is None and not (has_masks and own.name == "mask")
    ]
    if without:
        raise OptionError(
            f"The output {without[0]!r} has the label mode {mode.modes[without[0]].name!r}, which "
            "is not made from labels. Use from_dataframe, with mask_col= for masks."
        )
    return {name: own.kind for name, own in mode.modes.items()}


def _parse_targets(targets: Targets, options: SequenceOptions) -> tuple[LabelMode, SequenceOptions]:
    if not isinstance(targets, Mapping) or not targets:
        raise OptionError(
            f"targets={shorten(targets)} must map each output to its label mode, such as "
            '{"kind": "categorical", "age": "regression"}.'
        )
    if "label_mode" in options:
        raise OptionError(
            f"targets={shorten(targets)} has the label mode of each output, so label_mode="
            f"{shorten(options['label_mode'])} contradicts it. Leave it out."
        )
    targets_as = options.get("targets_as", "dict")
    check_choice("targets_as", targets_as, get_args(TargetsAs))
    chosen: LabelModeLike = targets if len(targets) > 1 else next(iter(targets.values()))
    try:
        mode = find_label_mode(chosen, targets_as)
    except OptionError as err:
        raise OptionError(f"targets={shorten(targets)} is not legal: {err}") from err
    return mode, {**options, "label_mode": mode}


def _find_column(frame: pd.DataFrame, name: str) -> Column:
    """Returns the column of an output; its name is a number in tables without a header."""
    columns: list[Any] = list(frame.columns)
    return name if name in columns else next((one for one in columns if str(one) == name), name)


def _by_output(argument: str, value: Any, mode: MultiOutputMode) -> Mapping[Any, Any]:
    """Returns an argument that has one value per output."""
    if argument == "weight_col" and not isinstance(value, Mapping):
        return {}
    given = {} if value is None else value
    unknown = (
        sorted(set(map(str, given)) - set(mode.modes)) if isinstance(given, Mapping) else ["?"]
    )
    if unknown:
        raise OptionError(
            f"{argument}={shorten(value)} must be a mapping from output to value; the outputs are "
            f"{shorten(list(mode.modes))}."
        )
    return {str(name): one for name, one in given.items()}


def unwrap_single(name: Any, value: Any) -> Any:
    """Returns the value for the only output, which may be in a mapping of one."""
    is_by_output = isinstance(value, Mapping) and list(value) == [name]
    return value[name] if is_by_output and not isinstance(value[name], int) else value
