"""The result of packing images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from imggen.core import (
    format_block,
    format_bytes,
    format_class_table,
    format_html_table,
    pluralize,
)
from imggen.data import Manifest, Shard
from imggen.loading import Failure


@final
@dataclass(frozen=True, eq=False)
class PackReport:
    """The result of ``pack``.

    Attributes:
        manifest: The packed samples; paths lead into the shards.
        shards: All shards.
        unread: The files that cannot be read, and are left out.
        skipped: The number of files and folders that a scan of the source skipped, by reason.
    """

    manifest: Manifest
    shards: tuple[Shard, ...]
    unread: tuple[Failure, ...]
    skipped: Mapping[str, int]

    @property
    def counts(self) -> dict[str, int]:
        """The number of images by split; without splits, by class."""
        splits = self.manifest.splits
        return self.manifest.class_counts if splits is None else dict(Counter(splits))

    @property
    def num_bytes(self) -> int:
        """The size of all shards together."""
        return sum(shard.num_bytes for shard in self.shards)

    def __repr__(self) -> str:
        return f"PackReport({'; '.join(self._summary())})"

    def _repr_html_(self) -> str:
        return format_block(
            "PackReport",
            self._summary(),
            format_class_table({"": self.counts}),
            format_html_table(
                ("file that cannot be read", "reason"),
                [(failure.path, failure.reason) for failure in self.unread],
                noun="file",
            ),
        )

    def _summary(self) -> list[str]:
        unread = [f"{len(self.unread):,} cannot be read"] if self.unread else []
        return [
            f"{pluralize(len(self.manifest), 'image')} in {self.manifest.root!r}",
            f"{pluralize(len(self.shards), 'shard')} of {format_bytes(self.num_bytes)}",
            *unread,
        ]
