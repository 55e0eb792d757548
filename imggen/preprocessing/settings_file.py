"""Settings as JSON, in a ``.json`` file or in a ``.keras`` file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from imggen.core import (
    InputFile,
    check_output,
    parse_json,
    replace_files,
    shorten,
    warn_user,
)
from imggen.decode import NUM_CHANNELS, ImageSpec
from imggen.errors import ExportError, ImggenError, OptionError, PreprocessingError
from imggen.loading import (
    LABEL_MODES,
    MultiOutputMode,
    Scaling,
    describe_function,
    import_function,
    import_name,
)
from imggen.preprocessing.fields import OutputSettings, Settings
from imggen.preprocessing.keras_archive import read_member, write_member
from imggen.preprocessing.libraries import describe_libraries
from imggen.preprocessing.schema import check_value, read_schema

VERSION = 1
_FORMAT = "imggen-preprocessing"
_CHANNEL_ORDERS = {"rgb": "RGB", "rgba": "RGBA", "grayscale": "L"}


def save_settings(prep: Settings, file: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Writes settings; see ``Preprocessing.save``."""
    suffix = _check_suffix(file)
    text = _format(_to_members(prep))
    if suffix == ".keras":
        write_member(file, text)
        return
    check_output(file, _is_settings, overwrite=overwrite)
    try:
        replace_files({Path(file): lambda place: place.write_text(text, encoding="utf-8")})
    except OSError as err:
        raise ExportError(f"Cannot write {shorten(os.fspath(file))}: {err}.") from err


def load_settings(file: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads the fields of ``Preprocessing``; see ``Preprocessing.load``."""
    source = InputFile(
        file,
        PreprocessingError,
        what="a file of preprocessing settings",
        advice="Save it again with sequence.preprocessing.save(FILE).",
    )
    if _check_suffix(file) == ".keras":
        text = read_member(source)
        with source.translate_errors():
            members = parse_json(text)
    else:
        members = source.read_json()
    with source.translate_errors():
        _check_version(members)
        check_value(members, read_schema())
    try:
        prep = _from_members(members)
    except ImggenError as err:
        raise PreprocessingError(source.message(str(err).rstrip("."))) from err
    with source.translate_errors():
        _check_agreement(members, _to_members(prep))
    _warn_of_libraries(file, prep)
    return dict(vars(prep))


def _check_suffix(file: str | os.PathLike[str]) -> str:
    suffix = Path(file).suffix.lower()
    if suffix not in (".json", ".keras"):
        raise OptionError(f"file={shorten(os.fspath(file))} must end in .json or .keras.")
    return suffix


def _format(members: dict[str, Any]) -> str:
    text = json.dumps(members, indent=2, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # names of folders need not be valid text
        text = json.dumps(members, indent=2, allow_nan=False)
    return text + "\n"


def _is_settings(path: str) -> bool:
    try:
        members = InputFile(path, PreprocessingError).read_json_object()
    except PreprocessingError:
        return False
    return members.get("format") == _FORMAT


def _to_members(prep: Settings) -> dict[str, Any]:
    """Returns the members of the JSON object.

    Raises:
        PreprocessingError: The settings cannot be saved.
    """
    from importlib.metadata import version

    spec, scaling = prep.spec, prep.scaling
    if spec is None or prep.loader is not None:
        raise PreprocessingError(
            "A custom loader= cannot be saved: it is code. Save what it needs yourself, or use a "
            "sequence without loader=."
        )
    function = None if scaling.preprocess is None else import_name(scaling.preprocess)
    if scaling.preprocess is not None and function is None:
        raise PreprocessingError(
            f"preprocess={describe_function(scaling.preprocess)} cannot be saved: it cannot be "
            "imported by a name. Define it with def at the top level of a module of its own, which "
            "is not the script that is run."
        )
    for mode in [output.label_mode for output in prep.outputs] or [prep.label_mode]:
        if mode not in LABEL_MODES:
            raise PreprocessingError(
                f"A custom label mode, {shorten(mode)}, cannot be saved: it is code. Use "
                "label_mode=None for the sequence whose settings are saved."
            )
    return {
        "format": _FORMAT,
        "version": VERSION,
        "imggen": version("imggen"),
        "decode": {
            "library": prep.decoded_by,
            "color_mode": spec.color_mode,
            "channel_order": _CHANNEL_ORDERS[spec.color_mode],
            "exif_orientation": spec.exif_orientation,
            "background": spec.background
            if isinstance(spec.background, str)
            else list(spec.background),
        },
        "resize": {
            "library": prep.resized_by,
            "image_size": None if spec.image_size is None else list(spec.image_size),
            "interpolation": spec.interpolation,
            "antialias": spec.interpolation != "nearest",
            "fit": spec.fit,
            "shorter_side": spec.shorter_side,
        },
        "scaling": {
            "rescale": scaling.rescale,
            "mean": None if scaling.mean is None else list(scaling.mean),
            "std": None if scaling.std is None else list(scaling.std),
            "preprocess": function,
        },
        "batch": {
            "dtype": prep.dtype,
            "data_format": prep.data_format,
            "shape": None if prep.input_shape is None else list(prep.input_shape),
        },
        "targets": {
            "label_mode": prep.label_mode,
            "class_names": list(prep.class_names),
            "target_names": list(prep.target_names),
            "outputs": {
                output.name: {
                    "label_mode": output.label_mode,
                    "class_names": list(output.class_names),
                    "target_names": list(output.target_names),
                }
                for output in prep.outputs
            },
        },
    }


def _from_members(members: dict[str, Any]) -> Settings:
    """Builds settings of members that match the schema.

    Raises:
        ImggenError: Members contradict each other.
    """
    decode, resize, scaling = members["decode"], members["resize"], members["scaling"]
    background = decode["background"]
    spec = ImageSpec(
        None if resize["image_size"] is None else tuple(resize["image_size"]),
        color_mode=decode["color_mode"],
        interpolation=resize["interpolation"],
        fit=resize["fit"],
        shorter_side=resize["shorter_side"],
        exif_orientation=decode["exif_orientation"],
        background=background if isinstance(background, str) else tuple(background),
    )
    name = scaling["preprocess"]
    parsed = Scaling.parse(
        scaling["rescale"],
        scaling["mean"],
        scaling["std"],
        None if name is None else import_function(name),
        channels=NUM_CHANNELS[spec.color_mode],
    )
    parsed.check_dtype(members["batch"]["dtype"])
    targets = members["targets"]
    outputs = targets["outputs"]
    for name, output in [("", targets), *outputs.items()]:
        place = f"targets.outputs.{name[:80]}" if name else "targets"
        mode = output["label_mode"]
        has_several = output is targets and bool(outputs)
        if has_several != (mode == MultiOutputMode.name) or not (
            has_several or mode in LABEL_MODES
        ):
            raise OptionError(f"{place}.label_mode is {shorten(mode)}, which is unknown")
        for field in ("class_names", "target_names"):
            if len(set(output[field])) < len(output[field]):
                raise OptionError(f"{place}.{field} has a name twice")
    return Settings(
        spec=spec,
        scaling=parsed,
        dtype=members["batch"]["dtype"],
        data_format=members["batch"]["data_format"],
        label_mode=targets["label_mode"],
        class_names=tuple(targets["class_names"]),
        decoded_by=decode["library"],
        resized_by=resize["library"],
        target_names=tuple(targets["target_names"]),
        outputs=tuple(
            OutputSettings(
                name,
                output["label_mode"],
                tuple(output["class_names"]),
                tuple(output["target_names"]),
            )
            for name, output in outputs.items()
        ),
    )


def _check_version(members: Any) -> None:
    """Refuses a later version before its fields, which may be others."""
    version = members.get("version") if isinstance(members, dict) else None
    if isinstance(version, int) and not isinstance(version, bool) and version > VERSION:
        raise ValueError(
            f"it is of version {version}, and this imggen reads version {VERSION}; install a newer "
            "imggen"
        )


def _check_agreement(given: dict[str, Any], expected: dict[str, Any]) -> None:
    """Checks fields that follow from others: one that was edited alone contradicts them."""
    for part, fields in expected.items():
        if isinstance(fields, dict):
            for name, value in fields.items():
                if given[part][name] != value:
                    raise ValueError(
                        f"{part}.{name} is {shorten(given[part][name])}, but the other fields make "
                        f"it {shorten(value)}"
                    )


def _warn_of_libraries(file: str | os.PathLike[str], prep: Settings) -> None:
    assert prep.spec is not None  # noqa: S101 - as in every file
    stored = {"decoded": prep.decoded_by, "resized": prep.resized_by}
    now = dict(zip(stored, describe_libraries(prep.spec), strict=True))
    changed = [
        f"{verb} by {library} now, and by {stored[verb]} then"
        for verb, library in now.items()
        if library != stored[verb]
    ]
    if changed:
        warn_user(
            f"{shorten(os.fspath(file))}: images are {' and '.join(changed)}, so pixels may differ "
            "by a gray level from those of training."
        )
