"""Arguments that the factories for datasets of other libraries share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from imggen.core import shorten
from imggen.errors import OptionError
from imggen.sequences.factories import make_recipe
from imggen.sequences.option_names import check_factory_options
from imggen.splitting import Ratios, Recipe


def check_dataset_options(
    factory: Callable[..., object], options: Mapping[str, object], content: str
) -> None:
    """Rejects a mistyped option, and ``loader``, before a dataset is read.

    Args:
        factory: The function that makes sequences.
        options: Its further options.
        content: The name of what it reads, for the message.
    """
    check_factory_options(factory, options)
    if "loader" in options:
        raise OptionError(f"loader= is for files, and {factory.__name__} reads {content}. Omit it.")


def choose_recipe(
    split: Ratios | None,
    seed: int,
    tables: Mapping[str | None, object],
    *,
    argument: str,
    noun: str,
) -> Recipe | None:
    """Returns the recipe that makes the splits; None for a single sequence.

    Args:
        split: The ratios of a random split, or None.
        seed: The seed of it.
        tables: The dataset of each split; a single one is that of None.
        argument: The argument that the dataset was passed as.
        noun: The name of a single dataset.

    Raises:
        OptionError: ``split`` for a dataset that has splits.
        SplitError: ``split`` is invalid.
    """
    recipe = None if split is None else make_recipe(split, seed)
    if None in tables:
        return recipe
    if split is not None:
        first = next(iter(tables))
        raise OptionError(
            f"split={shorten(split)} is for a single {noun}, and {argument}= has the splits "
            f"{shorten(list(tables))}. Omit split=, or pass {argument}[{first!r}]."
        )
    return Recipe(None)
