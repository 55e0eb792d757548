"""Targets for several outputs of a model, each by a label mode of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeVar, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Blend, Mixer, Pipeline, Sample
from imggen.core import shorten
from imggen.data import Manifest
from imggen.decode import MaskValues
from imggen.errors import OptionError
from imggen.loading.label_modes.base import LabelMode, LoadedImage, TargetBatch

TargetsAs = Literal["dict", "tuple"]
T = TypeVar("T")


@final
class MultiOutputMode(LabelMode):
    """A dictionary of targets by output, or a tuple of them.

    Each output has the targets that its mode makes of ``manifest.output(name)``. Of the modes that
    move with the image, each is possible once.

    Args:
        modes: The mode of each output, in order.
        targets_as: "dict", or "tuple" for targets in the order of ``modes``.

    Raises:
        OptionError: Less than two outputs, or modes that exclude each other.
    """

    name = "several outputs"
    target_noun = "targets"

    def __init__(self, modes: Mapping[str, LabelMode], targets_as: TargetsAs = "dict") -> None:
        self.modes, self.targets_as = dict(modes), targets_as
        if len(self.modes) < 2:
            raise OptionError(
                f"label_mode= maps the outputs {list(self.modes)}; expected at least two. "
                "For one output, pass its label mode itself; its targets are an array then."
            )
        moving = [mode.name for mode in self.modes.values() if mode.moves_with_image]
        if len(set(moving)) < len(moving):
            raise OptionError(
                f"Several outputs have the label mode {max(moving, key=moving.count)!r}; an image "
                "has only one of these. Leave out the others."
            )
        self.moves_with_image = bool(moving)
        self.keeps_loaded = all(
            mode.keeps_loaded for mode in self.modes.values() if mode.moves_with_image
        )
        self.has_positions = any(mode.has_positions for mode in self.modes.values())

    def describe(self) -> str:
        """See ``LabelMode``."""
        return repr({name: mode.name for name, mode in self.modes.items()})

    def check_manifest(self, manifest: Manifest) -> None:
        """See ``LabelMode``."""
        for name, mode in self.modes.items():
            if mode.kind is not None and name not in manifest.outputs:
                raise OptionError(
                    f"The samples have no targets for the output {name!r}; their outputs are "
                    f"{shorten(list(manifest.outputs))}. Pass targets= to from_dataframe, or "
                    "outputs= to Manifest."
                )
            with name_output(name):
                mode.check_manifest(_select_output(manifest, name))

    def check_files(
        self, manifest: Manifest, mask_values: MaskValues | None, *, is_lenient: bool
    ) -> None:
        """See ``LabelMode``."""
        for name, mode in self.modes.items():
            mode.check_files(_select_output(manifest, name), mask_values, is_lenient=is_lenient)

    def prepare_manifest(self, manifest: Manifest, pipeline: Pipeline) -> Manifest:
        """See ``LabelMode``."""
        for mode in self.modes.values():
            manifest = mode.prepare_manifest(manifest, pipeline)
        for name in self.modes:
            _select_output(manifest, name)  # cached before threads use it
        return manifest

    def empty_sample(self) -> Sample | None:
        """See ``LabelMode``."""
        samples = [mode.empty_sample() for mode in self.modes.values()]
        known = [sample for sample in samples if sample is not None]
        return _merge(known) if len(known) == len(samples) else None

    def load(self, image: LoadedImage) -> Sample:
        """See ``LabelMode``."""
        loaded = [
            mode.load(image._replace(manifest=_select_output(image.manifest, name)))
            for name, mode in self.modes.items()
            if mode.moves_with_image
        ]
        return _merge(loaded)

    def sample_targets(
        self, sample: Sample, manifest: Manifest, *, channels_first: bool
    ) -> dict[str, npt.NDArray[Any]]:
        """See ``LabelMode``."""
        return {
            f"{name}:{key}": array
            for name, mode in self.modes.items()
            if mode.moves_with_image
            for key, array in mode.sample_targets(
                sample, _select_output(manifest, name), channels_first=channels_first
            ).items()
        }

    def batch_targets(self, batch: TargetBatch) -> Any:
        """See ``LabelMode``."""
        arrays: dict[str, dict[str, npt.NDArray[Any]]] = {name: {} for name in self.modes}
        for both, array in batch.arrays.items():
            name, _, key = both.rpartition(":")
            arrays[name][key] = array
        return self._pack(
            mode.batch_targets(
                TargetBatch(_select_output(batch.manifest, name), batch.rows, batch.x, arrays[name])
            )
            for name, mode in self.modes.items()
        )

    def batch_weights(self, batch: TargetBatch, blends: list[Blend | None] | None) -> Any:
        """Returns the weights for each output; ones where only other outputs have weights.

        Under TensorFlow, Keras does not accept None for one of several outputs.
        """
        weights = [
            mode.batch_weights(
                batch._replace(manifest=_select_output(batch.manifest, name)), blends
            )
            for name, mode in self.modes.items()
        ]
        if all(one is None for one in weights):
            return None
        ones = np.ones(len(batch.rows), np.float32)
        return self._pack(ones.copy() if one is None else one for one in weights)

    def unit_weights(self, num_rows: int) -> Any:
        """See ``LabelMode``; one array for each output."""
        return self._pack(np.ones(num_rows, np.float32) for _ in self.modes)

    def check_mixer(self, mixer: Mixer) -> None:
        """See ``LabelMode``."""
        for name, mode in self.modes.items():
            with name_output(name):
                mode.check_mixer(mixer)

    def blend(self, targets: Any, blends: list[Blend | None]) -> Any:
        """See ``LabelMode``."""
        return self._pack(
            mode.blend(own, blends)
            for mode, own in zip(self.modes.values(), self._unpack(targets), strict=True)
        )

    def explain(
        self, manifest: Manifest, shares: Sequence[tuple[int, float]], *, is_mixed: bool
    ) -> dict[str, Any]:
        """Returns the target of each output as its own mode explains it; without masks etc."""
        del is_mixed  # the class is not shown anywhere else
        explained = {
            name: mode.explain(_select_output(manifest, name), shares, is_mixed=True)
            for name, mode in self.modes.items()
        }
        return {name: target for name, target in explained.items() if target is not None}

    def format_target(self, target: Mapping[str, Any]) -> str:
        """See ``LabelMode``."""
        texts = []
        for name, own in target.items():
            mode = self.modes[name]
            is_class = mode.kind == "classes" and len(own) == 1
            texts.append(_caption(name, next(iter(own)) if is_class else mode.format_target(own)))
        return "; ".join(texts)

    def show(
        self,
        pixels: npt.NDArray[np.uint8],
        targets: Any,
        position: int,
        manifest: Manifest,
        *,
        channels_first: bool,
    ) -> tuple[Sample, str]:
        """See ``LabelMode``."""
        samples, captions = [], []
        for (name, mode), own in zip(self.modes.items(), self._unpack(targets), strict=True):
            sample, caption = mode.show(
                pixels, own, position, _select_output(manifest, name), channels_first=channels_first
            )
            samples.append(sample)
            captions.append(_caption(name, caption))
        return _merge(samples), "; ".join(filter(None, captions))

    def class_names(self, manifest: Manifest) -> dict[str, tuple[str, ...]]:
        """Returns the classes of each output, in order; none for masks, numbers and the like."""
        found = {}
        for name, mode in self.modes.items():
            boxes = manifest.boxes if mode.has_positions else None
            names = () if boxes is None else boxes.class_names
            found[name] = names if mode.kind is None else _select_output(manifest, name).class_names
        return found

    def tabulated_outputs(self, manifest: Manifest) -> dict[str | None, tuple[LabelMode, Manifest]]:
        """See ``LabelMode``; without masks and other targets that do not fit into a table."""
        return {
            name: (mode, _select_output(manifest, name))
            for name, mode in self.modes.items()
            if mode.kind is not None or not (mode.moves_with_image or mode.name == "input")
        }

    def _pack(self, values: Iterator[Any]) -> Any:
        if self.targets_as == "tuple":
            return tuple(values)
        return dict(zip(self.modes, values, strict=True))

    def _unpack(self, targets: Any) -> Sequence[Any]:
        return targets if self.targets_as == "tuple" else [targets[name] for name in self.modes]


def _select_output(manifest: Manifest, name: str) -> Manifest:
    """Returns the manifest of an output; the whole one for masks and the like."""
    return manifest.output(name) if name in manifest.outputs else manifest


def _merge(samples: Sequence[Sample]) -> Sample:
    """Merges the masks, boxes and keypoints of one image."""
    boxes = [sample.boxes for sample in samples if sample.boxes is not None]
    keypoints = [sample.keypoints for sample in samples if sample.keypoints is not None]
    return Sample(
        samples[0].image,
        tuple(mask for sample in samples for mask in sample.masks),
        boxes=boxes[0] if boxes else None,
        keypoints=keypoints[0] if keypoints else None,
    )


def _caption(name: str, text: str) -> str:
    """Names the output in front of its target, unless the target begins with the name."""
    if not text:
        return ""
    return text if text.startswith(f"{name} ") else f"{name}: {text.removeprefix('target ')}"


@contextmanager
def name_output(name: str) -> Iterator[None]:
    """Names the output in an error of its mode."""
    try:
        yield
    except OptionError as err:
        raise OptionError(f"Output {name!r}: {err}") from err
