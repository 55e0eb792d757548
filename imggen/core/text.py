"""Summaries of manifests and sequences as text, and numbers in words."""

import math
import re
from collections.abc import Mapping, Sequence
from itertools import islice

_MAX_CLASSES_IN_TEXT = 20


def format_summary(
    kind: str,
    metadata: Sequence[str],
    class_counts: Mapping[str, int],
    skipped: Mapping[str, int],
) -> str:
    """Formats facts, samples per class and skipped files on one line.

    Example:
        >>> format_summary("Manifest", ["3 samples"], {"cat": 2, "dog": 1}, {"hidden": 1})
        'Manifest(3 samples; classes {cat: 2, dog: 1}; skipped {hidden: 1})'
    """
    fields = list(metadata)
    if class_counts:
        listed = [f"{n}: {c}" for n, c in islice(class_counts.items(), _MAX_CLASSES_IN_TEXT)]
        more = len(class_counts) - len(listed)
        fields.append(f"classes {{{', '.join(listed)}{f' and {more} more' if more else ''}}}")
    if skipped:
        listed = [f"{reason}: {count}" for reason, count in skipped.items()]
        fields.append(f"skipped {{{', '.join(listed)}}}")
    return f"{kind}({'; '.join(fields)})"


def format_bytes(num_bytes: float) -> str:
    """Formats a number of bytes in binary units.

    Example:
        >>> format_bytes(3 * 2**20)
        '3.0 MiB'
    """
    power = 0 if num_bytes < 1024 else min(4, int(math.log(num_bytes, 1024)))
    if power == 0:
        return f"{num_bytes:.0f} bytes"
    return f"{num_bytes / 1024**power:,.1f} {('KiB', 'MiB', 'GiB', 'TiB')[power - 1]}"


def parse_bytes(text: str) -> int | None:
    """Returns a number of bytes, as digits or with a unit; None for other text.

    Example:
        >>> parse_bytes("256MB"), parse_bytes("1.5 GiB"), parse_bytes("512"), parse_bytes("large")
        (256000000, 1610612736, 512, None)
    """
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?)\s*(?:([kmgtp])(i?))?b?", text.strip().lower())
    if found is None:
        return None
    number, prefix, is_binary = found.groups()
    power = " kmgtp".index(prefix) if prefix else 0
    return round(float(number) * float((1024 if is_binary else 1000) ** power))


def format_number(value: float, digits: int = 4) -> str:
    """Formats a number with a few significant digits, and large ones without an exponent.

    Example:
        >>> format_number(-0.123456), format_number(12345.6), format_number(1e20)
        ('-0.1235', '12346', '1e+20')
    """
    if 10**digits <= abs(value) < 1e15:
        return f"{value:.0f}"
    return f"{value:.{digits}g}"


def pluralize(number: int, noun: str) -> str:
    """Formats a count and its noun.

    Example:
        >>> pluralize(1, "file"), pluralize(2000, "file"), pluralize(2, "batch")
        ('1 file', '2,000 files', '2 batches')
        >>> pluralize(2, "epoch"), pluralize(2, "class"), pluralize(2, "copy")
        ('2 epochs', '2 classes', '2 copies')
    """
    if number != 1:
        if noun.endswith("y"):
            noun = f"{noun[:-1]}ies"
        else:
            noun += "es" if noun.endswith(("s", "tch")) else "s"
    return f"{number:,} {noun}"


def printable(text: str) -> str:
    r"""Escapes characters that a terminal cannot show, such as undecodable bytes of file names.

    Example:
        >>> print(printable("caf\xe9 \n \udcff"))
        café \n \udcff
    """
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text
    )


def cut_middle(text: str, most: int) -> str:
    """Cuts a long text in the middle, so that the end of a path remains.

    Example:
        >>> cut_middle("photos/cat/000123.png", 12)
        'photos…3.png'
    """
    if len(text) <= most:
        return text
    end = (most - 1) // 2
    return f"{text[: most - 1 - end]}…{text[len(text) - end :]}"
