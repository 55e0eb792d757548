"""Augmentations as YAML or JSON files: read with errors that name the line, written to be read.

version: 1
augmentations:
- RandomFlip
- RandomRotation: {degrees: [-20, 20]}
- albumentations: {__class_fullname__: MotionBlur, p: 0.3}
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
import os
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from imggen.augment.builtin import BuiltIn
from imggen.augment.catalog import BUILT_INS, MIXERS
from imggen.augment.mixing import Mixer
from imggen.augment.options import Span, allowed
from imggen.augment.presets import preset
from imggen.errors import OptionError, PolicyError
from imggen.storage import replace_files

if TYPE_CHECKING:
    import yaml

POLICY_SUFFIXES = (".yaml", ".yml", ".json")
_VERSION = 1
_CLASS = "__class_fullname__"
_KINDS: dict[str, type[BuiltIn | Mixer]] = {**BUILT_INS, **MIXERS}


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
        >>> save_policy(file, [imggen.RandomFlip("vertical"), imggen.RandAugment()])
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
    facts = {"version": _VERSION, "augmentations": [_entry(step) for step in _listed(augment)]}
    if as_json:
        return json.dumps(facts, indent=2) + "\n"
    import yaml

    return str(yaml.safe_dump(facts, sort_keys=False, default_flow_style=None, width=100))


def format_python(augment: Any) -> str:
    """The same augmentations as Python code that makes a list ``augment``.

    Example:
        >>> import imggen
        >>> print(format_python([imggen.RandomFlip(), imggen.RandomHue((-5, 5))]))
        import imggen
        <BLANKLINE>
        augment = [
            imggen.RandomFlip(),
            imggen.RandomHue(degrees=(-5.0, 5.0)),
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
            facts = {"__version__": version("albumentations"), "transform": options}
            lines.append(f"albumentations.from_dict({facts!r})")
        else:
            given = (f"{key}={getattr(step, key)!r}" for key in options)
            lines.append(f"imggen.{name}({', '.join(given)})")
    listed = "".join(f"    {line},\n" for line in lines)
    return "\n".join(sorted(imports)) + f"\n\naugment = [\n{listed}]\n"


def parse_policy(text: str, name: str) -> list[Any]:
    """What ``load_policy`` makes of the text of a file called ``name``."""
    return _Reader(name).policy(text)


def options_of(augmentation: BuiltIn | Mixer) -> dict[str, Any]:
    """The options of an augmentation that are worth writing: ranges, and what is no default."""
    legal = allowed(type(augmentation))
    options = {}
    for field in fields_of(type(augmentation)):
        value = getattr(augmentation, field.name)
        if isinstance(legal.get(field.name), Span) or value != field.default:
            options[field.name] = list(value) if isinstance(value, tuple) else value
    return options


def fields_of(kind: type[BuiltIn | Mixer]) -> list[dataclasses.Field[Any]]:
    """The options of a class of augmentations; those that many of them have come last."""
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]  # all of them are dataclasses
    return sorted(fields, key=lambda field: bool(field.kw_only))


def _listed(augment: Any) -> list[Any]:
    if augment is None:
        return []
    if isinstance(augment, list | tuple):
        return [step for item in augment for step in _listed(item)]
    return list(preset(augment)) if isinstance(augment, str) else [augment]


def _entry(step: Any) -> str | dict[str, Any]:
    if isinstance(step, BuiltIn | Mixer) and type(step) in _KINDS.values():
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


class _Entry(NamedTuple):
    """One key of a mapping in a file."""

    key: str
    line: int
    value: yaml.Node


class _Reader:
    """The text of one file to augmentations."""

    def __init__(self, file: str) -> None:
        self._file = file

    def policy(self, text: str) -> list[Any]:
        import yaml

        if self._file.lower().endswith(".json"):
            # JSON is YAML but for tabs, which JSON allows outside of strings alone.
            self._check_json(text)
            text = text.replace("\t", " ")
        try:
            root = yaml.compose(text, Loader=_loader())
        except yaml.MarkedYAMLError as err:
            mark = err.problem_mark
            line = None if mark is None else mark.line + 1
            raise self._error(line, f"this is not YAML: {err.problem}") from err
        except yaml.YAMLError as err:
            raise self._error(None, f"this is not YAML: {err}") from err
        if root is None:
            raise self._error(None, "it is empty; expected a list under 'augmentations:'")
        entries = {entry.key: entry for entry in self._mapping(root, "the policy")}
        if "transform" in entries and "augmentations" not in entries:
            return [self._albumentations(entries["transform"].value)]
        self._check_keys(entries.values(), ("version", "augmentations"), "key")
        if "augmentations" not in entries:
            raise self._error(1, "there is no list 'augmentations:'")
        if "version" in entries:
            written = self._plain(entries["version"].value)
            if written != _VERSION or isinstance(written, bool):
                raise self._error(
                    entries["version"].line,
                    f"version {written!r} of the format; this imggen reads version {_VERSION}",
                )
        steps = entries["augmentations"].value
        if not isinstance(steps, yaml.SequenceNode):
            raise self._error(
                steps.start_mark.line + 1,
                "expected a list of augmentations, each on a line of its own behind a '-'",
            )
        return [self._step(node) for node in steps.value]

    def _check_json(self, text: str) -> None:
        try:
            json.loads(text)
        except json.JSONDecodeError as err:
            raise self._error(err.lineno, f"this is not JSON: {err.msg}") from err

    def _step(self, node: yaml.Node) -> Any:
        import yaml

        if isinstance(node, yaml.ScalarNode):
            return self._built_in(str(node.value), node.start_mark.line + 1, None)
        entries = self._mapping(node, "an augmentation")
        if len(entries) != 1:
            raise self._error(
                node.start_mark.line + 1,
                f"expected one augmentation behind a '-', got {[entry.key for entry in entries]}; "
                "its options are to be indented further than its name",
            )
        ((name, line, value),) = entries
        if name == "albumentations":
            return self._albumentations(value)
        return self._built_in(name, line, value)

    def _built_in(self, name: str, line: int, value: yaml.Node | None) -> BuiltIn | Mixer:
        import yaml

        if name not in _KINDS:
            names = (*_KINDS, "albumentations")
            raise self._error(line, str(OptionError.unknown("augmentation", name, names)))
        kind = _KINDS[name]
        if value is None or (isinstance(value, yaml.ScalarNode) and self._plain(value) is None):
            entries = []
        else:
            entries = self._mapping(value, f"the options of {name}")
        self._check_keys(entries, [field.name for field in fields_of(kind)], "option")
        try:
            return kind(**{entry.key: self._plain(entry.value) for entry in entries})
        except OptionError as err:
            option = str(err).partition("=")[0]
            lines = [entry.line for entry in entries if entry.key == option]
            raise self._error(lines[0] if lines else line, f"{name}: {err}") from err

    def _albumentations(self, node: yaml.Node) -> Any:
        import albumentations

        name = self._check_albumentations(node)
        facts = {"__version__": albumentations.__version__, "transform": self._plain(node)}
        try:
            with warnings.catch_warnings():
                # Of what is deprecated, and of defaults; what is not known was told before.
                warnings.simplefilter("ignore", UserWarning)
                return albumentations.from_dict(facts)
        except Exception as err:
            # albumentations and pydantic raise whatever they meet in the arguments.
            reason = " ".join(str(err).split())
            raise self._error(node.start_mark.line + 1, f"albumentations.{name}: {reason}") from err

    def _check_albumentations(self, node: yaml.Node) -> str:
        """Holds the names of transforms and of their arguments to those that there are.

        Returns:
            The name of the outermost.
        """
        import yaml
        from albumentations.core.serialization import SERIALIZABLE_REGISTRY

        entries = self._mapping(node, "an albumentations transform")
        names = [entry for entry in entries if entry.key == _CLASS]
        if not names:
            raise self._error(
                node.start_mark.line + 1,
                f"expected {_CLASS}: the name of an albumentations transform, and its arguments, "
                "as albumentations.to_dict writes them",
            )
        name = str(self._plain(names[0].value))
        if name not in SERIALIZABLE_REGISTRY:
            import albumentations

            choices = [
                choice for choice in SERIALIZABLE_REGISTRY if hasattr(albumentations, choice)
            ]
            raise self._error(names[0].line, str(OptionError.unknown(_CLASS, name, choices)))
        # What a transform writes of itself may be an argument of a class that it derives from.
        known = dict.fromkeys(
            argument
            for kind in SERIALIZABLE_REGISTRY[name].__mro__
            for argument in inspect.signature(kind.__init__).parameters
            if argument not in ("self", "args", "kwargs")
        )
        ours = [entry for entry in entries if not entry.key.startswith("__")]
        self._check_keys(ours, list(known), f"argument of {name}")
        for entry in entries:
            if isinstance(entry.value, yaml.SequenceNode):
                for item in entry.value.value:
                    if isinstance(item, yaml.MappingNode):
                        self._albumentations(item)
        return name

    def _plain(self, node: yaml.Node) -> Any:
        """What a part of the file says, in lists, dictionaries, numbers and words."""
        import yaml

        try:
            return _loader()("").construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError) as err:
            problem = getattr(err, "problem", None) or err
            raise self._error(node.start_mark.line + 1, f"this cannot be read: {problem}") from err

    def _mapping(self, node: yaml.Node, what: str) -> list[_Entry]:
        import yaml

        if not isinstance(node, yaml.MappingNode):
            raise self._error(
                node.start_mark.line + 1,
                f"expected {what} as 'name: value', got {self._plain(node)!r}",
            )
        entries = [
            _Entry(str(self._plain(key)), key.start_mark.line + 1, value)
            for key, value in node.value
        ]
        for number, entry in enumerate(entries):
            if entry.key in [before.key for before in entries[:number]]:
                raise self._error(entry.line, f"{entry.key!r} is there twice")
        return entries

    def _check_keys(self, entries: Iterable[_Entry], known: Sequence[str], what: str) -> None:
        for entry in entries:
            if entry.key not in known:
                raise self._error(entry.line, str(OptionError.unknown(what, entry.key, known)))

    def _error(self, line: int | None, problem: str) -> PolicyError:
        return PolicyError.of(self._file, line, problem)


@functools.cache
def _loader() -> Any:
    """PyYAML's safe loader, but 1e-9 is a number, as in JSON and YAML 1.2."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
        pass

    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
        list("-+0123456789"),
    )
    return Loader
