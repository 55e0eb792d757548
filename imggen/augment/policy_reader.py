"""Parsing policy files, with errors that name the line."""

from __future__ import annotations

import functools
import inspect
import json
import re
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from imggen.augment.builtin import BuiltIn
from imggen.augment.catalog import AUGMENTATIONS
from imggen.augment.mixing import Mixer
from imggen.augment.options import option_fields
from imggen.core import shorten
from imggen.errors import OptionError, PolicyError

if TYPE_CHECKING:
    import yaml

# The version of the format that is written, and the only one that can be read.
VERSION = 1
# albumentations' key for the class of a transform.
_CLASS = "__class_fullname__"


def parse_policy(text: str, name: str) -> list[Any]:
    """Parses the text of a policy file, as ``load_policy`` does.

    Args:
        text: The content of the file.
        name: The path of the file, for the choice of the format and for errors.

    Raises:
        PolicyError: The content is not valid.
    """
    return _Reader(name).read_policy(text)


class _Entry(NamedTuple):
    """A key of a mapping, with its line and its value."""

    key: str
    line: int
    value: yaml.Node


class _Reader:
    """Reads one policy file."""

    def __init__(self, file: str) -> None:
        self._file = file

    def read_policy(self, text: str) -> list[Any]:
        import yaml

        if self._file.lower().endswith(".json"):
            # JSON is YAML except for tabs, which JSON allows only outside of strings.
            self._check_json(text)
            text = text.replace("\t", " ")
        try:
            root = yaml.compose(text, Loader=_loader())
        except yaml.MarkedYAMLError as err:
            mark = err.problem_mark
            line = None if mark is None else mark.line + 1
            raise self._error(line, f"this is not valid YAML: {err.problem}") from err
        except yaml.YAMLError as err:
            raise self._error(None, f"this is not valid YAML: {err}") from err
        if root is None:
            raise self._error(None, "the file is empty; expected a list under 'augmentations:'")
        entries = {entry.key: entry for entry in self._read_mapping(root, "the policy")}
        if "transform" in entries and "augmentations" not in entries:
            return [self._read_albumentations(entries["transform"].value)]
        self._check_keys(entries.values(), ("version", "augmentations"), "key")
        if "augmentations" not in entries:
            raise self._error(1, "the list 'augmentations:' is missing")
        if "version" in entries:
            file_version = self._read_value(entries["version"].value)
            if file_version != VERSION or isinstance(file_version, bool):
                raise self._error(
                    entries["version"].line,
                    f"version {shorten(file_version)} is not supported; expected version {VERSION}",
                )
        steps = entries["augmentations"].value
        if not isinstance(steps, yaml.SequenceNode):
            raise self._error(
                steps.start_mark.line + 1,
                "expected a list of augmentations, each on its own line after a '-'",
            )
        policy = [self._read_step(node) for node in steps.value]
        for step, node in zip(policy[:-1], steps.value, strict=False):
            if isinstance(step, Mixer):
                raise self._error(
                    node.start_mark.line + 1,
                    f"{step.name} blends the images of a batch, so it must be the last "
                    "augmentation and the only one of this kind",
                )
        return policy

    def _check_json(self, text: str) -> None:
        try:
            json.loads(text)
        except json.JSONDecodeError as err:
            raise self._error(err.lineno, f"this is not valid JSON: {err.msg}") from err

    def _read_step(self, node: yaml.Node) -> Any:
        import yaml

        if isinstance(node, yaml.ScalarNode):
            return self._read_built_in(str(node.value), node.start_mark.line + 1, None)
        entries = self._read_mapping(node, "an augmentation")
        if len(entries) != 1:
            raise self._error(
                node.start_mark.line + 1,
                f"expected one augmentation after a '-', got {[entry.key for entry in entries]}; "
                "indent options further than the name of their augmentation",
            )
        ((name, line, value),) = entries
        if name == "albumentations":
            return self._read_albumentations(value)
        return self._read_built_in(name, line, value)

    def _read_built_in(self, name: str, line: int, value: yaml.Node | None) -> BuiltIn | Mixer:
        import yaml

        if name not in AUGMENTATIONS:
            names = (*AUGMENTATIONS, "albumentations")
            raise self._error(line, str(OptionError.unknown("augmentation", name, names)))
        kind = AUGMENTATIONS[name]
        if value is None or (
            isinstance(value, yaml.ScalarNode) and self._read_value(value) is None
        ):
            entries = []
        else:
            entries = self._read_mapping(value, f"the options of {name}")
        self._check_keys(entries, [field.name for field in option_fields(kind)], "option")
        try:
            return kind(**{entry.key: self._read_value(entry.value) for entry in entries})
        except OptionError as err:
            option = str(err).partition("=")[0]
            lines = [entry.line for entry in entries if entry.key == option]
            raise self._error(lines[0] if lines else line, f"{name}: {err}") from err

    def _read_albumentations(self, node: yaml.Node) -> Any:
        import albumentations

        name = self._check_albumentations(node)
        metadata = {"__version__": albumentations.__version__, "transform": self._read_value(node)}
        try:
            with warnings.catch_warnings():
                # Ignore warnings of deprecations and defaults. Unknown arguments are already
                # excluded.
                warnings.simplefilter("ignore", UserWarning)
                return albumentations.from_dict(metadata)
        except Exception as err:
            # Invalid arguments raise various errors in albumentations and pydantic.
            reason = " ".join(str(err).split())
            raise self._error(node.start_mark.line + 1, f"albumentations.{name}: {reason}") from err

    def _check_albumentations(self, node: yaml.Node) -> str:
        """Checks that all transforms and arguments exist.

        Returns:
            The name of the outermost transform.
        """
        import yaml
        from albumentations.core.serialization import SERIALIZABLE_REGISTRY

        entries = self._read_mapping(node, "an albumentations transform")
        names = [entry for entry in entries if entry.key == _CLASS]
        if not names:
            raise self._error(
                node.start_mark.line + 1,
                f"expected {_CLASS}: NAME, with the name of an albumentations transform, and its "
                "arguments, as written by albumentations.to_dict",
            )
        name = str(self._read_value(names[0].value))
        if name not in SERIALIZABLE_REGISTRY:
            import albumentations

            bases = (albumentations.BasicTransform, albumentations.BaseCompose)
            choices = [
                choice
                for choice, kind in SERIALIZABLE_REGISTRY.items()
                if hasattr(albumentations, choice) and issubclass(kind, bases)
            ]
            raise self._error(names[0].line, str(OptionError.unknown(_CLASS, name, choices)))
        # A transform may also serialize arguments of its base classes.
        known = dict.fromkeys(
            argument
            for kind in SERIALIZABLE_REGISTRY[name].__mro__
            for argument in inspect.signature(kind.__init__).parameters
            if argument not in ("self", "args", "kwargs")
        )
        arguments = [entry for entry in entries if not entry.key.startswith("__")]
        self._check_keys(arguments, list(known), f"argument of {name}")
        for entry in entries:
            if isinstance(entry.value, yaml.SequenceNode):
                for item in entry.value.value:
                    if isinstance(item, yaml.MappingNode):
                        self._read_albumentations(item)
        return name

    def _read_value(self, node: yaml.Node) -> Any:
        """Converts a node to Python lists, dictionaries, numbers and strings."""
        import yaml

        try:
            return _loader()("").construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError) as err:
            problem = getattr(err, "problem", None) or err
            raise self._error(
                node.start_mark.line + 1, f"this value cannot be read: {problem}"
            ) from err

    def _read_mapping(self, node: yaml.Node, what: str) -> list[_Entry]:
        import yaml

        if not isinstance(node, yaml.MappingNode):
            raise self._error(
                node.start_mark.line + 1,
                f"expected {what} as 'name: value', got {shorten(self._read_value(node))}",
            )
        entries = [
            _Entry(str(self._read_value(key)), key.start_mark.line + 1, value)
            for key, value in node.value
        ]
        for number, entry in enumerate(entries):
            if entry.key in [previous.key for previous in entries[:number]]:
                raise self._error(entry.line, f"{shorten(entry.key)} occurs twice")
        return entries

    def _check_keys(self, entries: Iterable[_Entry], known: Sequence[str], what: str) -> None:
        for entry in entries:
            if entry.key not in known:
                raise self._error(entry.line, str(OptionError.unknown(what, entry.key, known)))

    def _error(self, line: int | None, problem: str) -> PolicyError:
        return PolicyError.of(self._file, line, problem)


@functools.cache
def _loader() -> Any:
    """Returns PyYAML's safe loader, which also parses 1e-9 as a number, as JSON and YAML 1.2 do."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
        pass

    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
        list("-+0123456789"),
    )
    return Loader
