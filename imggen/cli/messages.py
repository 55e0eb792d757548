"""Messages of the other rooms in terms of the command line: ``workers=0`` becomes ``--workers 0``.

Errors name the arguments of Python functions. Here they get the names of the options of the verb
that was called, and advice that needs an argument without an option is left out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import click

from imggen.cli.verb import find_metavar

# Advice in terms of Python, and what to do on the command line instead.
_PHRASES = (
    (
        (
            'Pass split="folders" to from_directory, or scan one of them; to use them as classes, '
            "pass class_names=."
        ),
        "Pass one of them.",
    ),
    (
        (
            "Pass the folder to kfold_sequences: for train, val in kfold_sequences(DIR); for a "
            'single fold, pass split="folders" and the folder of the fold to from_directory.'
        ),
        "Pass train or val of one of them; in Python, kfold_sequences yields each fold.",
    ),
    (
        (
            "ratios=None follows the manifest's own splits, and this manifest has none. Pass "
            "ratios, or build it with a split column or from train/val/test folders."
        ),
        "The table has no column split. Add it, or pass the folders of the splits.",
    ),
    (
        "Split the manifest with imggen.split, and save the splits with Manifest.save.",
        "Pass --manifest FILE in place of DST, to write a table.",
    ),
    (
        ", or build it from the table with Manifest.from_frame",
        ", or delete it, to read the table without it",
    ),
    (
        "'parent', 'stem', a regular expression, a function, or one group name per sample",
        "parent, stem, a regular expression, or a column of the table",
    ),
    ("Request fewer, or pass ratios.", "Request fewer, or pass --split."),
    ("of its labels. Pass ratios.", "of its labels. Pass --split."),
    (
        "Save them again with prep.save(FILE.keras).",
        "Save them again with prep.save(FILE.keras) in Python, or pass --preprocessing FILE.json.",
    ),
    (", in ImageSequence(augment=)", ", in Python"),
    (" If the values are right, map each to itself, or filter imggen.errors.MaskValueWarning.", ""),
    ('mode="copy", "symlink" or "hardlink"', "--copy, --symlink or --hardlink"),
    ('mode="copy" or "symlink"', "--copy or --symlink"),
    (
        (
            "an augmentation of imggen, albumentations, Keras or torchvision, a function image -> "
            "image or (image, rng) -> image, a list of these, a preset"
        ),
        "a preset",
    ),
    ("(--force; in Python overwrite=True)", "(--force)"),
    (
        ' or "#rrggbb", "checker", or three whole numbers from 0 to 255, (red, green, blue)',
        ', "#rrggbb" or "checker"',
    ),
    ("(stratify=False)", "(--no-stratify)"),
    (", or None", ""),
    (", nor None", ""),
)
_QUOTED = re.compile(r"""(?<!\w)(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")(?!\w)""", re.DOTALL)
# A setting that has changed: "seed=0 (now 1)".
_NOW = " (now "
_ABSENT = ("None", "False")
_SPLIT_NAMES = ("train", "val", "test")
# In a message, a quoted string is replaced by its number between two of these.
_MARK = "\0"
_ARGUMENT = re.compile(r"(?<![\w.-])(?P<name>[a-z][a-z_]*)=(?!=)")
_SIMPLE_VALUE = re.compile(rf"{_MARK}\d+{_MARK}|[\w+-]+(?:\.\w+)*")
_ALTERNATIVE = re.compile(r"(?<=[;,]) (?=or )|(?<=;) ")
_SENTENCE = re.compile(r"(?<=[.?!]) (?=[A-Z])")
_PLAIN = re.compile(r"[\w./:+-]+")


def translate(message: str, command: click.Command | None) -> str:
    """Returns a message with the options of a command in place of the arguments of functions."""
    message = message.replace(_MARK, "")
    for phrase, replacement in _PHRASES:
        message = message.replace(phrase, replacement)
    quoted: list[str] = []

    def mask(found: re.Match[str]) -> str:
        quoted.append(found[0])
        return f"{_MARK}{len(quoted) - 1}{_MARK}"

    options = _Options.read(command)
    fact, *advice = _SENTENCE.split(_QUOTED.sub(mask, message))
    sentences = [_translate_text(fact, options, quoted)]
    sentences += filter(None, (_translate_advice(sentence, options, quoted) for sentence in advice))
    return _unmask(" ".join(sentences), quoted)


@final
@dataclass(frozen=True)
class _Options:
    """The options of a command.

    Attributes:
        names: The option of each argument, such as "--image-size" of "image_size".
        flags: The option of each value of an argument that has one option per value.
    """

    names: dict[str, str]
    flags: dict[tuple[str, str], str]

    @classmethod
    def read(cls, command: click.Command | None) -> _Options:
        names, flags = {}, {}
        for parameter in _iterate_parameters(command):
            name = parameter.name or ""
            if isinstance(parameter, click.Argument):
                names[name] = find_metavar(parameter)
            else:
                option = max(parameter.opts, key=len)
                names.setdefault(name, option)
                if isinstance(parameter, click.Option) and isinstance(parameter.flag_value, str):
                    flags[name, parameter.flag_value] = option
        return cls(names, flags)

    def format_change(self, name: str, before: str, after: str) -> str:
        """Returns two values of an argument, where None and False mean that it was not given."""
        negation = self.names.get(f"no_{name}")
        if negation is not None and before in ("True", "False"):
            return (
                f"no {negation} (now {negation})" if before == "True" else f"{negation} (now not)"
            )
        if before in _ABSENT:
            return f"no {self.format(name, '')} (now {self.format(name, after)})"
        if after in _ABSENT:
            return f"{self.format(name, before)} (now not)"
        now = self.format(name, after).removeprefix(f"{self.names.get(name)} ")
        return f"{self.format(name, before)} (now {now})"

    def format(self, name: str, value: str) -> str:
        """Returns an argument as on the command line; without an option, in words."""
        if name not in self.names:
            return value if name == "file" else f"{name.replace('_', ' ')} {value}".rstrip()
        try:
            parsed = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            parsed = value
        if isinstance(parsed, str) and (name, parsed) in self.flags:
            return self.flags[name, parsed]
        if name == "image_size" and isinstance(parsed, tuple | list) and len(set(parsed)) == 1:
            parsed = parsed[:1]  # a square
        return " ".join(filter(None, [self.names[name], _format_value(parsed, value)]))


def _iterate_parameters(command: click.Command | None) -> Iterator[click.Parameter]:
    if isinstance(command, click.Group):
        for subcommand in command.commands.values():
            yield from _iterate_parameters(subcommand)
    elif command is not None:
        yield from command.params


def _format_value(parsed: Any, value: str) -> str:
    if parsed is True:
        return ""
    if isinstance(parsed, dict) and set(parsed) <= set(_SPLIT_NAMES):
        names = _SPLIT_NAMES if "train" in parsed else _SPLIT_NAMES[1:]
        parsed = [parsed.get(name, 0) for name in names]
        parsed = parsed[:2] if len(parsed) == 3 and not parsed[2] else parsed
    if isinstance(parsed, tuple | list):
        return " ".join(str(one).removesuffix(".0") for one in parsed)
    if value[:1] in ("'", '"') and _PLAIN.fullmatch(value[1:-1]):
        return value[1:-1]
    return value


def _translate_advice(sentence: str, options: _Options, quoted: list[str]) -> str:
    """Translates a sentence without the alternatives that no option stands for."""
    kept = [
        part
        for part in _ALTERNATIVE.split(sentence)
        if all(
            found["name"] in options.names and not part.startswith("None", found.end())
            for found in _ARGUMENT.finditer(part)
        )
    ]
    text = _translate_text(" ".join(kept), options, quoted).removeprefix("or ").rstrip(",;")
    text = text[:1].upper() + text[1:]
    return text + "." if text and text[-1] not in ".?!" else text


def _translate_text(text: str, options: _Options, quoted: list[str]) -> str:
    translated, position = [], 0
    for found in _ARGUMENT.finditer(text):
        if found.start() < position:
            continue
        end = _find_end(text, found.end())
        value = _unmask(text[found.end() : end], quoted)
        translated += [_rename(text[position : found.start()], options)]
        if text.startswith(_NOW, end):
            last = _find_end(text, end + 1)
            now = _unmask(text[end + len(_NOW) : last - 1], quoted)
            translated += [options.format_change(found["name"], value, now)]
            end = last
        else:
            translated += [options.format(found["name"], value)]
        position = end
    return "".join(translated) + _rename(text[position:], options)


def _rename(text: str, options: _Options) -> str:
    """Replaces the names of arguments that cannot be words of English."""
    names = [re.escape(name) for name in options.names if "_" in name]
    if not names:
        return text
    pattern = rf"(?<![\w.-])(?:{'|'.join(names)})(?![\w.])"
    return re.sub(pattern, lambda found: options.names[found[0]], text)


def _find_end(text: str, start: int) -> int:
    """Returns the end of the value that starts at a position; the position if there is none."""
    if text[start : start + 1] not in ("(", "[", "{"):
        found = _SIMPLE_VALUE.match(text, start)
        return found.end() if found else start
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] in "([{") - (text[position] in ")]}")
        if depth == 0:
            return position + 1
    return len(text)


def _unmask(text: str, quoted: list[str]) -> str:
    return re.sub(rf"{_MARK}(\d+){_MARK}", lambda found: quoted[int(found[1])], text)
