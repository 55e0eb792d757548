"""Summaries of manifests and sequences as text and HTML, and numbers in words."""

import html
import math
from collections.abc import Mapping, Sequence
from itertools import islice

_MAX_CLASSES_IN_TEXT = 20
_MAX_CLASSES_IN_HTML = 100


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


def format_summary_html(
    kind: str,
    metadata: Sequence[str],
    class_counts: Mapping[str, int],
    skipped: Mapping[str, int],
) -> str:
    """Formats the same facts as HTML for notebooks, with a bar for each class."""
    largest = max(class_counts.values(), default=1) or 1
    total = sum(class_counts.values()) or 1
    right, left = "text-align:right;padding:1px 10px", "text-align:left;padding:1px 10px"
    rows = "".join(
        f"<tr><td style='{right}'>{index}</td><td style='{left}'>{html.escape(name)}</td>"
        f"<td style='{right}'>{count}</td><td style='{right}'>{count / total:.1%}</td>"
        f"<td style='{left}'><div style='background:#0969da;height:0.7em;"
        f"width:{120 * count / largest:.0f}px'></div></td></tr>"
        for index, (name, count) in enumerate(islice(class_counts.items(), _MAX_CLASSES_IN_HTML))
    )
    more = len(class_counts) - _MAX_CLASSES_IN_HTML
    skipped_items = "".join(
        f"<li>{count} × {html.escape(reason)}</li>" for reason, count in skipped.items()
    )
    return (
        f"<div><b>{html.escape(kind)}</b>: {html.escape('; '.join(metadata))}"
        + (
            f"<table><tr><th style='{right}'>index</th><th style='{left}'>class</th>"
            f"<th style='{right}'>samples</th><th style='{right}'>share</th><th></th></tr>"
            f"{rows}</table>"
            if rows
            else ""
        )
        + (f"<div>and {more} more classes</div>" if more > 0 else "")
        + (f"<div>Skipped while scanning:<ul>{skipped_items}</ul></div>" if skipped_items else "")
        + "</div>"
    )


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


def pluralize(number: int, noun: str) -> str:
    """Formats a count and its noun.

    Example:
        >>> pluralize(1, "file"), pluralize(2000, "file"), pluralize(2, "batch")
        ('1 file', '2,000 files', '2 batches')
    """
    return f"{number:,} {noun}{'' if number == 1 else 'es' if noun.endswith(('s', 'ch')) else 's'}"


def printable(text: str) -> str:
    r"""Escapes characters that a terminal cannot show, such as undecodable bytes of file names.

    Example:
        >>> print(printable("caf\xe9 \n \udcff"))
        café \n \udcff
    """
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text
    )
