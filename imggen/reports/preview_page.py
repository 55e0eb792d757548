"""Augmented images beside their originals as a page, with what was drawn for each."""

from __future__ import annotations

import os

from imggen.augment import Sample
from imggen.core import printable
from imggen.preview import Preview, Variant, draw_sample
from imggen.reports.render import data_uri, render

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
                "original": _uri(row.before, row.variants[0]),
                "variants": [
                    {
                        "picture": _uri(variant.explanation.after, variant),
                        "epoch": variant.explanation.epoch,
                        "target": variant.explanation.target_text,
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


def _uri(sample: Sample, variant: Variant) -> str:
    picture = draw_sample(sample, _CELL, variant.explanation.box_class_names)
    # Small pictures are enlarged pixel by pixel, which JPEG would smear.
    return data_uri(picture, lossless=2 * max(sample.size) < _CELL)
