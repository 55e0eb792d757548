"""The check of a few masks when a sequence is made: values that are probably not classes."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import imggen
from imggen.errors import ImageError, MaskValueWarning, OptionError
from tests.helpers import masks
from tests.helpers.masks import (
    CLASSES,
    COLORS,
    OF_COLORS,
    RNG,
    THREE,
    TWO,
    gray,
    palette_picture,
    sequence_of,
    served,
    write,
)

# Values that are probably not classes.


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([gray(CLASSES)], r"the values 0, 255, .*'.*masks/0\.png'.*mask_values=\{0: 0, 255: 1\}"),
        ([np.full((8, 6), 255, np.uint8)], r"the value 255, .*mask_values=\{0: 0, 255: 1\}"),
        ([THREE * np.uint8(127)], r"values 0, 127, 254, .*\{0: 0, 127: 1, 254: 2\}"),
        ([CLASSES * np.uint16(65535)], r"values 0, 65535, .*\{0: 0, 65535: 1\}"),
        ([CLASSES, gray(CLASSES)], r"1 in some files and 255 in .*\{0: 0, 1: 1, 255: 1\}"),
        ([THREE + 1], r"values 1, 2, 3, but not 0.*\{1: 0, 2: 1, 3: 2\}"),
        ([gray(CLASSES)[..., None].repeat(3, 2)], r"the values 0, 255, "),
    ],
    ids=["0 and 255", "255", "three", "16 bits", "mixed", "from 1", "rgb"],
)
def test_values_that_are_unlike_classes_are_named_with_a_mapping(tmp_path, files, message):
    images = write(tmp_path, files)
    with pytest.warns(MaskValueWarning, match=message) as caught:
        sequence_of(images)
    assert len(caught) == 1
    assert caught[0].filename == masks.__file__  # the line that calls from_directory


@pytest.mark.parametrize(
    "mask",
    [
        CLASSES,
        THREE,
        np.zeros((8, 6), np.uint8),
        np.where(CLASSES, 255, THREE).astype(np.uint8),  # 255 for pixels without a class
        RNG.choice(np.array([0, 7, 8, 11, 23, 33, 255], np.uint8), (8, 6)),
        RNG.integers(0, 151, (8, 6)).astype(np.uint8),
        np.concatenate([np.arange(21), np.full(27, 255)]).astype(np.uint8).reshape(8, 6),
        THREE + np.uint16(24000),
        CLASSES.astype(bool),
    ],
    ids=["two", "three", "none", "void", "gaps", "150", "VOC", "instances", "one bit"],
)
def test_classes_are_served_without_a_word(tmp_path, mask):
    y = sequence_of(write(tmp_path, [mask]))[0][1]
    np.testing.assert_array_equal(y[0, :, :, 0], mask)


def test_interpolated_edges_are_noticed(tmp_path):
    big = np.repeat(np.repeat(gray(CLASSES), 30, 0), 30, 1)
    smooth = Image.fromarray(big).resize((170, 230), Image.Resampling.BICUBIC)
    with pytest.warns(MaskValueWarning, match=r"and \d+ more, as after interpolation.*\{range\(0"):
        sequence_of(write(tmp_path, [smooth]))


@pytest.mark.parametrize(
    ("ending", "options", "name"),
    [
        (".jpg", {"quality": 90}, "JPEG"),
        (".webp", {"quality": 80}, "lossy WEBP"),
        (".tif", {"compression": "jpeg"}, "TIFF with lossy compression"),
        (".jp2", {"irreversible": True, "quality_layers": [20]}, "lossy JPEG 2000"),
        (".j2k", {"irreversible": True, "quality_layers": [20]}, "lossy JPEG 2000"),
    ],
)
def test_a_mask_in_a_lossy_format_is_named(tmp_path, ending, options, name):
    images = write(tmp_path, [gray(CLASSES)] * 2, ending, **options)
    with pytest.warns(
        MaskValueWarning, match=rf"masks/0\{ending}' is in a lossy format \({name}\).*as PNG"
    ) as caught:
        sequence_of(images)
    assert len(caught) == 1

    two_ranges = {range(128): 0, range(128, 256): 1}
    with Image.open(images.parent / "masks" / f"0{ending}") as stored:
        expected = np.asarray(stored.convert("L")) > 127
    np.testing.assert_array_equal(served(images, two_ranges), expected)
    with pytest.raises(OptionError, match=rf"0\{ending}': it has the values? .*lossy format"):
        sequence_of(images, mask_values=TWO)


@pytest.mark.parametrize(
    ("ending", "options"),
    [
        (".webp", {"lossless": True}),
        (".tif", {"compression": "tiff_lzw"}),
        (".bmp", {}),
        (".jp2", {}),
        (".j2k", {}),
    ],
)
def test_lossless_formats_are_not_taken_for_lossy_ones(tmp_path, ending, options):
    images = write(tmp_path, [gray(CLASSES)], ending, **options)
    np.testing.assert_array_equal(served(images, TWO), CLASSES)
    with pytest.warns(MaskValueWarning, match="the values 0, 255, unlike"):
        sequence_of(images)


def test_palettes_that_number_the_same_color_differently_are_noticed(tmp_path):
    other = THREE.astype(np.uint8)
    masks = [palette_picture(THREE, COLORS), palette_picture(2 - other, COLORS[::-1])]
    images = write(tmp_path, masks)

    with pytest.warns(MaskValueWarning, match=r"the color \(.*\) is number .*class of each color"):
        sequence_of(images)
    y = sequence_of(images, mask_values=OF_COLORS)[0][1]
    np.testing.assert_array_equal(y[..., 0], [THREE, THREE])


def test_spread_numbers_of_a_palette_are_classes_unless_it_is_gray(tmp_path):
    numbers = np.array([0, 9, 18, 255], np.uint8)[RNG.integers(0, 4, (8, 6))]
    colors = RNG.integers(0, 256, (256, 3)).astype(np.uint8)
    y = sequence_of(write(tmp_path / "colors", [palette_picture(numbers, colors)]))[0][1]
    np.testing.assert_array_equal(y[0, ..., 0], numbers)
    ramp = np.arange(256, dtype=np.uint8)[:, None].repeat(3, 1)
    with pytest.warns(MaskValueWarning, match="values 0, 9, 18, 255, unlike"):
        sequence_of(write(tmp_path / "gray", [palette_picture(numbers, ramp)]))
    with pytest.warns(MaskValueWarning, match="values 0, 255, unlike"):
        sequence_of(write(tmp_path / "two", [palette_picture(gray(CLASSES), colors)]))


def test_a_color_that_a_palette_has_twice_has_no_number(tmp_path):
    twice = np.stack([COLORS[0], COLORS[0], COLORS[2]])
    images = write(tmp_path, [palette_picture(THREE, COLORS), palette_picture(THREE, twice)])
    y = sequence_of(images)[0][1]
    np.testing.assert_array_equal(y[..., 0], [THREE, THREE])


def test_large_masks_are_read_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("imggen.decode.mask_inspection._BLOCK", 12)  # two rows
    mask = np.zeros((8, 6), np.uint8)
    mask[0] = 255
    images = write(tmp_path, [mask])
    with pytest.warns(MaskValueWarning, match="the values 0, 255, unlike"):
        sequence_of(images)
    with pytest.raises(OptionError, match=r"it has the value 255, and mask_values has the value 0"):
        sequence_of(images, mask_values={0: 0})


def test_splits_are_checked_once(tmp_path):
    images = write(tmp_path, [gray(CLASSES)] * 9)
    with pytest.warns(MaskValueWarning) as caught:
        sequence_of(images, split=(0.4, 0.3, 0.3))
    assert len(caught) == 1
    with pytest.warns(MaskValueWarning):  # and again for the next sequence
        sequence_of(images)


def test_only_a_few_masks_are_read_and_none_that_is_not_a_target(tmp_path, monkeypatch):
    images = write(tmp_path, [CLASSES] * 40)
    opened = []
    monkeypatch.setattr(
        "imggen.loading.label_modes.mask_check.inspect_mask", lambda path, *_: opened.append(path)
    )
    sequence_of(images)
    assert len(opened) == 8
    assert [opened[0], opened[-1]] == [str(images.parent / "masks" / f"{n}.png") for n in (0, 9)]
    sequence_of(images, label_mode=None)
    assert len(opened) == 8


@pytest.mark.parametrize("data", [b"", b"x", None])
def test_a_file_that_cannot_be_read_is_left_to_its_batch(tmp_path, data):
    images = write(tmp_path, [CLASSES] * 2)
    file = images.parent / "masks" / "0.png"
    file.unlink() if data is None else file.write_bytes(data)
    frame = pd.DataFrame({"path": ["images/0.png", "images/1.png"]})
    frame["mask"] = frame["path"].str.replace("images", "masks")
    for mask_values in (None, {0: 0, 1: 1}):
        sequence = imggen.from_dataframe(
            frame, root=tmp_path, y_col=None, mask_col="mask", mask_values=mask_values, workers=0
        )
        with pytest.raises(ImageError, match=r"masks/0\.png"):
            sequence[0]


def test_masks_larger_than_what_may_be_read_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr("imggen.loading.label_modes.mask_check._MAX_PIXELS", 2 * 48)
    images = write(tmp_path, [CLASSES, CLASSES, gray(CLASSES)])
    sequence_of(images)  # the third is not read
    with pytest.warns(MaskValueWarning):
        sequence_of(write(tmp_path / "large", [gray(CLASSES).repeat(3, 0)]))
    monkeypatch.setattr("imggen.loading.label_modes.mask_check._MAX_PIXELS_OF_FIRST", 100)
    sequence_of(tmp_path / "large" / "images")


def test_images_are_not_their_own_masks(tmp_path):
    write(tmp_path, [CLASSES])
    frame = pd.DataFrame({"path": ["images/0.png"], "mask": ["images/../images/0.png"]})
    for column in ("path", "mask"):
        with pytest.raises(
            OptionError, match=r"masks are the images themselves.*label_mode=.input"
        ):
            imggen.from_dataframe(frame, root=tmp_path, y_col=None, mask_col=column)
