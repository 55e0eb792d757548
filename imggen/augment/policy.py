"""Policy files: augmentations as YAML or JSON, written to be read; and as Python code.

version: 1
augmentations:
- RandomFlip
- RandomRotation: {degrees: [-20, 20]}
- albumentations: {__class_fullname__: MotionBlur, p: 0.3}
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from imggen.augment.builtin import BuiltIn
from imggen.augment.catalog import KINDS
from imggen.augment.mixing import Mixer
from imggen.augment.options import Span, allowed, fields_of
from imggen.augment.policy_reader import VERSION, parse_policy
from imggen.augment.presets import preset
from imggen.core import replace_files
from imggen.errors import OptionError, PolicyError

POLICY_SUFFIXES = (".yaml", ".yml", ".json")


def load_policy(file: str | os.PathLike[str]) -> list[Any]:
    """Reads a policy: the augmentations that a file lists.

    Args:
        file: A YAML or JSON file as ``save_policy`` writes it, or one that
            ``albumentations.save`` wrote.

    Returns:
        Augmentations of imggen's own and albumentations' transforms, for ``augment=``.

    Raises:
        PolicyError: The file cannot be read, or says something that is not known; with the line.
        OptionError: The file's name has another ending.

    Example:
        >>> import imggen
        >>> file = photos / "policy.yaml"
        >>> save_policy(file, [imggen.augment.RandomFlip("vertical"), imggen.augment.RandAugment()])
        >>> load_policy(file)[0]
        RandomFlip(p=0.5, mode='vertical')
    """
    return parse_policy(_read(file), os.fspath(file))


def save_policy(file: str | os.PathLike[str], augment: Any) -> None:
    """Writes augmentations as a policy file, in one step.

    Args:
        file: Ends in ``.yaml``, ``.yml`` or ``.json``.
        augment: "light", "medium" or "strong"; or augmentations of imggen's own and albumentations'
            transforms: one, or a list.

    Raises:
        OptionError: An augmentation that no file can hold, such as a function; or another ending.
        PolicyError: The file cannot be written.
    """
    _check_name(file)
    text = format_policy(augment, as_json=os.fspath(file).lower().endswith(".json"))
    try:
        replace_files({Path(file): lambda place: place.write_text(text, encoding="utf-8")})
    except OSError as err:
        raise PolicyError.of(os.fspath(file), None, f"it cannot be written: {err}") from err


def format_policy(augment: Any, *, as_json: bool = False) -> str:
    """The text that ``save_policy`` writes."""
    facts = {"version": VERSION, "augmentations": [_entry(step) for step in _listed(augment)]}
    if as_json:
        return json.dumps(facts, indent=2) + "\n"
    import yaml

    return str(yaml.safe_dump(facts, sort_keys=False, default_flow_style=None, width=100))


def format_python(augment: Any) -> str:
    """The same augmentations as Python code that makes a list ``augment``.

    Example:
        >>> import imggen
        >>> print(format_python([imggen.augment.RandomFlip(), imggen.augment.RandomHue((-5, 5))]))
        import imggen
        <BLANKLINE>
        augment = [
            imggen.augment.RandomFlip(),
            imggen.augment.RandomHue(degrees=(-5.0, 5.0)),
        ]
        <BLANKLINE>
    """
    lines, imports = [], {"import imggen"}
    for step in _listed(augment):
        entry = _entry(step)
        if isinstance(entry, str):
            lines.append(f"imggen.{entry}()")
            continue
        ((name, options),) = entry.items()
        if name == "albumentations":
            imports.add("import albumentations")
            metadata = {"__version__": version("albumentations"), "transform": options}
            lines.append(f"albumentations.from_dict({metadata!r})")
        else:
            given = (f"{key}={getattr(step, key)!r}" for key in options)
            lines.append(f"imggen.{name}({', '.join(given)})")
    listed = "".join(f"    {line},\n" for line in lines)
    return "\n".join(sorted(imports)) + f"\n\naugment = [\n{listed}]\n"


def options_of(augmentation: BuiltIn | Mixer) -> dict[str, Any]:
    """The options of an augmentation that are worth writing: ranges, and what is no default."""
    legal = allowed(type(augmentation))
    options = {}
    for field in fields_of(type(augmentation)):
        value = getattr(augmentation, field.name)
        if isinstance(legal.get(field.name), Span) or value != field.default:
            options[field.name] = list(value) if isinstance(value, tuple) else value
    return options


def _listed(augment: Any) -> list[Any]:
    if augment is None:
        return []
    if isinstance(augment, list | tuple):
        return [step for item in augment for step in _listed(item)]
    return list(preset(augment)) if isinstance(augment, str) else [augment]


def _entry(step: Any) -> str | dict[str, Any]:
    if isinstance(step, BuiltIn | Mixer) and type(step) in KINDS.values():
        options = options_of(step)
        return {step.name: options} if options else step.name
    if any(base.__module__.startswith("albumentations.") for base in type(step).__mro__):
        import albumentations

        try:
            written = _as_lists(albumentations.to_dict(step)["transform"])
        except Exception as err:
            # albumentations raises whatever an argument that it cannot write makes it raise.
            raise OptionError(f"{type(step).__name__} cannot be written to a file: {err}") from err
        if "'Lambda'" in str(written):
            raise OptionError("A Lambda of albumentations holds functions, which no file can.")
        return {"albumentations": written}
    raise OptionError(
        f"augment={step!r} cannot be written to a policy file, which holds augmentations of "
        "imggen's own and of albumentations."
    )


def _as_lists(value: Any) -> Any:
    """The same without tuples, which YAML does not have."""
    if isinstance(value, Mapping):
        return {key: _as_lists(item) for key, item in value.items()}
    return [_as_lists(item) for item in value] if isinstance(value, list | tuple) else value


def _read(file: str | os.PathLike[str]) -> str:
    _check_name(file)
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        reason = getattr(err, "strerror", None) or str(err)
        raise PolicyError.of(os.fspath(file), None, f"it cannot be read: {reason}") from err


def _check_name(file: str | os.PathLike[str]) -> None:
    if not os.fspath(file).lower().endswith(POLICY_SUFFIXES):
        raise OptionError(
            f"file={os.fspath(file)!r} must end in {', '.join(POLICY_SUFFIXES[:-1])} or "
            f"{POLICY_SUFFIXES[-1]}."
        )
