"""The manifest of a packed set, from the indices of its shards."""

from __future__ import annotations

import dataclasses
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.core import StringColumn, pluralize
from imggen.data import PackedSet, Place, Shard
from imggen.decode import ImageSpec
from imggen.errors import ExportError
from imggen.export.encoding import JPEG_QUALITY
from imggen.export.pack_source import PackSource
from imggen.export.shard_writer import IndexRow


@final
class Assembly:
    """Collects the samples of all shards, in order.

    Args:
        folder: The packed set.
        source: All samples that were to be packed.
        spec: How images were resized, or None.
    """

    def __init__(self, folder: str, source: PackSource, spec: ImageSpec | None) -> None:
        self._folder, self._source, self._spec = folder, source, spec
        self._shards: list[Shard] = []
        self._rows: list[int] = []
        self._places: dict[str, list[StringColumn]] = {name: [] for name in source.originals}
        self._offsets: list[npt.NDArray[np.int64]] = []
        self._lengths: list[npt.NDArray[np.int64]] = []
        self._hashes: list[StringColumn] = []
        self._boxes: list[list[float]] = []
        self._keypoints: list[list[float]] = []
        self._unread: list[tuple[str, str]] = []

    def add(self, start: int, shard: Shard, rows: list[IndexRow]) -> None:
        """Adds the samples of a shard, whose first one has the row ``start`` in the source."""
        self._unread += [row.unread for row in rows if row.unread is not None]
        rows = [row for row in rows if row.unread is None]
        if not rows:
            return
        self._shards.append(shard)
        self._rows += [start + row.row for row in rows]
        for number, places in enumerate(self._places.values()):
            files = [Place(shard.name, *row.files[number]).address for row in rows]
            places.append(StringColumn.of(files))
        self._offsets.append(np.array([row.files[0][1] for row in rows], np.int64))
        self._lengths.append(np.array([row.files[0][2] for row in rows], np.int64))
        self._hashes.append(StringColumn.of(row.sha256 for row in rows))
        for row in rows:
            self._boxes += row.boxes or []
            self._keypoints += row.keypoints or []

    def finish(self, shard_size: int) -> PackedSet:
        """Returns the packed set.

        Raises:
            ExportError: It would be empty.
        """
        import pandas as pd

        if not self._rows:
            path, reason = self._unread[0]
            raise ExportError(
                f"None of {pluralize(len(self._unread), 'image')} can be read, such as {path!r}: "
                f"{reason}. Check the paths with `imggen verify`."
            )
        kept = self._source.take(np.array(self._rows))
        columns = {name: _join(parts) for name, parts in self._places.items()}
        manifest = dataclasses.replace(
            kept.manifest,
            root=self._folder,
            paths=columns.pop("path"),
            masks=columns.pop("mask", None),
            inputs={name.partition(":")[2]: column for name, column in columns.items()},
            hashes=_join(self._hashes),
            skipped={},
            **self._moved(kept),
        )
        names = [[shard.name] * shard.num_samples for shard in self._shards]
        places = {
            "shard": np.concatenate([np.array(part, object) for part in names]),
            "offset": np.concatenate(self._offsets),
            "length": np.concatenate(self._lengths),
        }
        return PackedSet(
            self._folder,
            manifest,
            pd.DataFrame(places),
            kept.originals,
            kept.extras,
            tuple(self._shards),
            {"shard_size": shard_size, **_describe(self._spec)},
            tuple(self._unread),
        )

    def _moved(self, kept: PackSource) -> dict[str, Any]:
        """Returns the columns of positions in the pixels of the packed images."""
        moved: dict[str, Any] = {}
        boxes, keypoints = kept.manifest.boxes, kept.manifest.keypoints
        if self._boxes and boxes is not None:
            values = np.column_stack([np.array(self._boxes), boxes.rows.values[:, 4]])
            moved["boxes"] = dataclasses.replace(
                boxes, rows=dataclasses.replace(boxes.rows, values=values)
            )
        if self._keypoints and keypoints is not None:
            moved["keypoints"] = dataclasses.replace(
                keypoints,
                rows=dataclasses.replace(keypoints.rows, values=np.array(self._keypoints)),
            )
        return moved


def _join(columns: list[StringColumn]) -> StringColumn:
    return StringColumn.of(text for column in columns for text in column)


def _describe(spec: ImageSpec | None) -> dict[str, Any]:
    """Returns how images were encoded, for the metadata of the manifest."""
    if spec is None:
        return {"encoding": "as in the source"}
    return {
        "encoding": f"JPEG of quality {JPEG_QUALITY} for JPEGs, PNG for others, RGB",
        "image_size": list(spec.image_size or ()),
        "interpolation": spec.interpolation,
        "resized_by": spec.resized_by,
    }
