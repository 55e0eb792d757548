"""Blocks of HTML for notebooks: small tables, bars and pictures, for light and dark themes.

Texts are escaped and shortened here, and lists are cut, so that a block stays far below 200 kB.
Colors are inherited from the notebook, or visible on white and on black.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from imggen.core.text import cut_middle, pluralize, printable

MAX_PICTURE_BYTES = 2**17
"""The most bytes of pictures in one block, encoded as Base64."""

COLORS = ("#3b82f6", "#d97706", "#16a34a", "#a855f7", "#0d9488", "#db2777")
"""Colors of splits, stages and channels, in order."""

GOOD, BAD, NEUTRAL = "#16a34a", "#dc2626", "#8b949e"

_MAX_ROWS = 20
_MAX_CLASSES, _MAX_SPLITS = 50, 8
_MAX_TEXT, _MAX_CELL, _MAX_PARAGRAPH = 100, 160, 600
_BAR_WIDTH = 140  # pixels
_PLOT_WIDTH, _PLOT_HEIGHT = 260, 170
_FAINT_LINE = "rgba(128,128,128,.35)"

# The class is doubled to take precedence over the styles of notebooks.
_STYLE = (
    "<style>"
    ".imggen-out.imggen-out{font:13px/1.45 system-ui,sans-serif;overflow-x:auto}"
    ".imggen-out.imggen-out p{margin:4px 0;max-width:90ch}"
    ".imggen-out.imggen-out table{border-collapse:collapse;border:0;margin:6px 0;width:auto;"
    "table-layout:auto;display:inline-table;vertical-align:top;margin-right:28px;font-size:13px;font-variant-numeric:tabular-nums}"
    ".imggen-out.imggen-out tr{background:none}"
    ".imggen-out.imggen-out td,.imggen-out.imggen-out th{padding:2px 14px 2px 0;text-align:left;"
    f"vertical-align:middle;border:0;border-bottom:1px solid {_FAINT_LINE};max-width:360px;"
    "white-space:normal;overflow-wrap:anywhere;background:none}"
    ".imggen-out.imggen-out th{font-weight:600;opacity:.75;white-space:nowrap}"
    ".imggen-out.imggen-out .n{text-align:right;white-space:nowrap}"
    ".imggen-out.imggen-out .i{display:flex;flex-wrap:wrap;gap:10px;margin:6px 0}"
    ".imggen-out.imggen-out .i>div{max-width:210px;font-size:12px;line-height:1.35;"
    "overflow-wrap:anywhere}"
    ".imggen-out.imggen-out img{display:block;max-width:180px;min-width:24px;min-height:24px;"
    "object-fit:contain;margin:0 0 3px;border-radius:4px}"
    ".imggen-out.imggen-out .m{display:grid;place-items:center;width:96px;height:96px;"
    f"margin:0 0 3px;border-radius:4px;border:1px dashed {_FAINT_LINE};opacity:.75}}"
    ".imggen-out.imggen-out svg text{font:11px system-ui,sans-serif;fill:currentColor;opacity:.75}"
    "</style>"
)


class Number(str):
    """The text of a number, which tables align to the right."""

    __slots__ = ()


class Bar(NamedTuple):
    """A bar in a table.

    Attributes:
        parts: The color of each part, and its fraction of the longest bar, 0 to 1.
    """

    parts: Sequence[tuple[str, float]]


class Picture(NamedTuple):
    """A picture with its caption.

    Attributes:
        data: The bytes of a JPEG or PNG; None if there is none.
        caption: The lines of text below it.
        name: The alternative text.
        color: The color of its outline; empty: no outline.
    """

    data: bytes | None
    caption: Sequence[str]
    name: str
    color: str = ""


def format_block(title: str, facts: Iterable[str], *parts: str) -> str:
    """Formats a title, facts about the whole result, and parts of HTML, as one block of HTML."""
    listed = " · ".join(map(_escape, filter(None, facts)))
    return (
        f'<div class="imggen-out">{_STYLE}<p><b>{_escape(title)}</b>'
        f"{f' · {listed}' if listed else ''}</p>{''.join(parts)}</div>"
    )


def format_summary_html(
    kind: str,
    metadata: Sequence[str],
    class_counts: Mapping[str, int],
    skipped: Mapping[str, int],
) -> str:
    """Formats the facts of ``format_summary`` as HTML, with a bar for each class."""
    table = format_class_table({"": class_counts})
    return format_block(kind, metadata, table, format_skipped(skipped))


def format_skipped(skipped: Mapping[str, int]) -> str:
    """Formats the numbers of skipped files as HTML; empty if there are none."""
    listed = ", ".join(f"{count:,} × {reason}" for reason, count in skipped.items())
    return format_paragraph(f"Skipped while scanning: {listed}") if listed else ""


def format_paragraph(text: str, color: str = "") -> str:
    """Formats a text of one or two sentences as HTML."""
    style = f' style="color:{color};font-weight:600"' if color else ""
    return f"<p{style}>{_escape(text, _MAX_PARAGRAPH)}</p>"


def format_html_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    max_rows: int = _MAX_ROWS,
    noun: str = "row",
    note: str = "",
) -> str:
    """Formats a table as HTML.

    Args:
        columns: The heading of each column.
        rows: The cells of each row: texts, numbers, which are aligned to the right, bars, or None.
        max_rows: The most rows that are shown; further ones are counted.
        noun: The name of a row.
        note: Text after the number of further rows.
    """
    if not rows:
        return ""
    shown = rows[:max_rows]
    is_number = [
        any(isinstance(row[place], int | float | Number) for row in shown)
        for place in range(len(columns))
    ]
    classes = [' class="n"' if one else "" for one in is_number]
    head = "".join(
        f"<th{kind}>{_escape(name)}</th>" if name else "<td></td>"
        for name, kind in zip(columns, classes, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{kind}>{_format_cell(cell)}</td>" for cell, kind in zip(row, classes, strict=True)
        )
        + "</tr>"
        for row in shown
    )
    header = f"<thead><tr>{head}</tr></thead>" if any(columns) else ""
    return (
        f"<table>{header}<tbody>{body}</tbody></table>"
        f"{format_rest(len(rows) - len(shown), noun, note)}"
    )


def format_rest(number: int, noun: str, note: str = "") -> str:
    """Formats the number of things that are not shown as HTML; empty if there are none.

    Args:
        number: The number.
        noun: The name of one of them.
        note: Text after it.
    """
    if number <= 0:
        return ""
    count, _, name = pluralize(number, noun).partition(" ")
    return format_paragraph(f"and {count} more {name}{note}")


def format_pictures(pictures: Iterable[Picture]) -> str:
    """Formats pictures side by side as HTML; those without data have a frame in their place."""
    figures = []
    for picture in pictures:
        if picture.data is None:
            shown = '<div class="m">no picture</div>'
        else:
            outline = f"outline:3px solid {picture.color};outline-offset:-3px"
            style = f' style="{outline}"' if picture.color else ""
            shown = (
                f'<img src="{encode_data_uri(picture.data)}" alt="{_escape(picture.name)}"{style}>'
            )
        lines = "<br>".join(_escape(line) for line in picture.caption)
        figures.append(f"<div>{shown}{lines}</div>")
    return f'<div class="i">{"".join(figures)}</div>' if figures else ""


def format_class_table(counts: Mapping[str, Mapping[str, int]]) -> str:
    """Formats the number of samples per class as an HTML table with bars.

    Args:
        counts: For each split, class name to number of samples. The split may be "", for all.
    """
    num_left_out = len(counts) - _MAX_SPLITS
    counts = dict(islice(counts.items(), _MAX_SPLITS))
    classes = list(dict.fromkeys(name for one in counts.values() for name in one))
    totals = {name: sum(one.get(name, 0) for one in counts.values()) for name in classes}
    most, whole = max(totals.values(), default=0) or 1, sum(totals.values()) or 1
    is_split = list(counts) != [""]
    rows = []
    for index, name in enumerate(islice(classes, _MAX_CLASSES)):
        numbers = [one.get(name, 0) for one in counts.values()]
        longest = (totals[name] or 1) if is_split else most
        parts = [
            (COLORS[place % len(COLORS)], number / longest) for place, number in enumerate(numbers)
        ]
        share = [] if is_split else [Number(f"{totals[name] / whole:.1%}")]
        rows.append((index, name, *numbers, *share, Bar(parts)))
    heads = list(counts) if is_split else ["samples", "share"]
    table = format_html_table(("index", "class", *heads, ""), rows, max_rows=_MAX_CLASSES)
    return (
        table + format_rest(len(classes) - len(rows), "class") + format_rest(num_left_out, "split")
    )


def format_scatter(points: Sequence[tuple[int, int]], across: str, up: str) -> str:
    """Formats points as an SVG picture.

    Args:
        points: The coordinates, at least one pair, of whole numbers from 0 on.
        across: The name of the first coordinate, which grows to the right.
        up: The name of the second.
    """
    most = max(max(point) for point in points) or 1
    width, height, left = _PLOT_WIDTH - 52, _PLOT_HEIGHT - 34, 40
    dots = "".join(
        f'<circle cx="{left + width * x / most:.0f}" cy="{8 + height * (1 - y / most):.0f}" r="3" '
        f'fill="{COLORS[0]}" fill-opacity=".45"/>'
        for x, y in points
    )
    return (
        f'<svg width="{_PLOT_WIDTH}" height="{_PLOT_HEIGHT}" role="img" '
        f'aria-label="{_escape(f"{up} against {across}")}">'
        f'<path d="M{left} 8V{8 + height}H{left + width}" fill="none" stroke="{_FAINT_LINE}"/>'
        f'<text x="{left - 4}" y="16" text-anchor="end">{most}</text>'
        f'<text x="{left + width}" y="{_PLOT_HEIGHT - 12}" text-anchor="end">'
        f"{_escape(across)} {most}</text>"
        f'<text x="{left + 4}" y="16">{_escape(up)}</text>{dots}</svg>'
    )


def format_curves(curves: Sequence[tuple[str, Sequence[float]]], label: str) -> str:
    """Formats curves as an SVG picture.

    Args:
        curves: The color and the values of each, 0 or more, at regular intervals. The highest 2 %
            of the values may be cut.
        label: The text below the picture.
    """
    most = max(sorted(values)[-1 - len(values) // 50] for _, values in curves) or 1
    drawn = []
    for color, values in curves:
        step = _PLOT_WIDTH / max(1, len(values) - 1)
        path = " ".join(
            f"{place * step:.1f},{_PLOT_HEIGHT * (1 - min(1, value / most)):.1f}"
            for place, value in enumerate(values)
        )
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.5"/>')
    return (
        f'<svg width="{_PLOT_WIDTH}" height="{_PLOT_HEIGHT + 18}" role="img" '
        f'aria-label="{_escape(label)}"><path d="M0 {_PLOT_HEIGHT}H{_PLOT_WIDTH}" '
        f'stroke="{_FAINT_LINE}" stroke-width="2"/>{"".join(drawn)}'
        f'<text x="0" y="{_PLOT_HEIGHT + 14}">{_escape(label)}</text></svg>'
    )


def encode_data_uri(data: bytes) -> str:
    """Returns the data URI of the bytes of a JPEG or PNG."""
    kind = "png" if data.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _format_cell(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Bar):
        parts = "".join(
            f'<div style="width:{_BAR_WIDTH * part:.1f}px;height:10px;background:{color}"></div>'
            for color, part in cell.parts
        )
        return f'<div style="display:flex;width:{_BAR_WIDTH}px">{parts}</div>'
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"{cell:,}"
    return _escape(str(cell), _MAX_CELL)


def _escape(text: str, most: int = _MAX_TEXT) -> str:
    return html.escape(cut_middle(printable(text), most))
