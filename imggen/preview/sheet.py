"""The contact sheet: original images next to their augmented variants."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from imggen.augment import Augment
from imggen.core import check_arguments, pluralize
from imggen.data import Manifest, Source, as_manifest
from imggen.decode import ImageSize
from imggen.errors import OptionError
from imggen.loading import ImageBatches, default_label_mode
from imggen.preview.colors import FAINT, WARNING
from imggen.preview.layout import Cell, Note, draw_cells, split_phrases
from imggen.preview.sample_drawing import check_cell, draw_sample
from imggen.preview.variants import Preview, Previewable, Variant, make_preview

if TYPE_CHECKING:
    from PIL import Image

_MAX_CLASSES = 20
_NUM_WITHOUT_CLASSES = 6
_NAME_LINES, _PARAMETER_LINES = 2, 9  # the preset "medium" draws nine phrases


@check_arguments
def contact_sheet(
    sequence: Previewable | Source,
    *,
    augment: Augment = None,
    image_size: ImageSize | None = None,
    images_per_class: int | None = None,
    variants: int = 6,
    max_classes: int | None = _MAX_CLASSES,
    cell: int = 160,
    parameters: bool = True,
) -> Image.Image:
    """Draws original images next to their augmented variants.

    Each row shows one image: as loaded, and then as epochs 0, 1, 2, ... train on it, augmented by
    the sequence's own pipeline and seed.

    Args:
        sequence: The sequence; or a folder, a table (.csv or .parquet) or a manifest. The first
            images of each class are shown.
        augment: The augmentation of images that are not from a sequence; None: "medium".
        image_size: The size of images that are not from a sequence, as in ``ImageSequence``; None:
            224.
        images_per_class: The number of rows per class, 1 or more. None: 1; or 6 in all, if there
            are no classes.
        variants: The number of epochs to show, 1 or more.
        max_classes: The most classes to show, 1 or more. None: all.
        cell: The most pixels of the larger side of each image, 1 or more. Small images are enlarged
            by a whole factor, so that their pixels are visible.
        parameters: Write what was drawn below each variant, the label of mixed images, and
            warnings about damaged variants.

    Returns:
        An RGB picture.

    Raises:
        OptionError: The samples are not images, a number is below 1, the sheet would be too large,
            or options of images on disk for a sequence.
        ScanError: See ``scan``.
        ImageError: A file cannot be read, with ``on_error="raise"``.
        AugmentationError: An augmentation broke its contract.

    Example:
        >>> contact_sheet(sequence, variants=3, cell=64).mode
        'RGB'
    """
    check_cell(cell)
    if isinstance(sequence, str | os.PathLike | Manifest):
        manifest = as_manifest(sequence)
        sequence = ImageBatches(
            manifest,
            image_size=224 if image_size is None else image_size,
            label_mode=default_label_mode(manifest),
            augment="medium" if augment is None else augment,
            seed=0,
            on_error="substitute",
        )
    elif hasattr(sequence, "batch_maker") and (augment is not None or image_size is not None):
        raise OptionError(
            "augment= and image_size= are for images on disk, and a sequence has its own. Omit "
            "them, or pass the manifest of the sequence."
        )
    if images_per_class is None:
        manifest = sequence.manifest
        has_classes = manifest.labels is not None or manifest.boxes is not None
        images_per_class = 1 if has_classes else _NUM_WITHOUT_CLASSES
    found = make_preview(
        sequence,
        images_per_class=images_per_class,
        variants=variants,
        max_classes=max_classes,
        cell=cell,
    )
    return draw_preview(found, cell=cell, parameters=parameters)


def draw_preview(found: Preview, *, cell: int, parameters: bool) -> Image.Image:
    """Draws the contact sheet of a preview; see ``contact_sheet``."""
    columns = found.num_variants + 1
    cells = []
    for row in found.rows:
        names = row.variants[0].explanation.box_class_names
        label = [] if row.label is None else [Note(row.label, max_lines=_NAME_LINES)]
        name = Note(os.path.basename(row.path), FAINT, max_lines=_NAME_LINES)
        cells.append(Cell(draw_sample(row.before, cell, names), [*label, name]))
        for variant in row.variants:
            picture = draw_sample(variant.explanation.after, cell, names)
            cells.append(Cell(picture, _describe(variant) if parameters else ()))
    return draw_cells(
        cells,
        columns,
        cell,
        titles=["original", *(f"epoch {epoch}" for epoch in range(found.num_variants))],
        footer=_make_footer(found) if parameters else (),
        is_first_apart=True,
    )


def _describe(variant: Variant) -> list[Note]:
    """Returns the caption of a variant: its mixed label, what was drawn, and warnings."""
    explanation = variant.explanation
    notes = (
        [Note(split_phrases(explanation.target_text), max_lines=3)]
        if explanation.target_text
        else []
    )
    if explanation.phrases:
        notes.append(Note(explanation.phrases, FAINT, max_lines=_PARAMETER_LINES))
    return [*notes, *(Note(f"! {warning}", WARNING, 3) for warning in variant.warnings)]


def _make_footer(found: Preview) -> list[Note]:
    steps = f"augmentations: {', '.join(found.steps)}" if found.steps else "no augmentations"
    notes = [Note(f"{steps} · seed {found.seed}", FAINT, max_lines=3)]
    if found.num_classes_left_out:
        verb = "is" if found.num_classes_left_out == 1 else "are"
        more = pluralize(found.num_classes_left_out, "more class")
        notes.append(Note(f"{more} {verb} not shown", FAINT))
    if found.unread:
        names = ", ".join(os.path.basename(failure.path) for failure in found.unread)
        notes.append(Note(f"cannot be read: {names}", WARNING))
    return notes
