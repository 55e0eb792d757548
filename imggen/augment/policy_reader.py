"""The text of a policy file to augmentations, with errors that name the line."""

from __future__ import annotations

import functools
import inspect
import json
import re
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from imggen.augment.builtin import BuiltIn
from imggen.augment.catalog import KINDS
from imggen.augment.mixing import Mixer
from imggen.augment.options import fields_of
from imggen.errors import OptionError, PolicyError

if TYPE_CHECKING:
    import yaml

# Of the format: what is written, and all that can be read.
VERSION = 1
_CLASS = "__class_fullname__"


def parse_policy(text: str, name: str) -> list[Any]:
    """What ``load_policy`` makes of the text of a file called ``name``."""
    return _Reader(name).policy(text)


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
            if written != VERSION or isinstance(written, bool):
                raise self._error(
                    entries["version"].line,
                    f"version {written!r} of the format; this imggen reads version {VERSION}",
                )
        steps = entries["augmentations"].value
        if not isinstance(steps, yaml.SequenceNode):
            raise self._error(
                steps.start_mark.line + 1,
                "expected a list of augmentations, each on a line of its own behind a '-'",
            )
        made = [self._step(node) for node in steps.value]
        for step, node in zip(made[:-1], steps.value, strict=False):
            if isinstance(step, Mixer):
                raise self._error(
                    node.start_mark.line + 1,
                    f"{step.name} mixes whole batches, so it has to be the last augmentation, and "
                    "one of its kind",
                )
        return made

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

        if name not in KINDS:
            names = (*KINDS, "albumentations")
            raise self._error(line, str(OptionError.unknown("augmentation", name, names)))
        kind = KINDS[name]
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
        metadata = {"__version__": albumentations.__version__, "transform": self._plain(node)}
        try:
            with warnings.catch_warnings():
                # Of what is deprecated, and of defaults; what is not known was told before.
                warnings.simplefilter("ignore", UserWarning)
                return albumentations.from_dict(metadata)
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

            kinds = (albumentations.BasicTransform, albumentations.BaseCompose)
            choices = [
                choice
                for choice, kind in SERIALIZABLE_REGISTRY.items()
                if hasattr(albumentations, choice) and issubclass(kind, kinds)
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
