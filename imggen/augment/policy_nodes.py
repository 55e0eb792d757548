"""The text of policy files as nodes with lines, and the values that nodes stand for.

YAML 1.1 and 1.2 read some words differently: ``010``, ``1:30`` and ``yes`` are 8, 90 and True in
1.1, as PyYAML has it, and something else in 1.2. Such words are refused, by their line.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple, final

from imggen.core import shorten
from imggen.errors import PolicyError

if TYPE_CHECKING:
    import yaml

# Aliases repeat nodes: a few lines can stand for more values than any memory holds.
_MAX_NODES = 100_000
_MAX_DEPTH = 100
_MAX_NUMBER = 100  # characters

_TAG = "tag:yaml.org,2002:"
_MERGE = "<<"
# The words of YAML 1.2 (its core schema) that are not text.
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL_FLOAT = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}

MakeError = Callable[[int | None, str], PolicyError]


class Entry(NamedTuple):
    """A key of a mapping, with its line and its value."""

    key: str
    line: int
    value: yaml.Node


@final
class PolicyNodes:
    """The nodes of a policy file.

    Attributes:
        root: The outermost node; None if the file is empty.

    Raises:
        PolicyError: The text is not valid YAML or JSON, or its nodes are too many or too deep. The
            methods raise it too.
    """

    def __init__(self, text: str, make_error: MakeError, *, is_json: bool) -> None:
        self._error = make_error
        self._is_json = is_json
        if is_json:
            self._check_json(text)
            # JSON is YAML except for tabs, which JSON allows only outside of strings.
            text = text.replace("\t", " ")
        self._text = text
        self.root = self._compose(text)
        if self.root is not None:
            self._count(self.root, {}, 0)

    def value(self, node: yaml.Node) -> Any:
        """Converts a node to lists, dictionaries, numbers and strings."""
        import yaml

        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if isinstance(node, yaml.SequenceNode):
            self._check_tag(node, "seq")
            return [self.value(item) for item in node.value]
        return {entry.key: self.value(entry.value) for entry in self.entries(node, "a mapping")}

    def entries(self, node: yaml.Node, what: str) -> list[Entry]:
        """Returns the entries of a mapping, whose keys must differ.

        Args:
            node: The node.
            what: What is expected, for the error of another node than a mapping.
        """
        import yaml

        if not isinstance(node, yaml.MappingNode):
            raise self._error(
                line_of(node), f"expected {what} as 'name: value', got {shorten(self.value(node))}"
            )
        self._check_tag(node, "map")
        entries: dict[str, Entry] = {}
        for key_node, value in node.value:
            line = line_of(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(line, "a key must be a word, not a list or a mapping")
            key = str(self._scalar(key_node)) if self._is_json else str(key_node.value)
            if key == _MERGE:
                raise self._error(line, "merge keys ('<<') are not supported; write the options")
            if key in entries:
                raise self._error(line, f"{shorten(key)} occurs twice")
            entries[key] = Entry(key, line, value)
        return list(entries.values())

    def _check_json(self, text: str) -> None:
        try:
            # Numbers may be too long to convert; that is told later, with the line.
            json.loads(text, parse_int=len, parse_float=len)
        except json.JSONDecodeError as err:
            raise self._error(err.lineno, f"this is not valid JSON: {err.msg}") from err
        except RecursionError as err:
            raise self._error(None, _TOO_DEEP) from err

    def _compose(self, text: str) -> yaml.Node | None:
        import yaml

        try:
            return yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as err:
            mark = err.problem_mark
            line = None if mark is None else mark.line + 1
            raise self._error(line, f"this is not valid YAML: {err.problem}") from err
        except yaml.reader.ReaderError as err:
            line = text.count("\n", 0, err.position) + 1
            code = err.character if isinstance(err.character, int) else ord(err.character)
            problem = f"the character U+{code:04X} is not allowed"
            raise self._error(line, f"this is not valid YAML: {problem}") from err
        except yaml.YAMLError as err:
            raise self._error(None, f"this is not valid YAML: {err}") from err
        except RecursionError as err:
            raise self._error(None, _TOO_DEEP) from err
        except ValueError as err:  # such as a character \\UFFFFFFFF
            raise self._error(None, f"this is not valid YAML: {err}") from err

    def _count(self, node: yaml.Node, counts: dict[int, int], depth: int) -> int:
        """Counts the nodes below a node, those behind aliases each time."""
        import yaml

        if isinstance(node, yaml.ScalarNode):
            return 1
        known = counts.get(id(node))
        if known == 0:  # it is being counted
            raise self._error(line_of(node), "an alias contains itself")
        if known is not None:
            return known
        if depth > _MAX_DEPTH:
            raise self._error(line_of(node), _TOO_DEEP)
        counts[id(node)] = 0
        is_mapping = isinstance(node, yaml.MappingNode)
        children = [child for pair in node.value for child in pair] if is_mapping else node.value
        count = 1 + sum(self._count(child, counts, depth + 1) for child in children)
        if count > _MAX_NODES:
            raise self._error(line_of(node), f"this holds more than {_MAX_NODES:,} values")
        counts[id(node)] = count
        return count

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if self._is_json:
            return self._convert(json.loads, self._source(node), node)
        if node.style is not None:
            self._check_tag(node, "str")
            return node.value
        text = str(node.value)
        value = self._convert(_read_word, text, node)
        old = self._convert(_read_as_yaml_1_1, text, node)
        if node.tag != old.tag:
            raise self._error(line_of(node), f"the tag {shorten(node.tag)} is not supported")
        is_same = type(old.value) is type(value) and (old.value == value or value != value)  # nan
        if is_same or isinstance(old.value, str):
            return value
        if len(text) > _MAX_NUMBER:
            raise self._error(line_of(node), _TOO_LONG)
        choices = [json.dumps(one) for one in (old.value, value) if not isinstance(one, date)]
        raise self._error(
            line_of(node),
            f"{text} means {shorten(old.value)} in YAML 1.1 and {shorten(value)} in YAML 1.2; "
            f"write {' or '.join(choices)}",
        )

    def _convert(self, read: Callable[[str], Any], text: str, node: yaml.Node) -> Any:
        try:
            return read(text)
        except ValueError as err:
            problem = f"this value cannot be read: {shorten(text)}"
            if len(text) > _MAX_NUMBER:
                problem = _TOO_LONG
            raise self._error(line_of(node), problem) from err

    def _check_tag(self, node: yaml.Node, kind: str) -> None:
        if node.tag not in (f"{_TAG}{kind}", "!"):
            raise self._error(line_of(node), f"the tag {shorten(node.tag)} is not supported")

    def _source(self, node: yaml.Node) -> str:
        return self._text[node.start_mark.index : node.end_mark.index]


_TOO_LONG = "this value cannot be read: the number is too long"
_TOO_DEEP = f"it is nested more than {_MAX_DEPTH} levels deep"


def line_of(node: yaml.Node) -> int:
    """Returns the line of a node, from 1."""
    return int(node.start_mark.line) + 1


def dump_yaml(content: object) -> str:
    """Writes YAML that versions 1.1 and 1.2 read alike."""
    import yaml

    options: dict[str, Any] = {"sort_keys": False, "default_flow_style": None, "width": 100}
    return str(yaml.dump(content, Dumper=_dumper(), **options))


@functools.cache
def _dumper() -> Any:
    """Returns PyYAML's safe dumper, which also quotes text that YAML 1.2 reads as a number."""
    import yaml

    class Dumper(yaml.SafeDumper):  # type: ignore[misc]  # yaml has no types
        pass

    pattern = re.compile(f"({_INT.pattern}|{_FLOAT.pattern})$")
    Dumper.add_implicit_resolver(f"{_TAG}number", pattern, list("-+.0123456789"))
    return Dumper


def _read_word(text: str) -> Any:
    """Reads an unquoted word as YAML 1.2 does."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL_FLOAT.fullmatch(text):
        return float(text.replace(".", ""))
    return text


class _Old(NamedTuple):
    """The meaning of an unquoted word in YAML 1.1."""

    tag: str
    value: Any


def _read_as_yaml_1_1(text: str) -> _Old:
    import yaml

    loader = yaml.SafeLoader("")
    tag = str(loader.resolve(yaml.ScalarNode, text, (True, False)))
    try:
        return _Old(tag, loader.construct_object(yaml.ScalarNode(tag, text)))
    except (LookupError, AttributeError, yaml.YAMLError) as err:
        raise ValueError(str(err)) from err
