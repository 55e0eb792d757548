"""The lines that summarize an ``ImageSequence`` when it is printed."""

from __future__ import annotations

from imggen.core import pluralize
from imggen.decode import ImageSpec
from imggen.loading import BatchMaker


def summarize(
    maker: BatchMaker, spec: ImageSpec | None
) -> tuple[list[str], dict[str, int], dict[str, int]]:
    """Returns the settings of a sequence, its samples per class, and its skipped files.

    Args:
        maker: The batch maker of the sequence.
        spec: How images of the final size are decoded; None for a custom loader.
    """
    manifest = maker.manifest
    shard = maker.shard
    boxes, targets = manifest.boxes, manifest.targets
    outputs = [f"{name}{output.describe()}" for name, output in manifest.outputs.items()]
    classes = [pluralize(manifest.num_classes, "class")] if manifest.num_classes else []
    lines = [
        pluralize(manifest.num_samples, "sample"),
        *([f"outputs {', '.join(outputs)}"] if outputs else classes),
        *([] if boxes is None else [f"boxes of {', '.join(boxes.class_names)}"]),
        *([] if targets is None else [f"targets {', '.join(targets.names)}"]),
        f"{pluralize(maker.num_batches, 'batch')} of {maker.batch_size}",
        *([] if shard is None else [f"shard {shard.index} of {shard.count}"]),
        f"x {_shape_of_x(maker, spec)} {maker.dtype}",
        f"label_mode={maker.label_mode.describe()}",
        f"seed={maker.seed}",
    ]
    return lines, dict(manifest.class_counts), dict(manifest.skipped)


def _shape_of_x(maker: BatchMaker, spec: ImageSpec | None) -> str:
    if spec is None:
        return f"({maker.num_rows}, as loaded)"
    height, width, channels = spec.shape or (None, None, None)
    if maker.channels_first:
        return f"({maker.num_rows}, {channels}, {height}, {width})"
    return f"({maker.num_rows}, {height}, {width}, {channels})"
