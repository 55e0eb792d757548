"""The plan of a packed set: which samples go into which shard."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.core import pluralize
from imggen.data import split_names
from imggen.decode import ImageSpec
from imggen.errors import ExportError, ImageError, OptionError
from imggen.export.pack_samples import pack_sample
from imggen.export.pack_source import PackSource
from imggen.export.shard_writer import digest_samples
from imggen.export.ustar import END, member_length
from imggen.stores import read

_MAX_SHARDS = 10**6
_MAX_EXAMPLES = 64  # images that are encoded to estimate the size of all
_NO_SPLIT = "shard"


@final
class ShardPlan(NamedTuple):
    """A shard to write.

    Attributes:
        name: Its file name.
        start: The row of its first sample.
        stop: The row behind its last sample.
        digest: A digest of all that is known about its samples and their files.
    """

    name: str
    start: int
    stop: int
    digest: str


@final
class PackPlan(NamedTuple):
    """All shards, and a digest of each sample; see ``digest_samples``."""

    shards: list[ShardPlan]
    digests: npt.NDArray[np.uint64]


def order_by_split(source: PackSource) -> PackSource:
    """Returns the samples sorted by split, in the order train, val, test and others."""
    splits = source.manifest.splits
    if splits is None:
        return source
    names = split_names(splits, "split column")
    number_of = {name: number for number, name in enumerate(names)}
    numbers = np.fromiter((number_of[name] for name in splits), np.int64, len(splits))
    if (np.diff(numbers) >= 0).all():
        return source
    return source.take(np.argsort(numbers, kind="stable"))


def plan_shards(source: PackSource, spec: ImageSpec | None, shard_size: int) -> PackPlan:
    """Plans the shards: consecutive samples of one split, up to ``shard_size`` bytes.

    Args:
        source: The samples, sorted by split.
        spec: How images are resized. Their sizes are estimated from some of them then.
        shard_size: The largest size of a shard in bytes, unless one sample is larger.

    Raises:
        OptionError: There would be more than a million shards.
    """
    num_rows = len(source.manifest)
    digests, sizes = np.zeros(num_rows, np.uint64), np.zeros(num_rows, np.int64)
    for row, (digest, size) in enumerate(digest_samples(source)):
        digests[row], sizes[row] = digest, size
    if spec is not None and (estimate := _estimate_size(source, spec)) is not None:
        sizes[:] = estimate
    splits = source.manifest.splits
    shards: list[ShardPlan] = []
    for split, start, stop in _runs(None if splits is None else list(splits), num_rows):
        prefix = _name_prefix(split, {shard.name.rpartition("-")[0] for shard in shards})
        cuts = _cut(sizes[start:stop], shard_size - len(END))
        if len(shards) + len(cuts) > _MAX_SHARDS:
            raise OptionError(
                f"shard_size={shard_size} makes more than {_MAX_SHARDS} shards of "
                f"{pluralize(num_rows, 'image')}. Make them larger."
            )
        for number, (first, last) in enumerate(cuts):
            rows = slice(start + first, start + last)
            joined = hashlib.sha256(digests[rows].astype("<u8").tobytes()).hexdigest()
            shards.append(ShardPlan(f"{prefix}-{number:06d}.tar", rows.start, rows.stop, joined))
    return PackPlan(shards, digests)


def parse_plan(
    metadata: dict[str, Any], lines: list[Any]
) -> tuple[dict[str, Any], list[ShardPlan]]:
    """Reads the settings and the shards of a plan that was written to a file."""
    return metadata, [ShardPlan(*line) for line in lines]


def check_same_shards(target: str, then: list[ShardPlan], now: list[ShardPlan]) -> None:
    """Checks that an interrupted call had the same images.

    Raises:
        ExportError: Images were added, removed or changed.
    """
    if then != now:
        one, other = sum(shard.stop - shard.start for shard in then), now[-1].stop if now else 0
        facts = f"{one} images, and now there are {other}" if one != other else "other contents"
        raise ExportError(
            f"{target!r} was begun with other images ({facts}). Restore them to complete it, or "
            "choose a new folder."
        )


def _estimate_size(source: PackSource, spec: ImageSpec) -> int | None:
    """Returns the mean size of some samples after resizing; None if none can be read."""
    num_rows = len(source.manifest)
    rows = np.unique(np.linspace(0, num_rows - 1, min(num_rows, _MAX_EXAMPLES)).astype(np.int64))
    some, sizes = source.take(rows), []
    for row, description in enumerate(some.describe()):
        try:
            contents = [read(path) for path in some.files(row)]
            packed = pack_sample(some, row, contents, description, spec)
        except (ImageError, OSError, ValueError):
            continue
        members = (*packed.files, *packed.texts)
        sizes.append(sum(member_length(len(member.content)) for member in members))
    return round(sum(sizes) / len(sizes)) if sizes else None


def _runs(splits: Sequence[str] | None, num_rows: int) -> list[tuple[str, int, int]]:
    """Returns the name, start and stop of each run of samples of one split."""
    if splits is None:
        return [(_NO_SPLIT, 0, num_rows)]
    starts = [row for row in range(num_rows) if row == 0 or splits[row] != splits[row - 1]]
    return [
        (splits[start], start, stop)
        for start, stop in zip(starts, [*starts[1:], num_rows], strict=True)
    ]


def _name_prefix(split: str, taken: set[str]) -> str:
    """Returns the beginning of the names of a split's shards: ASCII, and like no other's."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", split)[:60] or _NO_SPLIT
    prefix, number = plain, 1
    while prefix.lower() in {name.lower() for name in taken}:
        number += 1
        prefix = f"{plain}_{number}"
    return prefix


def _cut(sizes: npt.NDArray[np.int64], limit: int) -> list[tuple[int, int]]:
    """Cuts samples into runs whose sizes add up to the limit or less, at least one each."""
    ends = np.cumsum(sizes)
    cuts, start = [], 0
    while start < len(sizes):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + limit, "right")))
        cuts.append((start, stop))
        start = stop
    return cuts
