"""Archives wherever a path is taken: the same results as from the files in a folder."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import imggen
from imggen.data import scan_splits
from imggen.decode import MaskValues, identify_kind, inspect_mask, load_mask, make_thumbnail
from imggen.errors import (
    ImageError,
    KerasTrapWarning,
    ManifestError,
    OptionError,
    ScanError,
)
from tests.helpers.images import write_images


def zip_folder(folder, archive):
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file.write(path, path.relative_to(folder))
    return str(archive)


@pytest.fixture
def many_kinds(tmp_path):
    """A folder with files of many kinds, some of them broken."""
    folder = tmp_path / "kinds"
    folder.mkdir()
    source = np.random.default_rng(0)
    color = source.integers(0, 256, (8, 10, 3), np.uint8)
    for extension in ("png", "jpg", "bmp", "gif", "tif", "webp", "ppm", "tga", "jp2"):
        Image.fromarray(color).save(folder / f"color.{extension}")
    gray = source.integers(0, 65536, (8, 10)).astype(np.uint16)
    Image.fromarray(gray).save(folder / "gray.png")
    Image.fromarray(gray).save(folder / "gray.tif")
    data = (folder / "color.png").read_bytes()
    (folder / "cut.png").write_bytes(data[:-40])
    (folder / "cut.jpg").write_bytes((folder / "color.jpg").read_bytes()[:200])
    (folder / "noise.jpg").write_bytes(b"no image")
    (folder / "empty.png").write_bytes(b"")
    return folder


def outcome(function, path):
    """The result of a function for a file, or the reason why there is none."""
    try:
        result = function(path)
    except ImageError as err:
        return err.reason
    return result.tolist() if isinstance(result, np.ndarray) else result


def test_every_kind_of_file_gives_the_same_from_an_archive(many_kinds, tmp_path):
    archive = zip_folder(many_kinds, tmp_path / "kinds.zip")
    functions = {
        "load": imggen.load_image,
        "as stored": lambda path: imggen.load_image(
            path, imggen.ImageSpec(None, color_mode="rgba")
        ),
        "kind": identify_kind,
        "thumbnail": lambda path: make_thumbnail(path, 4, is_quiet=True),
        "mask": lambda path: load_mask(path, path, imggen.ImageSpec((4, 4))),
        "content": lambda path: (inspect_mask(path, None, 10**6) or (0,))[1:],
        "values": lambda path: (inspect_mask(path, MaskValues.parse({0: 0}), 10**6) or (0,))[1:],
    }
    for name in sorted(os.listdir(many_kinds)):
        for label, function in functions.items():
            expected = outcome(function, str(many_kinds / name))
            found = outcome(function, f"{archive}/{name}")
            if isinstance(expected, str):  # a reason may name the file
                expected, found = (
                    text.replace(str(many_kinds), "").replace(archive, "")
                    for text in (expected, found)
                )
            assert found == expected, (name, label)


def test_checks_report_the_same_from_an_archive(many_kinds, tmp_path):
    archive = zip_folder(many_kinds, tmp_path / "kinds.zip")
    for check in (imggen.verify, imggen.find_duplicates, imggen.survey):
        first, second = (check(source) for source in (many_kinds, archive))
        for name in ("findings", "groups", "facts"):
            if hasattr(first, name):
                assert getattr(first, name) == getattr(second, name), name
    hashes = [
        dict(zip(m.paths, m.hashes, strict=True))
        for m in map(
            imggen.hash_files,
            (imggen.scan(many_kinds, labels=None), imggen.scan(archive, labels=None)),
        )
    ]
    assert hashes[0] == hashes[1]


def test_folders_in_an_archive_are_classes_splits_and_masks(tmp_path):
    folder = tmp_path / "set"
    for split in ("train", "val"):
        write_images(folder / "split" / split, {"cat": 3, "dog": 2})
    write_images(folder / "images", {"cat": 2})
    write_images(folder / "masks", {"cat": 2})
    (folder / "images" / ".hidden").mkdir()
    (folder / "images" / ".hidden" / "1.png").write_bytes(b"")
    archive = zip_folder(folder, tmp_path / "set.zip")
    for scan, options in (
        (scan_splits, {}),
        (imggen.scan, {"class_names": ["train"]}),
        (imggen.scan, {"labels": None}),
    ):
        local, packed = scan(folder / "split", **options), scan(f"{archive}/split", **options)
        assert (list(packed.paths), packed.class_counts) == (list(local.paths), local.class_counts)
        assert packed.skipped == local.skipped
    with pytest.raises(ScanError, match="look like splits"):
        imggen.scan(f"{archive}/split")
    options = {"mask_dir": f"{archive}/masks"}
    manifest = imggen.scan(f"{archive}/images", **options)
    assert manifest.skipped == {"hidden": 1}
    assert list(manifest.masks) == ["../masks/cat/000.png", "../masks/cat/001.png"]
    np.testing.assert_array_equal(
        imggen.load_image(manifest.resolve(manifest.masks[1])),
        imggen.load_image(folder / "masks" / "cat" / "001.png"),
    )
    for missing in (f"{archive}/nothing", str(tmp_path / "other.zip")):
        with pytest.raises(ScanError, match="does not exist"):
            imggen.scan(missing)


def test_a_disk_cache_follows_a_replaced_archive(tmp_path):
    folder = write_images(tmp_path / "set", {"cat": 2})
    archive = tmp_path / "set.zip"
    options = {"image_size": (8, 8), "label_mode": None, "shuffle": False, "workers": 0}

    def serve():
        return imggen.ImageSequence(str(archive), cache=tmp_path / "cache", **options)[0]

    zip_folder(folder, archive)
    first = serve()
    np.testing.assert_array_equal(first, serve())
    Image.new("RGB", (9, 9), "red").save(folder / "cat" / "000.png")
    zip_folder(folder, archive)
    second = serve()
    assert (second[0] != first[0]).any()
    np.testing.assert_array_equal(second[1], first[1])


def test_a_table_is_read_from_disk_only():
    with pytest.raises(ManifestError, match=r"s3://photos/a\.csv.*Download it"):
        imggen.ImageSequence("s3://photos/a.csv")


def test_the_drop_in_names_what_reads_a_store(tmp_path):
    write_images(tmp_path / "set", {"cat": 2})
    archive = zip_folder(tmp_path / "set", tmp_path / "set.zip")
    generator = imggen.ImageDataGenerator()
    for place in (archive, Path("s3://bucket/photos"), "https://host/photos"):
        with pytest.raises(OptionError, match=r"not a folder on disk.*imggen\.from_directory"):
            generator.flow_from_directory(place)
    for directory, file in ((None, "s3://bucket/1.jpg"), (archive, "cat/000.png")):
        frame = pd.DataFrame({"filename": [file], "class": ["cat"]})
        with (
            pytest.warns(UserWarning, match="invalid image filename"),
            pytest.warns(KerasTrapWarning, match=r"not on disk.*imggen\.from_dataframe"),
        ):
            generator.flow_from_dataframe(frame, directory)
