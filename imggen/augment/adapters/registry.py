"""The registry of adapters for further packages."""

from __future__ import annotations

from collections.abc import Callable

from imggen.augment.base import Augmentation
from imggen.core import check_arguments

Recognizes = Callable[[object], bool]
Make = Callable[[object], Augmentation]

# The latest first.
_registered: list[tuple[Recognizes, Make]] = []


@check_arguments
def register_adapter(recognizes: Recognizes, make: Make) -> None:
    """Registers an adapter, so that ``augment=`` accepts augmentations of another kind.

    Registered adapters are tried before the built-in ones, the latest first. Objects that follow
    the protocol ``Augmentation`` need no adapter.

    Args:
        recognizes: Returns whether an object is of this kind. It is called with arbitrary objects.
        make: Converts such an object to an ``Augmentation``, which must be picklable, for worker
            processes, and safe to call from several threads at once.

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
    """Returns the ``make`` of the registered adapter that recognizes ``value``, or None."""
    return next((make for recognizes, make in _registered if recognizes(value)), None)


def is_from_package(value: object, package: str) -> bool:
    """Whether the class of ``value``, or a base class, is defined in ``package``; no import."""
    return any(base.__module__.partition(".")[0] == package for base in type(value).__mro__)
