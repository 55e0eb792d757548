"""The pictures of the page: each image, its variants, what was drawn, and damage marks."""

from __future__ import annotations

import html
import os
from typing import NamedTuple, final

from nicegui import ui

from imggen.augment import Sample
from imggen.core import printable
from imggen.preview import Row, Variant, draw_sample
from imggen.reports import make_data_uri

# The larger side of a drawn image, in pixels; the page shrinks or enlarges it to the room it has.
_CELL = 320
_MIN_RATIO = 0.5  # of the width to the height of the place of a picture


class Picture(NamedTuple):
    """A picture as the page shows it.

    Attributes:
        uri: The picture as a data URI.
        ratio: Its width divided by its height.
        description: The text for those who do not see it.
        caption: The lines below it, as HTML.
        is_damaged: Whether it has a warning.
    """

    uri: str
    ratio: float
    description: str
    caption: str
    is_damaged: bool = False


class PictureRow(NamedTuple):
    """An image and its variants, with a line of text above them."""

    title: str
    pictures: tuple[Picture, ...]


def draw_row(row: Row, policy: str) -> PictureRow:
    """Draws an image and its variants; safe to call from another thread.

    Args:
        row: The image and its variants.
        policy: The name of the policy; empty: not shown.
    """
    label = "" if row.label is None else f"{row.label} · "
    file = printable(f"{label}{os.path.basename(row.path)}")
    names = row.variants[0].explanation.box_class_names
    original = _draw(row.before, names, f"original of {file}", ["<b>original</b>"])
    variants = (_draw_variant(variant, names, file) for variant in row.variants)
    return PictureRow(f"policy {policy} · {file}" if policy else file, (original, *variants))


@final
class Gallery:
    """The rows of pictures, in the current element of the page.

    As long as their numbers remain, pictures are replaced in place, so that the page keeps still.
    """

    def __init__(self) -> None:
        self._column = ui.column().classes("rows gap-5 q-mt-sm")
        self._shape: list[int] = []
        self._titles: list[ui.label] = []
        self._cells: list[tuple[ui.element, ui.image, ui.html]] = []

    def show(self, rows: list[PictureRow]) -> None:
        """Shows rows of pictures in place of what was shown before."""
        shape = [len(row.pictures) for row in rows]
        if shape != self._shape:
            self._build(shape)
        for title, row in zip(self._titles, rows, strict=True):
            title.set_text(row.title)
        pictures = [picture for row in rows for picture in row.pictures]
        for (cell, image, caption), picture in zip(self._cells, pictures, strict=True):
            image.set_source(picture.uri)
            image.props(f"ratio={max(picture.ratio, _MIN_RATIO):.4f}").props["alt"] = (
                picture.description
            )
            caption.set_content(picture.caption)
            cell.classes(replace="damaged" if picture.is_damaged else "")

    def show_error(self, text: str) -> None:
        """Shows an error in place of the pictures."""
        self._build([])
        with self._column:
            ui.label(text).classes("text-negative").mark("error")

    def _build(self, shape: list[int]) -> None:
        self._shape, self._titles, self._cells = shape, [], []
        self._column.clear()
        with self._column:
            for num_pictures in shape:
                with ui.column().classes("gap-1 w-full"):
                    self._titles.append(ui.label().classes("text-sm"))
                    with ui.element().classes(f"variants variants-{num_pictures - 1}"):
                        for _ in range(num_pictures):
                            with ui.element() as cell:
                                image = ui.image().props("no-spinner no-transition fit=contain")
                                caption = ui.html("", sanitize=False).classes("caption")
                            self._cells.append((cell, image, caption))


def _draw_variant(variant: Variant, box_class_names: tuple[str, ...], file: str) -> Picture:
    explanation = variant.explanation
    lines = [f"<b>epoch {explanation.epoch}</b>"]
    if explanation.target_text:
        lines.append(f"<b>{_escape(explanation.target_text)}</b>")
    if explanation.phrases:
        *first, last = (_escape(phrase) for phrase in explanation.phrases)
        phrases = [*(f"{phrase}," for phrase in first), last]
        lines.append(" ".join(f'<span class="phrase">{phrase}</span>' for phrase in phrases))
    lines += [f'<span class="damage">{_escape(warning)}</span>' for warning in variant.warnings]
    picture = _draw(
        explanation.after, box_class_names, f"epoch {explanation.epoch} of {file}", lines
    )
    return picture._replace(is_damaged=bool(variant.warnings))


def _draw(
    sample: Sample, box_class_names: tuple[str, ...], description: str, lines: list[str]
) -> Picture:
    drawing = draw_sample(sample, _CELL, box_class_names)
    # Small images are enlarged without interpolation, and JPEG would blur their pixels.
    uri = make_data_uri(drawing, lossless=2 * max(sample.size) < _CELL)
    return Picture(uri, drawing.width / drawing.height, description, "<br>".join(lines))


def _escape(text: str) -> str:
    return html.escape(printable(text))
