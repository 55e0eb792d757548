"""Augmented images beside their originals as a page, with what was drawn for each."""

from __future__ import annotations

import os
from typing import Any

import numpy.typing as npt

from imggen.describe import printable
from imggen.drawing import picture_of, with_mask
from imggen.pages.render import data_uri, render
from imggen.preview import Preview
from imggen.preview.variants import Variant

_CELL = 192


def preview_page(found: Preview, root: str) -> str:
    """Draws what ``preview`` found.

    Args:
        found: The variants.
        root: The folder of the images, as a subtitle.

    Returns:
        A page in HTML, with all it needs in it.
    """
    return render(
        "preview.html",
        title="What training sees",
        subtitle=os.path.abspath(root),
        steps=found.steps,
        seed=found.seed,
        num_variants=found.num_variants,
        num_rows=len(found.rows),
        warnings=found.warnings,
        num_classes_left_out=found.num_classes_left_out,
        rows=[
            {
                "label": row.label,
                "name": os.path.basename(row.path),
                "original": _uri(row.original),
                "variants": [
                    {
                        "picture": _uri(
                            with_mask(variant.explanation.image, variant.explanation.mask)
                        ),
                        "epoch": variant.explanation.epoch,
                        "target": variant.explanation.target,
                        "steps": [
                            printable(str(step))
                            for step in variant.explanation.steps
                            if step.parameters is not None
                        ],
                        "warnings": variant.warnings,
                    }
                    for variant in row.variants
                ],
            }
            for row in found.rows
        ],
    )


def _variant_uri(variant: Variant) -> str:
    return _uri(with_mask(variant.explanation.image, variant.explanation.mask))


def _uri(pixels: npt.NDArray[Any]) -> str:
    # Small pictures are enlarged pixel by pixel, which JPEG would smear.
    return data_uri(picture_of(pixels, _CELL), lossless=2 * max(pixels.shape[:2]) < _CELL)
