"""The page of a preview: originals, augmented variants, and the parameters of each."""

from __future__ import annotations

import os

from imggen.augment import Sample
from imggen.preview import Preview, Variant, draw_sample
from imggen.reports.render import format_root, make_data_uri, render
from imggen.reports.variant_grid import make_variant_style

_CELL, _SMALL_CELL = 256, 192
_MAX_UNREAD = 100


def preview_page(found: Preview, root: str) -> str:
    """Renders the result of ``preview``.

    Args:
        found: The variants.
        root: The folder of the images, which becomes the subtitle.

    Returns:
        A self-contained HTML page.
    """
    return render(
        "preview.html",
        title="Augmented images",
        subtitle=format_root(root),
        style=make_variant_style([found.num_variants]),
        steps=found.steps,
        seed=found.seed,
        num_variants=found.num_variants,
        num_rows=len(found.rows),
        warnings=found.warnings,
        unread=found.unread[:_MAX_UNREAD],
        num_unread=len(found.unread),
        num_classes_left_out=found.num_classes_left_out,
        rows=[
            {
                "label": row.label,
                "name": os.path.basename(row.path),
                "original": _make_uri(row.before, row.variants[0]),
                "variants": [
                    {
                        "picture": _make_uri(variant.explanation.after, variant),
                        "epoch": variant.explanation.epoch,
                        "target": variant.explanation.target_text,
                        "drawn": variant.explanation.phrases,
                        "warnings": variant.warnings,
                    }
                    for variant in row.variants
                ],
            }
            for row in found.rows
        ],
    )


def _make_uri(sample: Sample, variant: Variant) -> str:
    # Small images are enlarged without interpolation, and JPEG would blur their pixels.
    is_small = 2 * max(sample.size) < _SMALL_CELL
    cell = _SMALL_CELL if is_small else _CELL
    picture = draw_sample(sample, cell, variant.explanation.box_class_names)
    return make_data_uri(picture, lossless=is_small)
