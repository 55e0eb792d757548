"""Remote files of a batch, read ahead of their decoding."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, final

import numpy as np
import numpy.typing as npt

from imggen.cache import ImageCache
from imggen.data import Manifest
from imggen.stores import find_uri, share_reads, start_reading, stop_reading

T = TypeVar("T")
BatchKey = tuple[int, int]  # epoch, number of the batch

# Enough for all readers; but not what will be asked for after minutes, of batches of one image.
_NUM_AHEAD = 64
_MAX_BATCHES_AHEAD = 16


@final
@dataclass(frozen=True)
class StoreReader:
    """Has the files of samples read before they are decoded, by many threads.

    Attributes:
        manifest: The samples.
        cache: The cache of loaded images, whose files are not read; or None.
        reads_ahead: Whether the files of the following batches are read, too. Not so in a worker
            process, since others make these.
    """

    manifest: Manifest
    cache: ImageCache | None
    reads_ahead: bool = True

    def __reduce__(self) -> tuple[Any, ...]:
        return StoreReader, (self.manifest, self.cache, False)

    @classmethod
    def find(cls, manifest: Manifest, cache: ImageCache | None) -> StoreReader | None:
        """Returns the reader of a manifest; None if its files are not remote.

        A set that was joined from local and remote ones has remote files at one of its ends.
        """
        ends = (0, manifest.num_samples - 1) if manifest.num_samples else ()
        is_remote = any(find_uri(manifest.filepath(row)) is not None for row in ends)
        return cls(manifest, cache) if is_remote else None

    def start(self, rows: Iterable[int], batch: BatchKey | None = None) -> list[str]:
        """Begins to read the files of samples that will be loaded in this order; returns them.

        Args:
            rows: The samples.
            batch: Their batch, if they are loaded for one.
        """
        manifest, cache = self.manifest, self.cache
        columns = [*manifest.inputs.values(), *([] if manifest.masks is None else [manifest.masks])]
        wanted = []
        for row in rows:
            if cache is None or not cache.holds(row):
                wanted.append(manifest.filepath(row))
            wanted += [manifest.resolve(column[row]) for column in columns]
        wanted = [path for path in wanted if find_uri(path) is not None]
        start_reading(wanted, self._user(batch))
        return wanted

    def during(
        self,
        samples: Iterable[T],
        rows: Iterable[int],
        batch: BatchKey,
        following: Iterable[npt.NDArray[np.int64]],
    ) -> Iterator[T]:
        """Yields the samples of a batch, whose files are read while it is made, and once each.

        Args:
            samples: The samples, which are loaded one by one.
            rows: The rows that are loaded.
            batch: The epoch and the number of the batch in it.
            following: The rows of each batch that follows.
        """
        wanted = self.start(rows, batch)
        if self.reads_ahead:
            num_ahead = 0
            epoch, number = batch
            for later in itertools.islice(following, _MAX_BATCHES_AHEAD):
                number += 1
                self.start(later.tolist(), (epoch, number))
                num_ahead += len(later)
                if num_ahead >= _NUM_AHEAD:
                    break
        try:
            with share_reads(self._user(batch)):
                yield from samples
        finally:
            stop_reading(wanted, self._user(batch))

    def _user(self, batch: BatchKey | None) -> tuple[int, BatchKey] | None:
        return None if batch is None else (id(self), batch)
