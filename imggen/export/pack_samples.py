"""The members of a packed sample: an image, its class, a description, and further files."""

from __future__ import annotations

import io
import json
import posixpath
import re
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from imggen.augment import move_keypoints
from imggen.data import Manifest
from imggen.decode import (
    ImageSpec,
    find_format,
    format_by_extension,
    read_image,
    resize_mask_file,
    source_geometry,
)
from imggen.errors import ImageError
from imggen.export.encoding import encode_pixels
from imggen.export.pack_source import PackSource, to_plain

_JPEG = b"\xff\xd8\xff"
_SIGNATURES = {_JPEG: "JPEG", b"\x89PNG": "PNG"}
_MASK = "mask"
# Extensions that have a meaning of their own in a WebDataset, or in this one.
_RESERVED = ("cls", "json", _MASK)
_UNKNOWN = "img"


@final
class Member(NamedTuple):
    """A file of a sample.

    Attributes:
        extension: Its name behind the number of the sample and a dot.
        content: Its bytes.
    """

    extension: str
    content: bytes


@final
@dataclass(frozen=True)
class Packed:
    """A sample as it is packed.

    Attributes:
        files: The image, and its mask and inputs, in the order of ``PackSource.originals``.
        texts: The class and the description.
        boxes: The boxes in the pixels of the packed image; None if they are as before.
        keypoints: The same of the keypoints.
    """

    files: tuple[Member, ...]
    texts: tuple[Member, ...]
    boxes: list[list[float]] | None = None
    keypoints: list[list[float]] | None = None


def pack_sample(
    source: PackSource,
    row: int,
    contents: list[bytes],
    description: dict[str, Any],
    spec: ImageSpec | None,
) -> Packed:
    """Makes the members of a sample.

    Args:
        source: The samples.
        row: The sample.
        contents: The bytes of its files, in the order of ``PackSource.files``.
        description: See ``PackSource.describe``.
        spec: How images are resized; None: the files are packed as they are.

    Raises:
        ImageError: A file is not an image, or cannot be decoded.
    """
    manifest, paths = source.manifest, source.files(row)
    size, matrix = _find_geometry(contents[0], spec or ImageSpec(None), paths[0])
    boxes = keypoints = None
    if spec is not None:
        boxes, keypoints = _move(manifest, row, size, matrix, spec)
        changed = {"boxes": boxes, "keypoints": keypoints}
        description = description | {
            name: to_plain(values) for name, values in changed.items() if values is not None
        }
    files = []
    slugs: set[str] = set(_RESERVED)
    for name, path, content in zip(source.originals, paths, contents, strict=True):
        if name == _MASK:
            if spec is not None:
                content = resize_mask_file(content, contents[0], spec, path)
            files.append(Member(f"{_MASK}.{_extension(path, content)}", content))
            continue
        if spec is not None:
            content = _encode(content, spec, path)
        extension = _extension(path, content)
        if name != "path":
            extension = f"{_slug(name.partition(':')[2], slugs)}.{extension}"
        files.append(Member(extension, content))
    texts = [Member("json", json.dumps(description).encode("ascii"))]
    if manifest.labels is not None:
        texts.insert(0, Member("cls", str(manifest.labels[row]).encode("ascii")))
    return Packed(tuple(files), tuple(texts), boxes, keypoints)


def _find_geometry(
    content: bytes, spec: ImageSpec, path: str
) -> tuple[tuple[int, int], npt.NDArray[np.float64]]:
    if not content:
        raise ImageError.of_file(path, "the file is empty")
    try:
        return source_geometry(content, spec)
    except ImageError as err:
        raise ImageError.of_file(path, err.reason) from err


def _encode(content: bytes, spec: ImageSpec, path: str) -> bytes:
    try:
        pixels = read_image(content, spec)
    except ImageError as err:
        raise ImageError.of_file(path, err.reason) from err
    return encode_pixels(pixels, "JPEG" if content.startswith(_JPEG) else "PNG")


def _move(
    manifest: Manifest,
    row: int,
    size: tuple[int, int],
    matrix: npt.NDArray[np.float64],
    spec: ImageSpec,
) -> tuple[list[list[float]] | None, list[list[float]] | None]:
    """Returns the boxes and the keypoints of a sample in the pixels of the resized image.

    Boxes are not clipped here, nor removed; whoever loads them does that.
    """
    boxes = keypoints = None
    if manifest.boxes is not None and not manifest.boxes.is_relative and spec.image_size:
        scale = [to / of for to, of in zip(spec.image_size, size, strict=True)][::-1]
        boxes = (manifest.boxes.rows[row][:, :4] * (scale * 2)).tolist()
    column = manifest.keypoints
    if column is not None:
        moved = move_keypoints(column.keypoints(row), matrix, size)
        keypoints = column.to_format(moved).tolist()
    return boxes, keypoints


def _extension(path: str, content: bytes) -> str:
    """Returns the extension of a member, without the dot: that of its format."""
    given = posixpath.splitext(re.sub(r"#\d+\+\d+$", "", path))[1].lower()
    name = next((name for start, name in _SIGNATURES.items() if content.startswith(start)), None)
    name = name or format_by_extension(given) or _sniff(content)
    known = find_format(name).extensions
    if known:
        return (given if given in known and name != "JPEG" else known[0])[1:]
    return given[1:] if re.fullmatch(r"\.[a-z0-9]{1,8}", given) and name else _UNKNOWN


def _sniff(content: bytes) -> str | None:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.format
    except (OSError, ValueError, SyntaxError):
        return None


def _slug(name: str, taken: set[str]) -> str:
    """Returns a name for a model input that every reader accepts, and adds it to the taken ones."""
    plain = re.sub(r"[^a-z0-9_]+", "_", name.lower())[:40] or "input"
    slug, number = plain, 1
    while slug in taken:
        number += 1
        slug = f"{plain}_{number}"
    taken.add(slug)
    return slug
