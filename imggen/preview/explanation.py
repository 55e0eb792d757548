"""Explanations: one sample of any epoch as training saw it, and each step that led to it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.augment import AppliedStep, AugmentedSample, Blend, Sample, blend_images
from imggen.core import (
    Picture,
    check_whole,
    format_block,
    format_html_table,
    format_pictures,
)
from imggen.decode import encode_picture
from imggen.errors import AugmentationError, OptionError
from imggen.loading import BatchMaker, Failure, LabelMode, draw_blends, draw_partners
from imggen.preview.sample_drawing import draw_sample
from imggen.preview.step_words import describe_step

_CELL = 180  # pixels, in notebooks
_GRAY_WITHIN = 2  # gray levels between the channels, since values are rounded


@final
@dataclass(frozen=True, eq=False)
class Explanation:
    """One sample as one epoch trains on it, and how it was made.

    Attributes:
        epoch: The epoch.
        index: The index of the sample.
        path: The file; with ``on_error="substitute"`` the one that was served in its place.
        label: The name of its class, or None.
        before: The sample as loaded, before augmentation: its image, and the mask, boxes or
            keypoints that targets are made from.
        after: The sample as the augmentations returned it, before ``rescale`` and ``dtype``. Blends
            of MixUp are rounded.
        box_class_names: The names of the classes of boxes; position is class index.
        steps: What each augmentation drew, in order; ``parameters`` is None where an augmentation
            was not applied, by its probability ``p``.
        label_mode: The kind of targets.
        target: The name of each value of the target, and the value, as the label mode explains it:
            class name to share, where MixUp or CutMix is in use, and for "multi_label"; column to
            number for "regression"; for several outputs, the name of each to these; else None.
        visible: The fraction of the original that is still inside the image, 0 to 1; None where an
            augmentation cannot tell.
    """

    epoch: int
    index: int
    path: str
    label: str | None
    before: Sample
    after: Sample
    box_class_names: tuple[str, ...]
    steps: tuple[AppliedStep, ...]
    label_mode: LabelMode
    target: dict[str, Any] | None
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

    @property
    def target_text(self) -> str:
        """The target in words; empty where it says no more than ``label``."""
        if self.target is None or set(self.target) == {self.label}:
            return ""
        return self.label_mode.format_target(self.target)

    @property
    def phrases(self) -> tuple[str, ...]:
        """The drawn parameters in short phrases, such as "rotate 12.3°"; see ``steps``."""
        return tuple(phrase for step in self.steps for phrase in self._describe(step))

    def _describe(self, step: AppliedStep) -> tuple[str, ...]:
        if self.image.ndim != 3:
            return describe_step(step, (1, 1))
        height, width = self.image.shape[:2]
        return describe_step(step, (height, width), is_gray=self._is_gray)

    @functools.cached_property
    def _is_gray(self) -> bool:
        return has_no_colors(self.original) and has_no_colors(self.image)

    def __repr__(self) -> str:
        label = "" if self.label is None else f"label {self.label!r}; "
        steps = [
            step.name if step.parameters is not None else f"{step.name} (left out)"
            for step in self.steps
        ]
        return (
            f"Explanation({self.path!r}; epoch {self.epoch}, index {self.index}; {label}"
            f"steps {', '.join(steps) or 'none'})"
        )

    def _repr_html_(self) -> str:
        label = [] if self.label is None else [self.label]
        pictures = [
            Picture(_encode_sample(sample, self.box_class_names), [caption], caption)
            for sample, caption in ((self.before, "original"), (self.after, f"epoch {self.epoch}"))
        ]
        rows = [
            (
                number,
                step.name,
                "left out" if step.parameters is None else ", ".join(self._describe(step)),
            )
            for number, step in enumerate(self.steps, 1)
        ]
        visible = "" if self.visible is None else f"{self.visible:.0%} of the original is visible"
        return format_block(
            "Explanation",
            [
                self.path,
                *label,
                f"epoch {self.epoch}, index {self.index}",
                self.target_text,
                visible,
            ],
            format_pictures(pictures),
            format_html_table(("", "step", "drawn"), rows, noun="step"),
        )

    def __str__(self) -> str:
        lines = [f"{self.path} · epoch {self.epoch}, index {self.index}"]
        if self.target is not None:
            noun = self.label_mode.target_noun
            lines.append(f"{noun}: {self.label_mode.format_target(self.target)}")
        elif self.label is not None:
            lines.append(f"label: {self.label}")
        for number, step in enumerate(self.steps, 1):
            lines.append(f"{number}. {step}")
        return "\n".join(lines)


def has_no_colors(image: npt.NDArray[Any]) -> bool:
    """Whether all pixels are gray, so that saturation and hue do not matter."""
    # One channel at a time: reducing over the last axis takes 50 times as long.
    channels = [image[..., index].astype(np.float32) for index in range(min(image.shape[-1], 3))]
    spread = functools.reduce(np.maximum, channels) - functools.reduce(np.minimum, channels)
    return bool((spread <= _GRAY_WITHIN).all())


def _encode_sample(sample: Sample, box_class_names: tuple[str, ...]) -> bytes | None:
    """Draws a sample as a JPEG or PNG; None if it is not an image."""
    image = sample.image
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3, 4):
        return None
    picture = draw_sample(sample, _CELL, box_class_names)
    # Small images are enlarged without interpolation, and JPEG would blur their pixels.
    return encode_picture(picture, lossless=2 * max(sample.size) < _CELL)


class _Served(NamedTuple):
    """One index of an epoch before it is blended."""

    row: int
    original: Sample
    augmented: AugmentedSample


def explain(maker: BatchMaker, epoch: int, index: int) -> Explanation:
    """Explains one sample; see ``ImageSequence.explain``.

    Args:
        maker: The batch maker of the sequence.
        epoch: The epoch.
        index: The index of the sample.
    """
    epoch = check_whole("epoch", epoch, 0)
    index = check_whole("index", index, 0, maker.sampler.num_indices - 1)
    manifest = maker.manifest
    served = _load_served(maker, epoch, index)
    after, steps = served.augmented.sample.copy(), served.augmented.describe()
    shares = [(served.row, 1.0)]
    if maker.pipeline.mixer is not None:
        image, blend, partner = _blend(maker, epoch, index, served)
        after = Sample(image)
        parameters = None
        if blend is not None and partner is not None:
            parameters = _blend_parameters(blend, manifest.paths[partner.row])
            shares = [(served.row, blend.share), (partner.row, 1 - blend.share)]
        steps += (AppliedStep(maker.pipeline.mixer.name, parameters),)
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
        box_class_names=box_class_names(maker),
        steps=steps,
        label_mode=maker.label_mode,
        target=maker.label_mode.explain(
            manifest, shares, is_mixed=maker.pipeline.mixer is not None
        ),
        visible=_visible_fraction(maker, epoch, index, served),
    )


def box_class_names(maker: BatchMaker) -> tuple[str, ...]:
    """Returns the names of the classes of boxes; empty for samples without boxes."""
    return () if maker.manifest.boxes is None else maker.manifest.boxes.class_names


def _load_served(maker: BatchMaker, epoch: int, index: int) -> _Served:
    """Loads and augments the sample that training was served for an index."""
    failures: dict[int, Failure] = {}
    for _, row, sample in maker.load(epoch, [index], failures):
        if sample is not None and (not failures or maker.on_error == "substitute"):
            return _Served(row, sample, maker.augment(sample, epoch, index, row))
    # A batch whose files are all unreadable has a substitute for its first index.
    for other, row, sample in maker.load(epoch, _find_batch(maker, epoch, index)[1], {}):
        if other == index and sample is not None:
            return _Served(row, sample, maker.augment(sample, epoch, index, row))
    failure = failures[index]
    raise OptionError(
        f"index={index} was skipped: {failure.path!r} cannot be read ({failure.reason})."
    )


def _blend(
    maker: BatchMaker, epoch: int, index: int, served: _Served
) -> tuple[npt.NDArray[Any], Blend | None, _Served | None]:
    """Blends a sample with the other sample of its batch that training blended it with."""
    batch_index, indices = _find_batch(maker, epoch, index)
    if batch_index >= maker.num_batches:
        raise OptionError(
            f"index={index} was left out of epoch {epoch}: drop_remainder=True leaves out a last "
            "batch that is not full."
        )
    in_batch = [index for index, *_ in maker.load(epoch, indices, {})]
    image = served.augmented.sample.image
    size = (image.shape[0], image.shape[1]) if image.ndim == 3 else None
    mixer = maker.pipeline.mixer
    if mixer is None:
        return image.copy(), None, None
    partners = draw_partners(maker.seed, epoch, batch_index, len(in_batch)).tolist()
    blends = draw_blends(mixer, maker.seed, epoch, in_batch, partners, size)
    blend = blends[in_batch.index(index)]
    if blend is None:
        return image.copy(), None, None
    partner = _load_served(maker, epoch, in_batch[blend.partner])
    pair = np.stack([image, partner.augmented.sample.image])
    return blend_images(pair, [blend._replace(partner=1), None])[0], blend, partner


def _blend_parameters(blend: Blend, partner_path: str) -> dict[str, Any]:
    parameters: dict[str, Any] = {"kind": blend.name, "with": partner_path, "share": blend.share}
    if blend.box is not None:
        parameters["box"] = dict(zip(("top", "left", "height", "width"), blend.box, strict=True))
    return parameters


def _find_batch(maker: BatchMaker, epoch: int, index: int) -> tuple[int, list[int]]:
    """Finds the batch that an index is in; returns its number and all of its indices."""
    (positions,) = np.nonzero(maker.sampler.indices(epoch) == index)
    batch_index = int(positions[0]) // maker.batch_size
    return batch_index, maker.batch_indices(epoch, batch_index).tolist()


def _visible_fraction(maker: BatchMaker, epoch: int, index: int, served: _Served) -> float | None:
    """Augments a mask of numbered cells along with the image, and counts those still there."""
    array = served.original.image
    if array.ndim != 3:
        return None
    # Few enough that none falls between the pixels of a small result.
    capacity = min(served.augmented.sample.image.shape[:2]) // _PIXELS_PER_CELL
    most = max(1, min(_MAX_CELLS, capacity))
    rows, cols = min(most, array.shape[0]), min(most, array.shape[1])
    row_of = np.arange(array.shape[0]) * rows // array.shape[0]
    col_of = np.arange(array.shape[1]) * cols // array.shape[1]
    cells = (1 + row_of[:, np.newaxis] * cols + col_of).astype(np.uint8)
    try:
        # With boxes and keypoints, which some crops of albumentations depend on.
        before = served.original
        sample = Sample(array, (cells,), (), before.boxes, before.keypoints)
        shown = maker.augment(sample, epoch, index, served.row).sample.masks[0]
    except AugmentationError:
        return None  # a function of the image alone, for example
    return float(len(np.intersect1d(shown, cells)) / (rows * cols))


# Per direction; numbered from 1, 15 x 15 fit into 8 bits.
_MAX_CELLS = 15
_PIXELS_PER_CELL = 2
