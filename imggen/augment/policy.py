"""Policy files: lists of augmentations as readable YAML or JSON; also policies as Python code.

An example in YAML:

version: 1
augmentations:
- RandomFlip
- RandomRotation: {degrees: [-20, 20]}
- albumentations: {__class_fullname__: MotionBlur, p: 0.3}
"""

from __future__ import annotations

import json
import os
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

from imggen.augment.albumentations_io import find_lost_argument, serialize
from imggen.augment.builtin import BuiltIn
from imggen.augment.catalog import AUGMENTATIONS
from imggen.augment.mixing import Mixer
from imggen.augment.options import RangeBounds, option_constraints, option_fields
from imggen.augment.policy_nodes import dump_yaml
from imggen.augment.policy_reader import VERSION, parse_policy
from imggen.augment.presets import PRESETS
from imggen.core import (
    InputFile,
    check_arguments,
    check_choice,
    check_output,
    read_start,
    replace_files,
    shorten,
)
from imggen.errors import OptionError, PolicyError

POLICY_SUFFIXES = (".yaml", ".yml", ".json")
_MAX_BYTES = 2**20


@check_arguments
def load_policy(file: str | os.PathLike[str]) -> list[Any]:
    """Loads a policy, that is a list of augmentations, from a file.

    Args:
        file: A YAML or JSON file written by hand, by ``save_policy`` or by ``albumentations.save``,
            of up to 1 MiB. Words that versions 1.1 and 1.2 of YAML read differently, such as 010,
            1:30 and yes, are refused. A transform of albumentations without ``p`` has the default
            of its class, as in Python.

    Returns:
        Built-in augmentations and albumentations transforms, for ``augment=``.

    Raises:
        PolicyError: The file cannot be read, or its content is not valid; the message names the
            line.
        OptionError: The file does not end in ``.yaml``, ``.yml`` or ``.json``.

    Example:
        >>> import imggen
        >>> file = photos / "policy.yaml"
        >>> save_policy(file, [imggen.augment.RandomFlip("vertical"), imggen.augment.RandAugment()])
        >>> load_policy(file)[0]
        RandomFlip(p=0.5, mode='vertical')
    """
    return parse_policy(_read(file), os.fspath(file))


@check_arguments
def save_policy(file: str | os.PathLike[str], policy: Any, *, overwrite: bool = False) -> None:
    """Saves a policy, that is a list of augmentations, to a file.

    The file is replaced in one step: an error leaves an existing file unchanged.

    Args:
        file: A path that ends in ``.yaml``, ``.yml`` or ``.json``.
        policy: A built-in augmentation, an albumentations transform, a list of these, or a preset:
            "light", "medium" or "strong".
        overwrite: Replace a file that is not a policy, too.

    Raises:
        OptionError: An augmentation cannot be saved, as is the case for functions and for arguments
            that albumentations does not save; or ``file`` does not end in ``.yaml``, ``.yml`` or
            ``.json``.
        PolicyError: The file cannot be written, or exists and is not a policy.

    Example:
        >>> import imggen
        >>> save_policy(photos / "policy.yaml", [imggen.augment.RandomFlip()])
        >>> print((photos / "policy.yaml").read_text(), end="")
        version: 1
        augmentations: [RandomFlip]
    """
    _check_suffix(file)
    text = format_policy(policy, as_json=os.fspath(file).lower().endswith(".json"))
    try:
        check_output(file, _is_policy, overwrite=overwrite)
        replace_files({Path(file): lambda path: path.write_text(text, encoding="utf-8")})
    except OSError as err:
        raise PolicyError.of(os.fspath(file), None, f"it cannot be written: {err}") from err


def format_policy(policy: Any, *, as_json: bool = False) -> str:
    """Returns the text that ``save_policy`` writes."""
    content = {"version": VERSION, "augmentations": [_entry(step) for step in _flatten(policy)]}
    if as_json:
        return json.dumps(content, indent=2) + "\n"
    return dump_yaml(content)


def format_python(policy: Any) -> str:
    """Returns Python code that creates the same policy as a list ``augment``.

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
    for step in _flatten(policy):
        entry = _entry(step)
        if isinstance(entry, str):
            lines.append(f"imggen.augment.{entry}()")
            continue
        ((name, options),) = entry.items()
        if name == "albumentations":
            imports.add("import albumentations")
            metadata = {"__version__": version("albumentations"), "transform": options}
            lines.append(f"albumentations.from_dict({metadata!r})")
        else:
            arguments = ", ".join(f"{key}={getattr(step, key)!r}" for key in options)
            lines.append(f"imggen.augment.{name}({arguments})")
    items = "".join(f"    {line},\n" for line in lines)
    return "\n".join(sorted(imports)) + f"\n\naugment = [\n{items}]\n"


def _written_options(augmentation: BuiltIn | Mixer) -> dict[str, Any]:
    """Returns the options to write: all ranges, and other options that are not the default."""
    constraints = option_constraints(type(augmentation))
    options = {}
    for field in option_fields(type(augmentation)):
        value = getattr(augmentation, field.name)
        if isinstance(constraints.get(field.name), RangeBounds) or value != field.default:
            options[field.name] = list(value) if isinstance(value, tuple) else value
    return options


def _flatten(policy: Any) -> list[Any]:
    if policy is None:
        return []
    if isinstance(policy, list | tuple):
        try:
            return [step for item in policy for step in _flatten(item)]
        except RecursionError as err:
            raise OptionError("policy= has too many lists inside of lists. Pass one list.") from err
    if isinstance(policy, str):
        return list(PRESETS[check_choice("policy", policy, PRESETS)])
    return [policy]


def _entry(step: Any) -> str | dict[str, Any]:
    if isinstance(step, BuiltIn | Mixer) and type(step) in AUGMENTATIONS.values():
        options = _written_options(step)
        return {step.name: options} if options else step.name
    if any(base.__module__.startswith("albumentations.") for base in type(step).__mro__):
        return {"albumentations": _serialize(step)}
    raise OptionError(
        f"augment={shorten(step)} cannot be saved to a policy file; expected built-in "
        "augmentations or albumentations transforms."
    )


def _serialize(transform: Any) -> dict[str, Any]:
    name = type(transform).__name__
    try:
        serialized = serialize(transform)
        text = dump_yaml({"augmentations": [{"albumentations": serialized}]})
    except Exception as err:
        # Arguments that albumentations or YAML cannot serialize raise various errors.
        raise OptionError(f"{name} cannot be saved to a file: {err}") from err
    if "'Lambda'" in str(serialized):
        raise OptionError(
            "A Lambda of albumentations contains functions, which cannot be saved to a file. "
            "Remove it."
        )
    try:
        (rebuilt,) = parse_policy(text, f"{name}.yaml")
    except PolicyError as err:
        raise OptionError(f"{name} cannot be saved to a file: {err}") from err
    lost = find_lost_argument(transform, rebuilt)
    if lost is not None:
        raise OptionError(
            f"{name} cannot be saved to a file, as albumentations does not save {lost}. Remove "
            "this argument, or pass the transform to augment= without a file."
        )
    return serialized


def _read(file: str | os.PathLike[str]) -> str:
    _check_suffix(file)
    name = os.fspath(file)
    source = InputFile(file, lambda message: _build_error(name, message))
    return source.read_text(_MAX_BYTES)


def _build_error(file: str, message: str) -> PolicyError:
    problem = message.removeprefix(f"{file!r} cannot be read: ").removesuffix(".")
    return PolicyError.of(file, None, f"it cannot be read: {problem}")


def _is_policy(file: str) -> bool:
    """Whether a file has the keys of a policy, at least; it may be one with a mistake."""
    key = rb'(?:^|[{,])\s*"?(version|augmentations)"?\s*:'
    return len(set(re.findall(key, read_start(file), re.MULTILINE))) == 2


def _check_suffix(file: str | os.PathLike[str]) -> None:
    if not os.fspath(file).lower().endswith(POLICY_SUFFIXES):
        raise OptionError(
            f"file={shorten(os.fspath(file))} must end in {', '.join(POLICY_SUFFIXES[:-1])} or "
            f"{POLICY_SUFFIXES[-1]}."
        )
