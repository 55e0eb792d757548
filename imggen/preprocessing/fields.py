"""The fields of ``Preprocessing``, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, final

import numpy.typing as npt

from imggen.decode import ImageSpec
from imggen.loading import Scaling


@final
class OutputSettings(NamedTuple):
    """One output of a model that has several.

    Attributes:
        name: Its name, the key of its targets.
        label_mode: The kind of its targets.
        class_names: The name of each class; position is class index. Empty for other targets.
        target_names: The names of a list of numbers per image; empty for one number.
    """

    name: str
    label_mode: str | None
    class_names: tuple[str, ...]
    target_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """The fields of ``Preprocessing``, which describes them."""

    spec: ImageSpec | None
    scaling: Scaling
    dtype: str
    data_format: Literal["channels_last", "channels_first"]
    label_mode: str | None
    class_names: tuple[str, ...]
    decoded_by: str | None = None
    resized_by: str | None = None
    loader: Callable[[str], npt.NDArray[Any]] | None = None
    target_names: tuple[str, ...] = ()
    outputs: tuple[OutputSettings, ...] = ()

    @property
    def image_size(self) -> tuple[int, int] | None:
        """(height, width) of the batch's images; None with a custom loader."""
        return None if self.spec is None else self.spec.image_size

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        """The shape of one image in the batch; None with a custom loader."""
        shape = None if self.spec is None else self.spec.shape
        if shape is None or self.data_format == "channels_last":
            return shape
        return (shape[2], *shape[:2])

    @property
    def channels_first(self) -> bool:
        """Whether channels are moved to the front; arrays of a custom loader stay as they are."""
        return self.spec is not None and self.data_format == "channels_first"
