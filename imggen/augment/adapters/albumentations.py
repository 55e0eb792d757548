"""albumentations' transforms, of version 2.0 or newer, and those of AlbumentationsX."""

from __future__ import annotations

import copy
import random
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment.adapters.copies import ThreadCopies
from imggen.augment.base import Drawn
from imggen.augment.sample import Sample
from imggen.errors import OptionError


@final
class AlbumentationsStep:
    """A transform or Compose as an Augmentation.

    A transform keeps its random state in itself, so every thread works on a copy of its own, and
    the state is set from the sample's generator before each call.
    """

    def __init__(self, transform: Any) -> None:
        if not hasattr(transform, "set_random_state"):
            raise OptionError(
                f"augment={type(transform).__name__} comes from an albumentations that cannot be "
                "seeded from outside. Install 2.0 or newer: pip install 'albumentations>=2.0'"
            )
        self.name = f"albumentations.{type(transform).__name__}"
        self.transform = transform
        followed = copy.deepcopy(transform)
        if hasattr(followed, "save_applied_params"):
            followed.save_applied_params = True
        self._copies = ThreadCopies((followed, random.Random(0)))  # noqa: S311
        # Compose keeps a list of what was applied; OneOf and the like fill one that they are given.
        kinds = [base.__name__ for base in type(transform).__mro__]
        self._needs_list = "BaseCompose" in kinds and "Compose" not in kinds

    def augment(self, sample: Sample, rng: np.random.Generator) -> tuple[Sample, Drawn]:
        """Seeds this thread's copy from ``rng`` and calls it."""
        transform, old_fashioned = self._copies.own()
        old_fashioned.seed(int(rng.integers(2**63)))
        transform.set_random_state(rng, old_fashioned)
        given: dict[str, npt.NDArray[Any]] = {"image": sample.image}
        given |= {f"mask{number}": mask for number, mask in enumerate(sample.masks)}
        given |= {f"image{number}": image for number, image in enumerate(sample.images)}
        if len(given) > 1:
            others = [name for name in given if name != "image"]
            transform.add_targets({name: name.rstrip("0123456789") for name in others})
        result = transform(**given, **({"applied_transforms": []} if self._needs_list else {}))
        changed = [_with_channels(result[name], array) for name, array in given.items()]
        first = 1 + len(sample.masks)
        done = Sample(changed[0], tuple(changed[1:first]), tuple(changed[first:]))
        return done, _drawn(transform, result)


def _with_channels(result: Any, image: npt.NDArray[Any]) -> Any:
    """Puts an axis of one channel back, which OpenCV drops."""
    if isinstance(result, np.ndarray) and result.shape == image.shape[:2]:
        return result.reshape(image.shape) if image.shape[2:] == (1,) else result
    return result


def _drawn(transform: Any, result: dict[str, Any]) -> Drawn:
    """What the transforms drew, each by its name, as far as albumentations says."""
    if "applied_transforms" in result:
        applied = [{name: _own(drawn)} for name, drawn in result["applied_transforms"]]
        return {"applied": applied} if applied else None
    parameters = getattr(transform, "params", None)
    return _own(parameters) if parameters else None


def _own(parameters: dict[str, Any]) -> dict[str, Any]:
    """Without the shape of the image, which albumentations counts among them."""
    return {name: value for name, value in parameters.items() if name != "shape"}
