"""Parsing policy files, with errors that name the line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from imggen.augment.albumentations_io import (
    build_transform,
    describe_unknown,
    get_arguments,
    serialize,
)
from imggen.augment.builtin import BuiltIn
from imggen.augment.catalog import AUGMENTATIONS
from imggen.augment.mixing import Mixer
from imggen.augment.options import option_fields
from imggen.augment.policy_nodes import Entry, PolicyNodes, line_of
from imggen.core import shorten, warn_user
from imggen.errors import MissingExtraError, OptionError, PolicyError

if TYPE_CHECKING:
    import yaml

# The version of the format that is written, and the only one that can be read.
VERSION = 1
# albumentations' key for the class of a transform.
_CLASS = "__class_fullname__"
_MAX_REASON = 1000  # characters of an error message of albumentations


def parse_policy(text: str, name: str) -> list[Any]:
    """Parses the text of a policy file, as ``load_policy`` does.

    Args:
        text: The content of the file.
        name: The path of the file, for the choice of the format and for errors.

    Raises:
        PolicyError: The content is not valid.
    """
    return _Reader(name).read_policy(text)


class _Reader:
    """Reads one policy file."""

    def __init__(self, file: str) -> None:
        self._file = file

    def read_policy(self, text: str) -> list[Any]:
        import yaml

        is_json = self._file.lower().endswith(".json")
        self._nodes = PolicyNodes(text, self._error, is_json=is_json)
        root = self._nodes.root
        if root is None:
            raise self._error(None, "the file is empty; expected a list under 'augmentations:'")
        entries = {entry.key: entry for entry in self._nodes.entries(root, "the policy")}
        if "transform" in entries and "augmentations" not in entries:
            return [self._read_albumentations(entries["transform"].value)]
        self._check_keys(entries.values(), ("version", "augmentations"), "key")
        if "augmentations" not in entries:
            raise self._error(1, "the list 'augmentations:' is missing")
        if "version" in entries:
            file_version = self._nodes.value(entries["version"].value)
            if file_version != VERSION or isinstance(file_version, bool):
                raise self._error(
                    entries["version"].line,
                    f"version {shorten(file_version)} is not supported; expected version {VERSION}",
                )
        steps = entries["augmentations"].value
        if not isinstance(steps, yaml.SequenceNode):
            raise self._error(
                line_of(steps),
                "expected a list of augmentations, each on its own line after a '-'",
            )
        policy = [self._read_step(node) for node in steps.value]
        for step, node in zip(policy[:-1], steps.value, strict=False):
            if isinstance(step, Mixer):
                raise self._error(
                    line_of(node),
                    f"{step.name} blends the images of a batch, so it must be the last "
                    "augmentation and the only one of this kind",
                )
        return policy

    def _read_step(self, node: yaml.Node) -> Any:
        import yaml

        if isinstance(node, yaml.ScalarNode):
            return self._read_built_in(str(node.value), line_of(node), None)
        entries = self._nodes.entries(node, "an augmentation")
        if len(entries) != 1:
            raise self._error(
                line_of(node),
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
            isinstance(value, yaml.ScalarNode) and self._nodes.value(value) is None
        ):
            entries = []
        else:
            entries = self._nodes.entries(value, f"the options of {name}")
        self._check_keys(entries, [field.name for field in option_fields(kind)], "option")
        try:
            return kind(**{entry.key: self._nodes.value(entry.value) for entry in entries})
        except OptionError as err:
            option = str(err).partition("=")[0]
            lines = [entry.line for entry in entries if entry.key == option]
            raise self._error(lines[0] if lines else line, f"{name}: {err}") from err

    def _read_albumentations(self, node: yaml.Node) -> Any:
        """Builds a transform; those that it contains first, so that errors name their lines."""
        import yaml

        entries = self._nodes.entries(node, "an albumentations transform")
        name, kind = self._find_transform(node, entries)
        arguments: dict[str, Any] = {}
        inherited: list[Entry] = []
        own = get_arguments(kind)
        # A transform may also serialize arguments of its base classes, which it does not take.
        bases = {argument for base in kind.__mro__ for argument in get_arguments(base)}
        for entry in entries:
            if entry.key.startswith("__"):
                continue
            if entry.key not in own:
                if entry.key not in bases:
                    raise self._error(entry.line, describe_unknown(name, entry.key, own))
                inherited.append(entry)
            elif entry.key == "transforms" and isinstance(entry.value, yaml.SequenceNode):
                arguments[entry.key] = [self._read_albumentations(i) for i in entry.value.value]
            else:
                arguments[entry.key] = self._nodes.value(entry.value)
        line = line_of(node)
        try:
            transform, remarks = build_transform(kind, arguments)
        except Exception as err:
            # Invalid arguments raise various errors in albumentations and pydantic.
            reason = " ".join(str(err).split())[:_MAX_REASON]
            raise self._error(line, f"albumentations.{name}: {reason}") from err
        for entry in inherited:
            if self._nodes.value(entry.value) != serialize(transform).get(entry.key):
                problem = f"{name} ignores {entry.key!r}; it takes {', '.join(own)}"
                raise self._error(entry.line, problem)
        for remark in remarks:
            warn_user(f"{shorten(self._file)}, line {line}: albumentations.{name}: {remark}")
        return transform

    def _find_transform(self, node: yaml.Node, entries: Sequence[Entry]) -> tuple[str, type]:
        """Returns the name and the class of a transform."""
        try:
            from albumentations.core.serialization import SERIALIZABLE_REGISTRY
        except ModuleNotFoundError as err:
            place = f"{shorten(self._file)}, line {line_of(node)}: an albumentations transform"
            raise MissingExtraError.of("albumentations", "albumentations", place) from err

        names = [entry for entry in entries if entry.key == _CLASS]
        if not names:
            raise self._error(
                line_of(node),
                f"expected {_CLASS}: NAME, with the name of an albumentations transform, and its "
                "arguments, as written by albumentations.to_dict",
            )
        name = str(self._nodes.value(names[0].value))
        if name not in SERIALIZABLE_REGISTRY:
            import albumentations

            bases = (albumentations.BasicTransform, albumentations.BaseCompose)
            choices = [
                choice
                for choice, kind in SERIALIZABLE_REGISTRY.items()
                if hasattr(albumentations, choice) and issubclass(kind, bases)
            ]
            raise self._error(names[0].line, str(OptionError.unknown(_CLASS, name, choices)))
        return name, SERIALIZABLE_REGISTRY[name]

    def _check_keys(self, entries: Iterable[Entry], known: Sequence[str], what: str) -> None:
        for entry in entries:
            if entry.key not in known:
                raise self._error(entry.line, str(OptionError.unknown(what, entry.key, known)))

    def _error(self, line: int | None, problem: str) -> PolicyError:
        return PolicyError.of(self._file, line, problem)
