"""One sample of any epoch as training saw it, and how it came about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Applied, Augmented, Sample, blended
from imggen.core import check_whole
from imggen.errors import AugmentationError, OptionError
from imggen.loading import Batch, BatchMaker, Failure
from imggen.preview.drawing import grid
from imggen.preview.sample_drawing import picture_of_sample

if TYPE_CHECKING:
    from PIL import Image


@final
@dataclass(frozen=True, eq=False)
class Explanation:
    """How a sample came to look as it did.

    Attributes:
        epoch: The epoch.
        index: The sample.
        path: The file; with ``on_error="substitute"`` the one that was served in its place.
        label: The name of its class, or None.
        before: The sample as loaded, before augmentation: its image, and the mask, boxes or
            keypoints that targets are made of.
        after: The sample as training saw it but for ``rescale`` and ``dtype``: as the augmentations
            returned it. Blends of MixUp are rounded.
        names_of_boxes: The names of the classes of boxes; position is class index.
        steps: What each augmentation drew, in order; None for ``parameters`` where chance left the
            sample out.
        target: Class name to share, where MixUp or CutMix is in use; else None.
        visible: The share of the original that is not beyond the edge, 0 to 1; None where an
            augmentation cannot say.
    """

    epoch: int
    index: int
    path: str
    label: str | None
    before: Sample
    after: Sample
    names_of_boxes: tuple[str, ...]
    steps: tuple[Applied, ...]
    target: dict[str, float] | None
    visible: float | None

    @property
    def original(self) -> npt.NDArray[Any]:
        """The image of ``before``."""
        return self.before.image

    @property
    def image(self) -> npt.NDArray[Any]:
        """The image of ``after``."""
        return self.after.image

    @property
    def mask(self) -> npt.NDArray[Any] | None:
        """The mask of ``after``, or None."""
        return self.after.masks[0] if self.after.masks else None

    def __str__(self) -> str:
        lines = [f"{self.path} · epoch {self.epoch}, index {self.index}"]
        if self.target is not None:
            shares = (f"{name} {share:.2f}" for name, share in self.target.items())
            lines.append("label: " + ", ".join(shares))
        elif self.label is not None:
            lines.append(f"label: {self.label}")
        for number, step in enumerate(self.steps, 1):
            lines.append(f"{number}. {step}")
        return "\n".join(lines)


class _Served(NamedTuple):
    """One draw before it is blended."""

    row: int
    original: Sample
    augmented: Augmented


def explain(maker: BatchMaker, epoch: int, index: int) -> Explanation:
    """See ``ImageSequence.explain``.

    Args:
        maker: Makes the batches of the sequence that is asked.
        epoch: The epoch.
        index: The draw.
    """
    epoch = check_whole("epoch", epoch, 0)
    index = check_whole("index", index, 0, maker.order.num_draws - 1)
    manifest = maker.manifest
    served = _served(maker, epoch, index)
    after, steps, target = served.augmented.sample.copy(), served.augmented.described(), None
    if maker.pipeline.mixer is not None:
        image, blend, partner = _blended(maker, epoch, index, served)
        after = Sample(image)
        steps += (Applied(maker.pipeline.mixer.name, blend),)
        target = _target(maker, served, partner, blend)
    label = None
    if manifest.labels is not None and manifest.class_names:
        label = manifest.class_names[int(manifest.labels[served.row])]
    return Explanation(
        epoch=epoch,
        index=index,
        path=manifest.filepath(served.row),
        label=label,
        before=served.original.copy(),
        after=after,
        names_of_boxes=_names_of_boxes(maker),
        steps=steps,
        target=target,
        visible=_visible(maker, epoch, index, served),
    )


def draw_batch(maker: BatchMaker, batch: Batch, num_images: int, cell: int) -> Image.Image:
    """See ``ImageSequence.show_batch``."""
    check_whole("num_images", num_images, 1)
    check_whole("cell", cell, 1)
    x = batch.x["image"] if isinstance(batch.x, dict) else batch.x
    x = np.moveaxis(x, 1, -1) if maker.channels_first else x
    if x.ndim != 4 or x.shape[3] not in (1, 3, 4):
        raise OptionError(f"These samples are no images: a batch of them has shape {x.shape}.")
    pictures, captions = [], []
    for place in range(min(num_images, len(x))):
        pixels = np.rint(x[place] / (maker.rescale or 1.0)).clip(0, 255).astype(np.uint8)
        sample, caption = _shown(maker, pixels, batch, place)
        pictures.append(picture_of_sample(sample, cell, _names_of_boxes(maker)))
        captions.append(caption)
    return grid(pictures, captions, columns=8 if len(pictures) > 12 else 4)


def _shown(
    maker: BatchMaker, pixels: npt.NDArray[Any], batch: Batch, place: int
) -> tuple[Sample, str]:
    """One image of a batch with its target: as what is drawn on it, or in words."""
    manifest = maker.manifest
    if maker.label_mode == "mask":
        mask = batch.y[place]
        return Sample(pixels, (np.moveaxis(mask, 0, -1) if maker.channels_first else mask,)), ""
    if maker.label_mode == "boxes" and manifest.boxes is not None:
        target = {name: values[place] for name, values in batch.y.items()}
        return Sample(pixels, boxes=manifest.boxes.from_targets(target, Sample(pixels).size)), ""
    if maker.label_mode == "keypoints" and manifest.keypoints is not None:
        return Sample(pixels, keypoints=manifest.keypoints.from_target(batch.y[place])), ""
    has_class = maker.label_mode in ("categorical", "int", "binary")
    return Sample(pixels), _caption(maker, batch.y[place]) if has_class else ""


def _names_of_boxes(maker: BatchMaker) -> tuple[str, ...]:
    return () if maker.manifest.boxes is None else maker.manifest.boxes.class_names


def _caption(maker: BatchMaker, target: npt.NDArray[Any]) -> str:
    names = maker.manifest.class_names
    if maker.label_mode == "categorical":
        shares = [(float(target[index]), names[index]) for index in np.flatnonzero(target)]
        if len(shares) == 1:
            return shares[0][1]
        return ", ".join(f"{name} {share:.2f}" for share, name in sorted(shares, reverse=True))
    if maker.label_mode == "int":
        return names[int(target)]
    share = float(target[0])
    return names[int(share)] if share in (0.0, 1.0) else f"{names[1]} {share:.2f}"


def _served(maker: BatchMaker, epoch: int, draw: int) -> _Served:
    failures: dict[int, Failure] = {}
    for _, row, sample in maker.loaded(epoch, [draw], failures):
        if sample is not None and (not failures or maker.on_error == "substitute"):
            return _Served(row, sample, maker.augment(sample, epoch, draw, row))
    # Where nothing of a batch can be read, there is a substitute for its first draw.
    for other, row, sample in maker.loaded(epoch, _batch_of(maker, epoch, draw)[1], {}):
        if other == draw and sample is not None:
            return _Served(row, sample, maker.augment(sample, epoch, draw, row))
    failure = failures[draw]
    raise OptionError(
        f"index={draw} was left out: {failure.path!r} cannot be read ({failure.reason})."
    )


def _blended(
    maker: BatchMaker, epoch: int, index: int, served: _Served
) -> tuple[npt.NDArray[Any], dict[str, Any] | None, _Served | None]:
    """Blends a draw with the other one of its batch that training blended it with."""
    batch, draws = _batch_of(maker, epoch, index)
    if batch >= maker.num_batches:
        raise OptionError(
            f"index={index} was left out of epoch {epoch}: drop_remainder=True leaves out a last "
            "batch that is not full."
        )
    in_batch = [draw for draw, *_ in maker.loaded(epoch, draws, {})]
    image = served.augmented.sample.image
    size = (image.shape[0], image.shape[1]) if image.ndim == 3 else None
    blends = maker.blends(epoch, batch, in_batch, size) or []
    blend = blends[in_batch.index(index)]
    if blend is None:
        return image.copy(), None, None
    partner = _served(maker, epoch, in_batch[blend.partner])
    pair = np.stack([image, partner.augmented.sample.image])
    described: dict[str, Any] = {
        "kind": blend.name,
        "with": maker.manifest.paths[partner.row],
        "share": blend.share,
    }
    if blend.box is not None:
        described["box"] = dict(zip(("top", "left", "height", "width"), blend.box, strict=True))
    return blended(pair, [blend._replace(partner=1), None])[0], described, partner


def _batch_of(maker: BatchMaker, epoch: int, draw: int) -> tuple[int, list[int]]:
    """The number of the batch that a draw is in, and all draws of it."""
    (places,) = np.nonzero(maker.order.draws(epoch) == draw)
    batch = int(places[0]) // maker.batch_size
    return batch, maker.draws(epoch, batch).tolist()


def _target(
    maker: BatchMaker, served: _Served, partner: _Served | None, blend: dict[str, Any] | None
) -> dict[str, float] | None:
    """The share of each class that has one."""
    manifest = maker.manifest
    if manifest.labels is None or not manifest.class_names:
        return None
    shares = {manifest.class_names[int(manifest.labels[served.row])]: 1.0}
    if partner is not None and blend is not None:
        (own,) = shares
        shares[own] = blend["share"]
        other = manifest.class_names[int(manifest.labels[partner.row])]
        shares[other] = shares.get(other, 0.0) + 1 - blend["share"]
    return shares


def _visible(maker: BatchMaker, epoch: int, draw: int, served: _Served) -> float | None:
    """Sends a mask of numbered cells after the image, and counts those that arrive."""
    array = served.original.image
    if array.ndim != 3:
        return None
    # So few that none slips through between the pixels of a small result.
    most = max(1, min(_CELLS, min(served.augmented.sample.image.shape[:2]) // _PIXELS_A_CELL))
    rows, cols = min(most, array.shape[0]), min(most, array.shape[1])
    row_of = np.arange(array.shape[0]) * rows // array.shape[0]
    col_of = np.arange(array.shape[1]) * cols // array.shape[1]
    cells = (1 + row_of[:, np.newaxis] * cols + col_of).astype(np.uint8)
    try:
        # Boxes and keypoints too, which some crops of albumentations look at.
        before = served.original
        sample = Sample(array, (cells,), (), before.boxes, before.keypoints)
        shown = maker.augment(sample, epoch, draw, served.row).sample.masks[0]
    except AugmentationError:
        return None  # a function of the image alone, say
    return float(len(np.intersect1d(shown, cells)) / (rows * cols))


# In each direction; numbered from 1, they fit into 8 bits.
_CELLS = 15
_PIXELS_A_CELL = 2
