"""The format of a packed set: tar shards, and a Parquet manifest that places every file in them.

The manifest is one that ``Manifest.save`` could have written: ``path`` is the address of an image,
such as ``train-000000.tar/00000042.jpg#1536+20480``. Further columns are ``shard``, ``offset`` and
``length``, ``original:path`` (and ``original:mask``, ``original:input:<name>``), and those that a
table had besides; one that has a name of these begins with ``extra:``, such as ``extra:length``.
The metadata next to it has a member "packed".
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.core import (
    InputFile,
    StringColumn,
    is_relative_path,
    is_whole,
    mark_name,
    read_frame,
    require_pyarrow,
    shorten,
    write_table,
)
from imggen.data.manifest import Manifest
from imggen.data.manifest_io import build_metadata, relative_root
from imggen.errors import ImggenError, ManifestError, StoreError
from imggen.stores import is_remote, join_address, parse_address, read

if TYPE_CHECKING:
    import pandas as pd

PACKED_MANIFEST = "manifest.parquet"
_METADATA_FILE = f"{PACKED_MANIFEST}.json"
_KEY = "packed"
_VERSION = 1
_ORIGINAL = "original:"
_EXTRA = "extra:"
_PLACE_COLUMNS = ("shard", "offset", "length")


@final
class Shard(NamedTuple):
    """A tar file of a packed set.

    Attributes:
        name: Its file name.
        num_bytes: Its size.
        sha256: The SHA-256 of its bytes, as hexadecimal digits.
        num_samples: The number of its samples.
    """

    name: str
    num_bytes: int
    sha256: str
    num_samples: int


@final
class Place(NamedTuple):
    """Where the bytes of a file are.

    Attributes:
        shard: The file name of the shard.
        name: The name of the member.
        offset: The position of its first byte in the shard.
        length: Its number of bytes.
    """

    shard: str
    name: str
    offset: int
    length: int

    @property
    def address(self) -> str:
        """The path that readers take, relative to the packed set."""
        return f"{self.shard}/{self.name}#{self.offset}+{self.length}"


@final
@dataclass(frozen=True, eq=False)
class PackedSet:
    """A packed set, as its manifest describes it.

    Attributes:
        folder: The folder or URI of the manifest and the shards.
        manifest: The samples; paths are addresses in the shards, relative to ``folder``.
        places: Where the image of each sample is: the columns shard, offset and length.
        originals: The paths before packing: "path", and if there are any "mask" and "input:<name>".
        extras: Further columns of the table that was packed; no columns if it had none.
        shards: All shards.
        settings: How the images were packed.
        unread: The path and the reason of each file that could not be read, and is not in the set.
    """

    folder: str
    manifest: Manifest
    places: pd.DataFrame
    originals: Mapping[str, StringColumn]
    extras: pd.DataFrame
    shards: tuple[Shard, ...]
    settings: Mapping[str, Any]
    unread: tuple[tuple[str, str], ...] = ()

    def write(self) -> None:
        """Writes the manifest and its metadata, both replaced atomically.

        Raises:
            ManifestError: A file cannot be written.
            MissingExtraError: pyarrow is not installed.
        """
        import pandas as pd

        manifest = self.manifest
        originals = {f"{_ORIGINAL}{name}": list(paths) for name, paths in self.originals.items()}
        frame = manifest.to_frame()
        frame = pd.concat([frame, self.places, pd.DataFrame(originals, dtype=object)], axis=1)
        extras = self.extras.rename(columns=_name_extra)
        extras = extras[[name for name in extras if name not in frame]]
        metadata = build_metadata(manifest._columns(), manifest.class_names, ".")
        metadata[_KEY] = {
            "version": _VERSION,
            **self.settings,
            "shards": [list(shard) for shard in self.shards],
            "unread": [list(failure) for failure in self.unread],
        }
        file = Path(self.folder, PACKED_MANIFEST)
        write_table(file, pd.concat([frame, extras], axis=1), metadata, overwrite=True)


def save_with_extras(manifest: Manifest, extras: pd.DataFrame, file: str) -> None:
    """Saves a manifest as ``Manifest.save`` does, with further columns of its table.

    Args:
        manifest: The manifest.
        extras: The columns, one row per sample.
        file: A .csv or .parquet file, which is replaced if it exists.

    Raises:
        ManifestError: It cannot be written.
    """
    import pandas as pd

    frame = manifest.to_frame()
    others = extras[[name for name in extras if name not in frame]]
    root = relative_root(manifest.root, Path(file).parent)
    metadata = build_metadata(manifest._columns(), manifest.class_names, root)
    write_table(Path(file), pd.concat([frame, others], axis=1), metadata, overwrite=True)


def is_packed(source: str | os.PathLike[str]) -> bool:
    """Whether a path or URI is a packed set: its folder, or its manifest.

    Of a URI, its metadata is read; False if that is not possible for whatever reason.
    """
    folder = _folder_of(source)
    if is_remote(folder):
        try:
            metadata = read(join_address(folder, _METADATA_FILE))
        except StoreError:
            return False
        return f'"{_KEY}": {{'.encode() in metadata
    return os.path.isfile(Path(folder, PACKED_MANIFEST)) and _has_packed_metadata(folder)


def is_damaged(folder: str | os.PathLike[str]) -> bool:
    """Whether a local folder holds a packed set without its manifest, or with a broken one.

    ``load_packed`` raises an error that says so.
    """
    is_begun = os.path.isdir(Path(folder, mark_name("pack"))) or _has_packed_metadata(folder)
    return is_begun and not is_packed(folder)


def _has_packed_metadata(folder: str | os.PathLike[str]) -> bool:
    file = Path(folder, _METADATA_FILE)
    if not os.path.isfile(file):
        return False
    try:
        return _KEY in InputFile(file, ManifestError).read_json_object()
    except ManifestError:
        return False


def load_packed(source: str | os.PathLike[str]) -> Manifest:
    """Reads the manifest of a packed set, whose paths lead into the shards.

    Args:
        source: The folder, a URI of it, or the path of the manifest in it.

    Raises:
        ManifestError: There is no such set, or its manifest is damaged.
        StoreError: A remote store cannot be read.
        MissingExtraError: pyarrow is not installed.
    """
    return _load(source)[1]


def read_packed(source: str | os.PathLike[str]) -> PackedSet:
    """Reads a packed set.

    Args:
        source: As in ``load_packed``.

    Raises:
        ManifestError: See ``load_packed``; or a place is outside its shard, or a shard outside the
            folder.
        StoreError: A remote store cannot be read.
        MissingExtraError: pyarrow is not installed.
    """
    folder, manifest, frame, packed = _load(source)
    file = InputFile(
        join_address(folder, PACKED_MANIFEST),
        ManifestError,
        "the manifest of a packed set",
        "Pack the images again, or restore the file.",
    )
    with file.translate_errors():
        shards = _parse_shards(packed.pop("shards"))
        places = frame[list(_PLACE_COLUMNS)]
        _check_places(places, list(manifest.paths), shards)
        originals = {
            name.removeprefix(_ORIGINAL): StringColumn.of(frame[name])
            for name in map(str, frame.columns)
            if name.startswith(_ORIGINAL)
        }
        unread = tuple((str(path), str(reason)) for path, reason in packed["unread"])
        if "path" not in originals:
            raise ValueError(f"it has no column {_ORIGINAL + 'path'!r}")
    known = {*manifest.to_frame().columns, *_PLACE_COLUMNS}
    names = [str(name) for name in frame.columns if name not in known]
    others = [name for name in names if not name.startswith(_ORIGINAL)]
    extras = frame[others].rename(columns=lambda name: name.removeprefix(_EXTRA))
    settings = {name: packed[name] for name in packed if name not in ("version", "unread")}
    return PackedSet(folder, manifest, places, originals, extras, shards, settings, unread)


def _name_extra(name: Any) -> str:
    """Returns the name of a table's own column in the manifest, where some have a meaning."""
    text = str(name)
    is_taken = text in _PLACE_COLUMNS or text.startswith((_ORIGINAL, _EXTRA))
    return f"{_EXTRA}{text}" if is_taken else text


def find_original_paths(manifest: Manifest) -> list[str] | None:
    """Returns the path that each image of a packed set had before; None for other images.

    Args:
        manifest: Samples of one packed set, in any order.
    """
    is_in_shard = manifest.num_samples > 0 and ".tar/" in manifest.paths[0]
    if not is_in_shard or not is_packed(manifest.root):
        return None
    try:
        packed = read_packed(manifest.root)
    except ImggenError:
        return None
    original_of = dict(zip(packed.manifest.paths, packed.originals["path"], strict=True))
    return [original_of.get(path, path) for path in manifest.paths]


def _load(
    source: str | os.PathLike[str],
) -> tuple[str, Manifest, pd.DataFrame, dict[str, Any]]:
    """Returns the folder, the manifest, its table, and how the images were packed."""
    require_pyarrow("A packed set")
    folder = _folder_of(source)
    if not is_remote(folder):
        place = Path(folder)
        _check_exists(place)
        return (folder, *_load_local(place, folder))
    with tempfile.TemporaryDirectory() as copy:
        for name in (PACKED_MANIFEST, _METADATA_FILE):
            Path(copy, name).write_bytes(read(join_address(folder, name)))
        return (folder, *_load_local(Path(copy), folder))


def _load_local(place: Path, root: str) -> tuple[Manifest, pd.DataFrame, dict[str, Any]]:
    file = place / PACKED_MANIFEST
    manifest = Manifest.load(file, root=root)
    packed = InputFile(place / _METADATA_FILE, ManifestError).read_json_object().get(_KEY)
    if not isinstance(packed, dict) or packed.get("version") != _VERSION:
        found = shorten(packed.get("version") if isinstance(packed, dict) else packed)
        raise ManifestError(
            f"{root!r} is a packed set of version {found}; this version of imggen reads version "
            f"{_VERSION}. Pack the images again."
        )
    return manifest, read_frame(file), packed


def _folder_of(source: str | os.PathLike[str]) -> str:
    address = parse_address(source)
    head, _, name = address.replace(os.sep, "/").rpartition("/")
    return (head or ".") if name == PACKED_MANIFEST else address


def _check_exists(folder: Path) -> None:
    if folder.is_dir() and (folder / PACKED_MANIFEST).is_file():
        return
    if not folder.is_dir():
        fact = "is a file" if folder.exists() else "does not exist"
    elif (folder / mark_name("pack")).exists():
        fact = "is not packed to the end; make the same call of imggen.pack again to resume it"
    else:
        fact = f"has no {PACKED_MANIFEST}"
    raise ManifestError(f"{str(folder)!r} {fact}; expected a folder that imggen.pack has written.")


def _parse_shards(values: Any) -> tuple[Shard, ...]:
    shards = []
    for value in values:
        shard = Shard(*value)
        if not is_relative_path(shard.name) or not shard.name.endswith(".tar"):
            raise ValueError(f"it has a shard of the name {shorten(shard.name)}")
        if not (is_whole(shard.num_bytes, 0) and isinstance(shard.sha256, str)):
            raise TypeError(f"its shard {shard.name!r} has no size or hash")
        shards.append(shard)
    return tuple(shards)


def _check_places(places: pd.DataFrame, paths: list[str], shards: tuple[Shard, ...]) -> None:
    """Checks that every image is inside a shard of the set, where its path says.

    Raises:
        ValueError: One is not.
    """
    size_of = {shard.name: shard.num_bytes for shard in shards}
    columns: list[npt.NDArray[Any]] = [np.asarray(places[name]) for name in _PLACE_COLUMNS]
    for row, (path, shard, offset, length) in enumerate(
        zip(paths, *(column.tolist() for column in columns), strict=True)
    ):
        if shard not in size_of:
            raise ValueError(f"its row {row} is in the shard {shorten(shard)}, which is not listed")
        end = f"#{offset}+{length}"
        if not (path.startswith(f"{shard}/") and path.endswith(end) and ".." not in path):
            raise ValueError(f"its row {row} has the path {shorten(path)}, which is not its place")
        if not 0 <= offset <= offset + length <= size_of[shard]:
            raise ValueError(f"its row {row} is outside of its shard {shard!r}")
