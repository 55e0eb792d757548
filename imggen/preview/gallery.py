"""A gallery: every built-in augmentation and preset on one image, over its range.

Augmentations, options, legal values and descriptions are those of the registry of augmentations, so
that a new augmentation appears without a change here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imggen.augment import (
    AUGMENTATIONS,
    PRESETS,
    Bounds,
    BuiltIn,
    Choice,
    FixedSizeCrop,
    Mixer,
    Pipeline,
    RangeBounds,
    Sample,
    blend_images,
    option_constraints,
    option_fields,
)
from imggen.core import Stream, shorten, step_generators
from imggen.decode import ImageSpec, load_image
from imggen.errors import OptionError
from imggen.preview.example_image import draw_boat, draw_house
from imggen.preview.explanation import has_no_colors
from imggen.preview.option_values import (
    choose_values,
    describe_values,
    fix_others,
    format_code,
    format_value,
    has_own_p,
    is_within,
    own_options,
    read_attributes,
    read_summary,
)
from imggen.preview.step_words import describe_step
from imggen.stores import parse_address

_SIDE = 256  # the most pixels of the longer side of a picture
_SOURCE_SIDE = 2 * _SIDE  # of the image that crops cut from
_NUM_DRAWN = 8
_SEED = 25


class Picture(NamedTuple):
    """The image after an augmentation.

    Attributes:
        image: uint8, shape (height, width, 3).
        caption: The value of the option, or what was drawn.
        is_default: Whether the value is the default, or within the default range.
    """

    image: npt.NDArray[np.uint8]
    caption: tuple[str, ...]
    is_default: bool


class Strip(NamedTuple):
    """Pictures of the values of one option, or of what was drawn in several epochs.

    Attributes:
        option: The option; "" for what was drawn.
        values: Its default and legal values, in words.
        text: Its description.
        pictures: From the lowest to the highest value.
    """

    option: str
    values: str
    text: str
    pictures: tuple[Picture, ...]


class Exhibit(NamedTuple):
    """One augmentation or preset.

    Attributes:
        name: Its name.
        summary: A sentence.
        line: Python code that creates it with its default options.
        details: Its further options with their defaults, or the steps of a preset, as Python code.
        strips: The pictures.
    """

    name: str
    summary: str
    line: str
    details: tuple[str, ...]
    strips: tuple[Strip, ...]


class Gallery(NamedTuple):
    """All augmentations and presets on one image.

    Attributes:
        image: The image, uint8, shape (height, width, 3).
        file: Its file; "" for the example.
        is_gray: Whether it has no colors.
        presets: The presets.
        groups: The augmentations by title.
        shared: The options that several augmentations have in common.
    """

    image: npt.NDArray[np.uint8]
    file: str
    is_gray: bool
    presets: tuple[Exhibit, ...]
    groups: dict[str, tuple[Exhibit, ...]]
    shared: tuple[Strip, ...]


# Titles by the module of the augmentations.
_TITLES = {
    "geometry": "Geometry",
    "crop": "Crops",
    "color": "Color",
    "texture": "Texture",
    "randaugment": "Random policies",
    "mixing": "Blends of two images",
}


def make_gallery(file: str | None = None) -> Gallery:
    """Applies every built-in augmentation and preset to an image.

    Args:
        file: An image file; only its first frame is used, transparent parts are white, and a large
            image is shrunk. None: an example.

    Raises:
        ImageError: The file cannot be read.
        OptionError: It is a folder.
    """
    from PIL import Image

    if file is None:
        pixels = draw_house()
    elif os.path.isdir(file):
        raise OptionError(
            f"{shorten(file)} is a folder; expected an image. Pass one of its images."
        )
    else:
        spec = ImageSpec(image_size=None, shorter_side=_SOURCE_SIDE)
        pixels = load_image(parse_address(file), spec)
    source = _shrink(Image.fromarray(pixels), _SOURCE_SIDE)
    image = _shrink(Image.fromarray(source), _SIDE)
    size = (image.shape[1], image.shape[0])
    stage = _Stage(source, image, np.asarray(Image.fromarray(draw_boat()).resize(size)))
    groups: dict[str, tuple[Exhibit, ...]] = {}
    for kind in AUGMENTATIONS.values():
        module = kind.__module__.rpartition(".")[2]
        title = _TITLES.get(module, module.replace("_", " ").capitalize())
        groups[title] = (*groups.get(title, ()), stage.show_augmentation(kind))
    order = [*_TITLES.values(), *groups]
    return Gallery(
        image,
        file or "",
        has_no_colors(image),
        tuple(stage.show_preset(name) for name in PRESETS),
        {title: groups[title] for title in dict.fromkeys(order) if title in groups},
        tuple(stage.show_shared_options()),
    )


def format_line(step: BuiltIn | Mixer) -> str:
    """Returns Python code that creates an augmentation, with the options of its own.

    Example:
        >>> import imggen
        >>> format_line(imggen.augment.RandomFlip())
        "imggen.augment.RandomFlip(mode='horizontal', p=0.5)"
    """
    kind = type(step)
    names = [*own_options(kind)]
    names += [
        field.name
        for field in option_fields(kind)
        if field.kw_only and (getattr(step, field.name) != field.default or has_own_p(field))
    ]
    arguments = ", ".join(f"{name}={format_code(getattr(step, name))}" for name in names)
    return f"imggen.augment.{kind.__name__}({arguments})"


class _Stage(NamedTuple):
    """The images that augmentations are shown on.

    Attributes:
        source: The image that crops cut from.
        image: The image for all others.
        partner: The image that blends are made with, of the same size.
    """

    source: npt.NDArray[np.uint8]
    image: npt.NDArray[np.uint8]
    partner: npt.NDArray[np.uint8]

    def show_augmentation(self, kind: type[BuiltIn | Mixer]) -> Exhibit:
        """Shows each option of an augmentation; where nothing varies over a range, some draws."""
        default = kind()
        texts = read_attributes(kind)
        own = own_options(kind)
        strips = [
            self._show_option(kind, name, constraint, texts.get(name, ""))
            for name, constraint in own.items()
        ]
        if not any(isinstance(constraint, RangeBounds | Choice) for constraint in own.values()):
            strips.insert(0, Strip("", "", "", self._draw([default])))
        details = [
            f"{field.name}={format_code(field.default)}"
            for field in option_fields(kind)
            if field.name not in own and not has_own_p(field)
        ]
        return Exhibit(
            kind.__name__,
            read_summary(kind),
            format_line(default),
            tuple(details),
            tuple(strips),
        )

    def show_preset(self, name: str) -> Exhibit:
        """Shows what a preset draws in the first epochs."""
        steps = PRESETS[name]
        return Exhibit(
            name,
            "",
            f'augment="{name}"',
            tuple(format_line(step).removeprefix("imggen.augment.") for step in steps),
            (Strip("", "", "", self._draw(steps)),),
        )

    def show_shared_options(self) -> Iterator[Strip]:
        """Shows the options that several augmentations have, on the first one that has each."""
        users: dict[str, list[type[BuiltIn | Mixer]]] = {}
        for kind in AUGMENTATIONS.values():
            for field in option_fields(kind):
                if field.kw_only:
                    users.setdefault(field.name, []).append(kind)
        for name, kinds in users.items():
            constraint = option_constraints(kinds[0])[name]
            text = read_attributes(kinds[0]).get(name, "")
            if len(kinds) < 2:
                continue
            if isinstance(constraint, Choice):
                yield self._show_option(kinds[0], name, constraint, text)
            else:
                yield Strip(name, describe_values(kinds[0], name), text, ())

    def _show_option(
        self, kind: type[BuiltIn | Mixer], name: str, constraint: Bounds | Choice, text: str
    ) -> Strip:
        default = getattr(kind(), name)
        pictures = []
        is_blend = issubclass(kind, Mixer)  # its options decide how often, not how much
        for value in () if is_blend else choose_values(constraint, default):
            fixed = fix_others(kind, name, at_end=name not in own_options(kind))
            given = (value, value) if isinstance(constraint, RangeBounds) else value
            image, _ = self._apply([kind(**{**fixed, name: given})], 0)
            is_default = is_within(value, default)
            caption = format_value(value, constraint)
            pictures.append(Picture(image, (caption,), is_default))
        return Strip(name, describe_values(kind, name), text, tuple(pictures))

    def _draw(self, steps: Sequence[BuiltIn | Mixer]) -> tuple[Picture, ...]:
        """Draws several times; equal pictures are shown once."""
        pictures: dict[bytes, Picture] = {}
        for epoch in range(_NUM_DRAWN):
            image, phrases = self._apply(steps, epoch)
            pictures.setdefault(image.tobytes(), Picture(image, phrases, True))
        return tuple(pictures.values())

    def _apply(
        self, steps: Sequence[BuiltIn | Mixer], epoch: int
    ) -> tuple[npt.NDArray[np.uint8], tuple[str, ...]]:
        """Augments the image; returns it and what was drawn."""
        rng_for = step_generators(_SEED, Stream.TRIAL, epoch, 0)
        size = (self.image.shape[0], self.image.shape[1])
        last = steps[-1]
        if isinstance(last, Mixer):
            blend = last.draw(1, size, rng_for(0))
            pair = np.stack([self.image, self.partner])
            share = "" if blend is None else f"{blend.share:.0%} of the image"
            name = "" if blend is None or blend.name == last.name else blend.name
            return blend_images(pair, [blend, None])[0], tuple(filter(None, (name, share)))
        pipeline = Pipeline([step for step in steps if isinstance(step, BuiltIn)])
        source = self.image
        if pipeline.crop is not None:
            source = self.source
            if isinstance(pipeline.crop, FixedSizeCrop):
                size = (min(size[0], _half(source.shape[0])), min(size[1], _half(source.shape[1])))
        result = pipeline(Sample(source), rng_for, "the image", size)
        phrases = [
            phrase
            for step in result.describe()
            for phrase in describe_step(step, size, is_gray=has_no_colors(self.image))
        ]
        return np.ascontiguousarray(result.sample.image), tuple(phrases)


def _half(side: int) -> int:
    return max(1, side // 2)


def _shrink(picture: Any, side: int) -> npt.NDArray[np.uint8]:
    picture.thumbnail((side, side))
    return np.array(picture)
