"""``from_packed``: sequences from a packed set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Unpack

from imggen.augment import Augment
from imggen.core import check_arguments
from imggen.data import Splits, load_packed
from imggen.sequences.factories import make_sequences
from imggen.sequences.image_sequence import ImageSequence
from imggen.sequences.option_names import check_factory_options
from imggen.sequences.options import SequenceOptions
from imggen.splitting import Recipe


@check_arguments
def from_packed(
    folder: str | os.PathLike[str],
    *,
    augment: Augment | Mapping[str, Augment] = None,
    seed: int | None = None,
    **options: Unpack[SequenceOptions],
) -> ImageSequence | Splits[ImageSequence]:
    """Makes sequences from a set that ``pack`` has written.

    Each image is one read of a range of its shard. Batches are those of the images that were
    packed: the order of the samples is the same.

    Args:
        folder: The packed folder, or a URI of it, such as "s3://bucket/packed".
        augment: As in ``from_directory``.
        seed: As in ``from_directory``.
        **options: As in ``from_directory``. The default ``label_mode`` follows from what was
            packed.

    Returns:
        One ``ImageSequence``; one per split, if the set was packed with splits.

    Raises:
        ManifestError: There is no such set, or its manifest is damaged.
        StoreError: A remote store cannot be read.
        MissingExtraError: pyarrow is not installed.
        OptionError: See ``ImageSequence``.

    Example:
        >>> import tempfile
        >>> from imggen import pack
        >>> packed = pack(photos, tempfile.mkdtemp(), split=(0.5, 0.5))
        >>> train, val = from_packed(packed.manifest.root, image_size=(32, 32), seed=7)
        >>> train.samples, val.samples
        (8, 8)
    """
    check_factory_options(from_packed, options)
    manifest = load_packed(folder)
    recipe = None if manifest.splits is None else Recipe(None)
    return make_sequences(manifest, recipe, augment, seed, options)
