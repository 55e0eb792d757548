"""What a manifest or a sequence shows of itself, as text and in notebooks."""

import html
import math
from collections.abc import Mapping, Sequence
from itertools import islice

_MOST_CLASSES_IN_TEXT = 20
_MOST_CLASSES_IN_HTML = 100


def as_text(
    kind: str,
    metadata: Sequence[str],
    class_counts: Mapping[str, int],
    skipped: Mapping[str, int],
) -> str:
    """One line: the facts, samples a class, and what a scan passed over.

    Example:
        >>> as_text("Manifest", ["3 samples"], {"cat": 2, "dog": 1}, {"hidden": 1})
        'Manifest(3 samples; classes {cat: 2, dog: 1}; passed over {hidden: 1})'
    """
    parts = list(metadata)
    if class_counts:
        listed = [f"{n}: {c}" for n, c in islice(class_counts.items(), _MOST_CLASSES_IN_TEXT)]
        more = len(class_counts) - len(listed)
        parts.append(f"classes {{{', '.join(listed)}{f' and {more} more' if more else ''}}}")
    if skipped:
        listed = [f"{reason}: {count}" for reason, count in skipped.items()]
        parts.append(f"passed over {{{', '.join(listed)}}}")
    return f"{kind}({'; '.join(parts)})"


def as_html(
    kind: str,
    metadata: Sequence[str],
    class_counts: Mapping[str, int],
    skipped: Mapping[str, int],
) -> str:
    """The same as a small page, with a bar for each class."""
    most = max(class_counts.values(), default=1) or 1
    total = sum(class_counts.values()) or 1
    right, left = "text-align:right;padding:1px 10px", "text-align:left;padding:1px 10px"
    rows = "".join(
        f"<tr><td style='{right}'>{index}</td><td style='{left}'>{html.escape(name)}</td>"
        f"<td style='{right}'>{count}</td><td style='{right}'>{count / total:.1%}</td>"
        f"<td style='{left}'><div style='background:#0969da;height:0.7em;"
        f"width:{120 * count / most:.0f}px'></div></td></tr>"
        for index, (name, count) in enumerate(islice(class_counts.items(), _MOST_CLASSES_IN_HTML))
    )
    more = len(class_counts) - _MOST_CLASSES_IN_HTML
    passed = "".join(
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
        + (f"<div>Passed over when scanning:<ul>{passed}</ul></div>" if passed else "")
        + "</div>"
    )


def in_units(num_bytes: float) -> str:
    """A number of bytes in words.

    Example:
        >>> in_units(3 * 2**20)
        '3.0 MiB'
    """
    power = 0 if num_bytes < 1024 else min(4, int(math.log(num_bytes, 1024)))
    if power == 0:
        return f"{num_bytes:.0f} bytes"
    return f"{num_bytes / 1024**power:,.1f} {('KiB', 'MiB', 'GiB', 'TiB')[power - 1]}"


def counted(number: int, what: str) -> str:
    """A number of things.

    Example:
        >>> counted(1, "file"), counted(2, "file")
        ('1 file', '2 files')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"


def printable(text: str) -> str:
    r"""The text with escapes for what a terminal cannot show, as in names that are no text.

    Example:
        >>> print(printable("caf\xe9 \n \udcff"))
        café \n \udcff
    """
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text
    )
