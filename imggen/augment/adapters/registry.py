"""Adapters that other packages bring."""

from __future__ import annotations

from collections.abc import Callable

from imggen.augment.base import Augmentation

Recognizes = Callable[[object], bool]
Make = Callable[[object], Augmentation]

# The newest first.
_registered: list[tuple[Recognizes, Make]] = []


def register_adapter(recognizes: Recognizes, make: Make) -> None:
    """Teaches imggen to take augmentations of another kind, wherever it takes ``augment=``.

    Asked before imggen's own adapters, the latest first. An object that follows the protocol
    ``Augmentation`` itself needs no adapter.

    Args:
        recognizes: Whether an object is of that kind. It is asked about any object at all.
        make: Makes an ``Augmentation`` of it. It should pickle, for worker processes, and be
            callable from several threads at once.

    Example:
        >>> class Darker:
        ...     share = 0.5
        >>> class DarkerStep:
        ...     name = "Darker"
        ...     def __init__(self, darker):
        ...         self.darker = darker
        ...     def augment(self, sample, rng):
        ...         share = self.darker.share * rng.random()
        ...         image = (sample.image * share).astype(sample.image.dtype)
        ...         return dataclasses.replace(sample, image=image), {"share": share}
        >>> import dataclasses
        >>> register_adapter(lambda value, kind=Darker: isinstance(value, kind), DarkerStep)
        >>> from imggen.augment import adapt
        >>> [step.name for step in adapt([Darker()])]
        ['Darker']
    """
    _registered.insert(0, (recognizes, make))


def registered_adapter(value: object) -> Make | None:
    """What ``register_adapter`` was given for objects like this."""
    return next((make for recognizes, make in _registered if recognizes(value)), None)


def comes_from(value: object, package: str) -> bool:
    """Whether a class of ``package`` is among the value's classes, without importing it."""
    return any(base.__module__.partition(".")[0] == package for base in type(value).__mro__)
