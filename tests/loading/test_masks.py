"""Masks and further inputs: which file belongs to which image, and that all stay in step."""

import dataclasses
import os
import shutil

import albumentations
import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import imggen
from imggen import ImageSequence, Manifest
from imggen.augment import (
    AugMix,
    RandomFlip,
    RandomHue,
    RandomPerspective,
    RandomResizedCrop,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
)
from imggen.core import StringColumn
from imggen.errors import (
    AugmentationError,
    ImageError,
    ImggenWarning,
    ManifestError,
    OptionError,
    ScanError,
)
from tests.helpers.positions import FITS, TURNS, save_turned

DARK, BRIGHT = 30, 220
SIZE = (48, 64)


def painted(mask) -> np.ndarray:
    """An image that is bright where a mask is not 0."""
    return np.where(np.asarray(mask)[..., None] > 0, BRIGHT, DARK).astype(np.uint8).repeat(3, 2)


def shape(seed: int, height=60, width=80) -> np.ndarray:
    """A disc of class 1 and a box of class 2, nowhere the same from side to side."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    middle = rng.uniform(0.3, 0.5, 2) * (height, width)
    mask = ((y - middle[0]) ** 2 + (x - middle[1]) ** 2 < (0.22 * height) ** 2).astype(np.uint8)
    mask[round(0.7 * height) : round(0.9 * height), round(0.6 * width) : round(0.95 * width)] = 2
    return mask


def save(array, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array)).save(path, **options)


@pytest.fixture
def shapes(tmp_path):
    """images/<class>/<n>.png, painted from masks/<class>/<n>.png: two classes of four."""
    for number in range(8):
        name = f"{'ab'[number // 4]}/{number}.png"
        save(painted(shape(number)), tmp_path / "images" / name)
        save(shape(number), tmp_path / "masks" / name)
    return tmp_path / "images"


def sequence_of(images, **options):
    chosen = {"image_size": SIZE, "batch_size": 3, "seed": 5, "workers": 0, **options}
    chosen.setdefault("mask_dir", images.parent / "masks")
    return imggen.from_directory(images, **chosen)


def alone(tmp_path, image, mask, *, name="0.png", mask_name="0.png", **options):
    """A sequence of one image, an array or the file of one, with its mask."""
    if not (tmp_path / "images").exists():
        save(image, tmp_path / "images" / name)
    if isinstance(mask, Image.Image):
        (tmp_path / "masks").mkdir(exist_ok=True)
        mask.save(tmp_path / "masks" / mask_name)
    else:
        save(mask, tmp_path / "masks" / mask_name)
    options.setdefault("image_size", np.asarray(image).shape[:2])
    return sequence_of(tmp_path / "images", labels=None, **options)


def check_in_step(x, y, *, clear=0.8, agree=1.0):
    """Holds masks to the images that were painted from them, but for blended pixels at edges."""
    for image, mask in zip(np.asarray(x), np.asarray(y), strict=True):
        grey, inside = image[..., 0], mask[..., 0] > 0
        sure = np.abs(grey - (DARK + BRIGHT) / 2) > 0.4 * (BRIGHT - DARK)
        assert sure.mean() >= clear
        bright = grey > (DARK + BRIGHT) / 2
        both, either = (bright & inside)[sure].sum(), (bright | inside)[sure].sum()
        assert both >= agree * either
        assert set(np.unique(mask)) <= {0, 1, 2}


def both_of(sequence, epochs=1):
    pairs = [batch for _ in range(epochs) for batch in sequence]
    return [np.concatenate(parts) for parts in zip(*pairs, strict=True)]


# Which mask belongs to which image.


def test_masks_are_paired_by_name_in_nested_folders(tmp_path):
    for path in ("a/x/1", "a/1", "b/1", "a/x/2"):
        save(painted(shape(0)), tmp_path / "images" / f"{path}.jpg")
        save(shape(0), tmp_path / "masks" / f"{path}.png")
    manifest = imggen.scan(tmp_path / "images", mask_dir=tmp_path / "masks")

    assert list(manifest.paths) == ["a/1.jpg", "a/x/1.jpg", "a/x/2.jpg", "b/1.jpg"]
    assert [manifest.resolve(path) for path in manifest.masks] == [
        str(tmp_path / "masks" / path) for path in ("a/1.png", "a/x/1.png", "a/x/2.png", "b/1.png")
    ]


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tif", ".gif", ".PNG"])
def test_masks_may_have_any_extension_that_images_have(tmp_path, ending):
    save(painted(shape(0)), tmp_path / "images" / "a.b.jpg")
    save(shape(0), tmp_path / "masks" / f"a.b{ending}")
    manifest = imggen.scan(tmp_path / "images", labels=None, mask_dir=tmp_path / "masks")

    assert manifest.resolve(manifest.masks[0]) == str(tmp_path / "masks" / f"a.b{ending}")


def test_an_image_without_a_mask_is_named(shapes):
    (shapes.parent / "masks" / "a" / "2.png").unlink()

    with pytest.raises(
        ScanError,
        match=r"1 of 8 images in .*images' have no mask of the same name in .*masks': 'a/2\.png'\. "
        r"Add the missing files, or move these images away\.",
    ):
        sequence_of(shapes)


def test_masks_that_bear_other_names_are_named_beside_the_images(shapes):
    os.rename(shapes.parent / "masks/a/2.png", shapes.parent / "masks/a/two.png")

    with pytest.raises(ScanError, match=r"'a/2\.png'; 1 file there without an image: 'a/two\.png'"):
        sequence_of(shapes)


def test_masks_of_another_folder_are_not_taken_for_those_of_the_same_name(shapes):
    os.rename(shapes.parent / "masks/a", shapes.parent / "masks/c")

    with pytest.raises(ScanError, match=r"4 of 8 images .*: 'a/0\.png', 'a/1\.png', 'a/2\.png'"):
        sequence_of(shapes)


def test_of_many_images_without_masks_ten_are_named(tmp_path):
    for number in range(13):
        save(painted(shape(0)), tmp_path / "images" / f"{number:02d}.png")
    (tmp_path / "masks").mkdir()

    with pytest.raises(ScanError, match=r"13 of 13 images .*'08\.png', '09\.png' and 3 more\. Add"):
        imggen.scan(tmp_path / "images", labels=None, mask_dir=tmp_path / "masks")


def test_masks_without_an_image_are_warned_of_by_name(shapes):
    save(shape(0), shapes.parent / "masks" / "b" / "extra.png")

    with pytest.warns(
        ImggenWarning, match=r"1 of 9 files in .*masks' have no image .*: 'b/extra\.png'\."
    ):
        manifest = imggen.scan(shapes, mask_dir=shapes.parent / "masks")
    assert manifest.num_samples == len(manifest.masks) == 8


def test_of_many_masks_without_an_image_ten_are_named(shapes):
    for number in range(12):
        save(shape(0), shapes.parent / "masks" / f"more{number:02d}.png")

    with pytest.warns(ImggenWarning, match=r"12 of 20 .*'more09\.png' and 2 more\."):
        imggen.scan(shapes, mask_dir=shapes.parent / "masks")


def test_of_some_classes_only_their_masks_are_taken(shapes):
    with pytest.warns(ImggenWarning, match="4 of 8 files .* have no image"):
        manifest = imggen.scan(shapes, class_names=["b"], mask_dir=shapes.parent / "masks")

    assert [path[-7:] for path in manifest.masks] == [f"b/{number}.png" for number in range(4, 8)]


def test_a_folder_of_masks_that_is_not_there_is_named(shapes):
    with pytest.raises(ScanError, match=r"nowhere' does not exist"):
        sequence_of(shapes, mask_dir=shapes.parent / "nowhere")


def test_two_masks_for_one_image_are_reported(shapes):
    save(shape(7), shapes.parent / "masks" / "a" / "0.bmp")

    with pytest.raises((ScanError, ImggenWarning), match=r"a/0\.bmp"):
        imggen.scan(shapes, mask_dir=shapes.parent / "masks")


def test_a_root_that_is_a_link_leads_to_masks_beside_the_link(tmp_path, shapes):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    os.rename(shapes, tmp_path / "deep" / "er" / "images")
    os.symlink(tmp_path / "deep" / "er" / "images", shapes)
    x, y = both_of(sequence_of(shapes, image_size=(60, 80)))

    check_in_step(x, y, clear=1)


def test_a_folder_of_masks_that_is_a_link_is_followed(tmp_path, shapes):
    os.rename(tmp_path / "masks", tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", tmp_path / "masks")

    check_in_step(*both_of(sequence_of(shapes, image_size=(60, 80))), clear=1)


def test_relative_folders_lead_to_masks(shapes, monkeypatch):
    (shapes.parent / "work").mkdir()
    monkeypatch.chdir(shapes.parent / "work")
    sequence = imggen.from_directory(
        "../images", mask_dir="../masks", image_size=(60, 80), workers=0, seed=1
    )

    check_in_step(*both_of(sequence), clear=1)


# What a mask holds.


def test_values_of_a_grey_mask_are_kept(tmp_path):
    mask = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    _, y = alone(tmp_path, painted(mask), mask)[0]

    assert y.dtype == np.uint8
    np.testing.assert_array_equal(y[0, :, :, 0], mask)


def test_values_of_a_mask_of_16_bits_are_kept(tmp_path):
    mask = np.random.default_rng(0).integers(0, 65536, (20, 30), dtype=np.uint16)
    _, y = alone(tmp_path, painted(mask), mask)[0]

    assert y.dtype == np.uint16
    np.testing.assert_array_equal(y[0, :, :, 0], mask)


def test_of_a_mask_with_a_palette_the_numbers_of_the_colors_are_the_classes(tmp_path):
    mask = np.random.default_rng(0).integers(0, 21, (20, 30), dtype=np.uint8)
    picture = Image.fromarray(mask).convert("P")
    picture.putdata(mask.ravel().tolist())
    picture.putpalette([value for index in range(256) for value in (255 - index, index // 2, 9)])
    _, y = alone(tmp_path, painted(mask), picture)[0]

    assert y.dtype == np.uint8
    np.testing.assert_array_equal(y[0, :, :, 0], mask)


def test_a_mask_of_one_bit_holds_0_and_1(tmp_path):
    mask = np.random.default_rng(0).integers(0, 2, (20, 30)).astype(bool)
    _, y = alone(tmp_path, painted(mask), mask)[0]

    assert y.dtype == np.uint8
    np.testing.assert_array_equal(y[0, :, :, 0], mask)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_grey_mask_that_is_stored_as_colors_is_taken_for_gray(tmp_path, channels):
    mask = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    colors = mask[..., None].repeat(channels, axis=2)
    if channels == 4:
        colors[..., 3] = 255
    _, y = alone(tmp_path, painted(mask), colors)[0]

    np.testing.assert_array_equal(y[0, :, :, 0], mask)


def test_a_mask_of_32_bits_is_taken_if_its_values_fit(tmp_path):
    mask = np.random.default_rng(0).integers(0, 65536, (20, 30)).astype(np.int32)
    _, y = alone(tmp_path, painted(mask), mask, mask_name="0.tif")[0]

    np.testing.assert_array_equal(y[0, :, :, 0], mask)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.full((20, 30), -1, np.int32), "not between 0 and 65535"),
        (np.full((20, 30), 65536, np.int32), "not between 0 and 65535"),
        (np.full((20, 30), 0.5, np.float32), "not whole numbers"),
    ],
    ids=["negative", "too large", "fractions"],
)
def test_values_that_are_no_classes_are_refused(tmp_path, values, reason):
    with pytest.raises(ImageError, match=rf"masks/0\.tif': its values are {reason}"):
        alone(tmp_path, painted(shape(0, 20, 30)), values, mask_name="0.tif")[0]


def test_a_mask_in_color_is_refused_with_its_path(tmp_path):
    colors = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)

    with pytest.raises(ImageError, match=r"masks/0\.png': it is in color \(mode RGB\); a mask"):
        alone(tmp_path, painted(shape(0, 20, 30)), colors)[0]


def test_a_mask_of_another_size_is_refused_with_both_sizes(tmp_path):
    with pytest.raises(
        ImageError, match=r"masks/0\.png': it has 30 x 21 pixels, .*images/0\.png' 30 x 20; a mask"
    ):
        alone(tmp_path, painted(shape(0, 20, 30)), shape(0, 21, 30))[0]


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "the file is empty"), (b"x", "not in an image format"), (None, "no such")],
)
def test_a_mask_that_cannot_be_read_is_refused_with_its_path(shapes, data, reason):
    sequence = sequence_of(shapes, shuffle=False)
    file = shapes.parent / "masks" / "a" / "1.png"
    file.unlink() if data is None else file.write_bytes(data)

    with pytest.raises(ImageError, match=rf"masks/a/1\.png': .*{reason}") as caught:
        sequence[0]
    assert caught.value.path == str(file)


def test_masks_of_8_and_of_16_bits_in_one_batch_keep_their_values(tmp_path):
    for number, mask in enumerate((np.full((8, 8), 7, np.uint8), np.full((8, 8), 300, np.uint16))):
        save(painted(mask), tmp_path / "images" / f"{number}.png")
        save(mask, tmp_path / "masks" / f"{number}.png")
    _, y = sequence_of(tmp_path / "images", labels=None, image_size=(8, 8), shuffle=False)[0]

    assert [*y[:, 0, 0, 0]] == [7, 300]


# Masks are fitted as their images are.


def padded(x, y, image_size):
    """Only what is not padding of an image 60 high and 80 wide."""
    height, width = image_size
    inner = min(height, round(width * 60 / 80))
    top = (height - inner) // 2
    return x[:, top : top + inner], y[:, top : top + inner]


@FITS
@pytest.mark.parametrize("image_size", [(64, 64), (31, 45), (128, 96)])
def test_a_mask_is_fitted_as_its_image(shapes, fit, image_size):
    x, y = both_of(sequence_of(shapes, image_size=image_size, **fit))
    if fit == {"pad_to_aspect_ratio": True}:
        x, y = padded(x, y, image_size)

    assert x.shape[:3] == y.shape[:3]
    check_in_step(x, y)


def test_padding_of_a_mask_is_0(tmp_path):
    _, y = alone(
        tmp_path,
        painted(np.ones((20, 40))),
        np.full((20, 40), 3, np.uint8),
        image_size=(40, 40),
        pad_to_aspect_ratio=True,
    )[0]

    assert (y[0, :10] == 0).all()
    assert (y[0, 10:30] == 3).all()
    assert (y[0, 30:] == 0).all()


@pytest.mark.filterwarnings("ignore::imggen.errors.MaskValueWarning")
def test_no_value_is_made_up_when_a_mask_is_resized(tmp_path):
    mask = np.where(shape(0) > 0, 200, 10).astype(np.uint8)
    for size in ((30, 40), (17, 23), (120, 160), (97, 71)):
        _, y = alone(tmp_path, painted(shape(0)), mask, image_size=size)[0]
        assert set(np.unique(y)) == {10, 200}


@FITS
def test_a_mask_keeps_step_with_a_large_jpeg_that_is_decoded_at_reduced_size(tmp_path, fit):
    mask = shape(1, 600, 800)
    save(painted(mask), tmp_path / "images" / "0.jpg", quality=95)
    x, y = alone(tmp_path, None, mask, image_size=(60, 80), **fit)[0]

    check_in_step(x, y)


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("ending", [".jpg", ".png"])
def test_a_mask_drawn_upright_fits_a_photograph_that_is_turned(tmp_path, orientation, ending):
    mask = shape(2)
    save_turned(painted(mask), tmp_path / "images" / f"0{ending}", orientation)
    x, y = alone(tmp_path, None, mask, image_size=(60, 80))[0]

    check_in_step(x, y, clear=0.9)
    np.testing.assert_array_equal(y[0, :, :, 0], mask)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_mask_drawn_as_stored_fits_a_photograph_that_is_not_turned(tmp_path, orientation):
    stored = save_turned(painted(shape(2)), tmp_path / "images" / "0.png", orientation)
    mask = (stored[..., 0] == BRIGHT).astype(np.uint8)
    x, y = alone(tmp_path, None, mask, image_size=mask.shape, exif_orientation=False)[0]

    check_in_step(x, y, clear=1)
    np.testing.assert_array_equal(y[0, :, :, 0], mask)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_mask_that_is_turned_like_its_photograph_is_turned_upright(tmp_path, orientation):
    save_turned(painted(shape(2)), tmp_path / "images" / "0.png", orientation)
    save_turned(shape(2), tmp_path / "masks" / "0.png", orientation)
    x, y = sequence_of(tmp_path / "images", labels=None, image_size=(60, 80))[0]

    check_in_step(x, y, clear=1)


@pytest.mark.parametrize(
    "orientation",
    [
        3,
        6,
    ],
)
def test_a_mask_drawn_upright_fits_a_tiff_that_is_turned(tmp_path, orientation):
    mask = shape(2)
    save_turned(painted(mask), tmp_path / "images" / "0.tif", orientation)
    x, y = alone(tmp_path, None, mask, image_size=(60, 80))[0]

    check_in_step(x, y, clear=1)


def test_a_mask_drawn_as_stored_fits_a_tiff_that_is_not_turned(tmp_path):
    stored = save_turned(painted(shape(2)), tmp_path / "images" / "0.tif", 6)
    mask = (stored[..., 0] == BRIGHT).astype(np.uint8)
    x, y = alone(tmp_path, None, mask, image_size=mask.shape, exif_orientation=False)[0]

    check_in_step(x, y, clear=1)


# Masks are moved as their images are.


@pytest.mark.parametrize("mode", ["horizontal", "vertical", "horizontal_and_vertical"])
def test_flips_keep_masks_in_step_to_the_pixel(shapes, mode):
    flip = RandomFlip(mode)
    x, y = both_of(sequence_of(shapes, augment=flip, image_size=(60, 80)), epochs=2)

    check_in_step(x, y, clear=1)
    assert len({mask.tobytes() for mask in y}) > 8


MOVES = {
    "rotation": RandomRotation((-90, 90)),
    "shift": RandomTranslation((-0.4, 0.4), (-0.4, 0.4), fill_mode="wrap"),
    "shear": RandomShear((-30, 30), (-20, 20), fill_mode="nearest"),
    "zoom": RandomZoom((0.5, 2), (0.7, 1.4), fill_mode="constant", cval=DARK),
    "perspective": RandomPerspective((0.2, 0.5)),
    "crop": RandomResizedCrop((0.2, 1.0)),
    "all": [RandomFlip(), RandomRotation(), RandomShear(), RandomZoom(), RandomTranslation()],
    "colors between": [RandomRotation(), RandomHue(), RandomZoom((0.7, 1.4))],
}


@pytest.mark.parametrize("name", MOVES)
def test_whatever_moves_the_image_moves_the_mask(shapes, name):
    x, y = both_of(sequence_of(shapes, augment=MOVES[name]), epochs=2)

    check_in_step(x, y, agree=0.99)
    assert len({mask.tobytes() for mask in y}) == 16


@pytest.mark.parametrize("ending", [".png", ".jpg"])
@pytest.mark.parametrize("source_size", [None, 30, 150])
def test_a_crop_that_comes_first_cuts_the_mask_with_the_image(tmp_path, ending, source_size):
    for number in range(4):
        mask = shape(number, 240, 320)
        save(painted(mask), tmp_path / "images" / f"{number}{ending}", quality=95)
        save(mask, tmp_path / "masks" / f"{number}.png")
    crop = RandomResizedCrop((0.2, 1.0), source_size=source_size)
    augment = [crop, RandomFlip("horizontal_and_vertical")]
    sequence = sequence_of(tmp_path / "images", labels=None, augment=augment, image_size=(48, 48))
    x, y = both_of(sequence, epochs=3)

    assert y.shape == (12, 48, 48, 1)
    check_in_step(x, y, agree=0.99)


def test_a_crop_that_comes_first_keeps_step_with_turned_photographs(tmp_path):
    for orientation in TURNS:
        mask = shape(orientation, 120, 160)
        save_turned(painted(mask), tmp_path / "images" / f"{orientation}.jpg", orientation)
        save(mask, tmp_path / "masks" / f"{orientation}.png")
    crop = RandomResizedCrop((0.3, 1.0))
    sequence = sequence_of(tmp_path / "images", labels=None, augment=crop, image_size=(48, 48))

    check_in_step(*both_of(sequence, epochs=2), agree=0.99)


def test_beyond_the_edge_a_mask_has_the_value_that_was_asked_for(tmp_path):
    shift = RandomTranslation((0, 0), (0.5, 0.5), fill_mode="constant", mask_cval=255)
    mask = np.ones((20, 40), np.uint8)
    _, y = alone(tmp_path, painted(mask), mask, augment=shift)[0]

    assert (y[0, :, :20] == 255).all()
    assert (y[0, :, 20:] == 1).all()


@pytest.mark.parametrize(
    "transform",
    [
        albumentations.HorizontalFlip(p=0.5),
        albumentations.Rotate((-60, 60), p=1),
        albumentations.Compose([albumentations.RandomScale(p=0), albumentations.Transpose(p=0)]),
        albumentations.Affine(translate_percent=(-0.2, 0.2), shear=(-10, 10), p=1),
    ],
    ids=["flip", "rotate", "nothing", "affine"],
)
def test_albumentations_moves_the_mask_with_the_image(shapes, transform):
    x, y = both_of(sequence_of(shapes, augment=transform), epochs=2)

    assert y.dtype == np.uint8
    check_in_step(x, y, agree=0.99)


def test_albumentations_among_steps_of_ours_moves_the_mask_with_the_image(shapes):
    steps = [RandomFlip(), albumentations.Rotate((-60, 60), p=1), RandomZoom((0.8, 1.2))]

    check_in_step(*both_of(sequence_of(shapes, augment=steps), epochs=2), agree=0.99, clear=0.7)


def roll_both(image, rng, mask):
    way = int(rng.integers(1, 20))
    return np.roll(image, way, axis=1), np.roll(mask, way, axis=1)


def test_functions_that_take_a_mask_move_it(shapes):
    x, y = both_of(sequence_of(shapes, augment=roll_both, image_size=(60, 80)), epochs=2)

    check_in_step(x, y, clear=1)
    assert len({mask.tobytes() for mask in y}) > 8


def test_functions_of_the_image_alone_are_refused_with_what_would_do(shapes):
    def mirrored(image):
        return image[:, ::-1]

    with pytest.raises(
        AugmentationError, match=r"'mirrored' failed on .*Add a parameter mask, and return \(im"
    ):
        sequence_of(shapes, augment=mirrored)


def test_a_function_that_needs_a_mask_is_refused_where_there_is_none(shapes):
    with pytest.raises(AugmentationError, match="'roll_both' .* without a mask: .* has no default"):
        sequence_of(shapes, augment=roll_both, label_mode=None)

    def roll_some(image, mask=None):
        return image if mask is None else (image, mask)

    for label_mode in (None, "mask"):
        assert len(list(sequence_of(shapes, augment=roll_some, label_mode=label_mode))) > 0


def test_a_function_that_returns_the_image_alone_is_refused(shapes):
    def forgetful(image, mask):
        return image

    with pytest.raises(AugmentationError, match="'forgetful'"):
        sequence_of(shapes, augment=forgetful)[0]


def test_a_function_that_returns_a_mask_of_another_size_is_refused(shapes):
    def smaller(image, mask):
        return image, mask[::2]

    with pytest.raises(AugmentationError, match=r"'smaller' returned uint8 of shape \(24, 64, 1\)"):
        sequence_of(shapes, augment=smaller)[0]


def test_what_blends_moved_images_is_refused_with_what_would_do(shapes):
    with pytest.raises(
        AugmentationError, match=r"boxes and keypoints cannot follow\. Remove it, or use RandA"
    ):
        for _ in sequence_of(shapes, augment=AugMix()):
            pass


def test_presets_move_masks_with_their_images(shapes):
    for preset in ("light", "medium", "strong"):
        _, y = both_of(sequence_of(shapes, augment=preset), epochs=2)
        assert len({mask.tobytes() for mask in y}) > 12
        assert set(np.unique(y)) == {0, 1, 2}


def test_a_loader_whose_masks_have_another_size_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", painted(shape(0, 16, 16)))
    np.save(tmp_path / "m.npy", shape(0, 8, 8)[..., None])
    frame = pd.DataFrame({"path": ["x.npy"], "mask": ["m.npy"]})
    sequence = imggen.from_dataframe(
        frame,
        root=tmp_path,
        y_col=None,
        mask_col="mask",
        loader=np.load,
        augment=RandomFlip(p=1.0),
    )

    with pytest.raises(imggen.errors.ImggenError, match=r"m\.npy"):
        sequence[0]


def test_arrays_of_a_loader_are_moved_with_their_masks(tmp_path):
    for number in range(3):
        np.save(tmp_path / f"x{number}.npy", painted(shape(number)))
        np.save(tmp_path / f"m{number}.npy", shape(number)[..., None])
    columns = {"path": "x", "mask": "m"}
    frame = pd.DataFrame(
        {
            column: [f"{letter}{number}.npy" for number in range(3)]
            for column, letter in columns.items()
        }
    )
    sequence = imggen.from_dataframe(
        frame,
        root=tmp_path,
        y_col=None,
        mask_col="mask",
        loader=np.load,
        augment=RandomRotation(),
    )

    check_in_step(*both_of(sequence, epochs=2), agree=0.99)


# Targets.


@pytest.mark.parametrize(
    ("data_format", "x_shape", "y_shape"),
    [
        ("channels_last", (3, *SIZE, 3), (3, *SIZE, 1)),
        ("channels_first", (3, 3, *SIZE), (3, 1, *SIZE)),
    ],
)
def test_targets_have_the_shape_of_images_of_one_channel(shapes, data_format, x_shape, y_shape):
    x, y = sequence_of(shapes, data_format=data_format)[0]

    assert (x.shape, x.dtype) == (x_shape, np.float32)
    assert (y.shape, y.dtype) == (y_shape, np.uint8)


def test_with_the_channels_first_masks_are_the_same(shapes):
    last, first = (
        sequence_of(shapes, data_format=data_format, augment=RandomRotation())[0][1]
        for data_format in ("channels_last", "channels_first")
    )

    np.testing.assert_array_equal(np.moveaxis(first, 1, -1), last)


def test_masks_are_neither_rescaled_nor_cast(shapes):
    x, y = sequence_of(shapes, rescale=1 / 255, dtype="float16")[0]

    assert (x.dtype, y.dtype) == (np.float16, np.uint8)
    assert set(np.unique(y)) == {0, 1, 2}
    assert x.max() < 1


def test_with_masks_and_another_label_mode_classes_are_the_targets(shapes):
    _, y = sequence_of(shapes, label_mode="categorical")[0]

    assert y.shape == (3, 2)


def test_a_mask_as_target_needs_masks(shapes):
    with pytest.raises(OptionError, match=r'label_mode="mask" needs masks'):
        imggen.from_directory(shapes, label_mode="mask")


def test_masks_come_in_the_order_of_the_images(shapes):
    sequence = sequence_of(shapes, shuffle=False, image_size=(60, 80))
    _, y = both_of(sequence)

    for number, mask in enumerate(y):
        np.testing.assert_array_equal(mask[..., 0], shape(number))


@pytest.mark.parametrize(
    "options",
    [
        {"workers": 1},
        {"workers": 8, "max_queue_size": 2},
        {"workers": 2, "cache": "ram"},
        {"workers": 2, "use_multiprocessing": True},
    ],
    ids=["one thread", "eight threads", "cached", "two processes"],
)
def test_masks_do_not_depend_on_who_loads_them(shapes, options):
    def served(**how):
        with sequence_of(shapes, augment=[*MOVES["all"], RandomHue()], **how) as sequence:
            return both_of(sequence, epochs=2)

    for one, other in zip(served(workers=0), served(**options), strict=True):
        np.testing.assert_array_equal(one, other)


def test_with_a_broken_mask_its_image_is_left_out(shapes):
    broken = shapes.parent / "masks" / "a" / "1.png"
    broken.write_bytes(b"")
    sequence = sequence_of(shapes, on_error="skip", shuffle=False, image_size=(60, 80))
    with pytest.warns(ImggenWarning, match=r"1 of 8 images could not be .*masks/a/1\.png"):
        x, y = both_of(sequence)

    check_in_step(x, y, clear=1)
    assert len(y) == 7
    [failure] = sequence.failures
    assert failure.path == str(broken)


def test_with_a_broken_mask_another_pair_takes_its_place(shapes):
    (shapes.parent / "masks" / "a" / "1.png").write_bytes(b"")
    sequence = sequence_of(shapes, on_error="substitute", shuffle=False, image_size=(60, 80))
    with pytest.warns(ImggenWarning, match="1 of 8 images could not be read and were substituted"):
        x, y = both_of(sequence)

    check_in_step(x, y, clear=1)
    assert any(np.array_equal(y[1, :, :, 0], shape(number)) for number in (0, 2, 3))


def test_parts_keep_their_masks(shapes):
    parts = sequence_of(shapes, split=(0.5, 0.25, 0.25), augment=RandomFlip(), image_size=(60, 80))

    for part in parts:
        check_in_step(*both_of(part), clear=1)
    for path, mask in zip(parts.val.filepaths, both_of(parts.val)[1], strict=True):
        number = int(os.path.basename(path)[0])
        np.testing.assert_array_equal(mask[..., 0], shape(number))


# Further inputs.


@pytest.fixture
def pairs(tmp_path):
    """images/<n>.png and depth/<n>.png, the negative of it."""
    for number in range(6):
        pixels = painted(shape(number))
        save(pixels, tmp_path / "images" / f"{number}.png")
        save(255 - pixels, tmp_path / "depth" / f"{number}.png")
    return tmp_path / "images"


def pairs_of(pairs, **options):
    chosen = {"image_size": (60, 80), "labels": None, "batch_size": 4, "seed": 1, "workers": 0}
    return imggen.from_directory(
        pairs, **{**chosen, "input_dirs": {"depth": pairs.parent / "depth"}, **options}
    )


def test_with_further_inputs_x_is_a_dictionary(pairs):
    x = pairs_of(pairs)[0]

    assert set(x) == {"image", "depth"}
    for array in x.values():
        assert (array.shape, array.dtype) == ((4, 60, 80, 3), np.float32)


@pytest.mark.parametrize("augment", [None, RandomFlip(), "medium", RandomResizedCrop((0.3, 0.6))])
def test_further_inputs_are_moved_by_the_same_draw(pairs, augment):
    moves = augment if augment != "medium" else MOVES["all"]
    for x in pairs_of(pairs, augment=moves, dtype="float32"):
        # What was negative stays negative, but for rounding.
        np.testing.assert_allclose(x["image"] + x["depth"], 255, atol=1)


def test_colors_of_further_inputs_stay(pairs):
    plain, changed = (
        pairs_of(pairs, augment=augment, shuffle=False)[0]
        for augment in (None, RandomHue((90, 90)))
    )

    np.testing.assert_array_equal(changed["depth"], plain["depth"])


def test_further_inputs_are_rescaled_and_turned_like_the_images(pairs):
    x = pairs_of(pairs, rescale=1 / 255, data_format="channels_first")[0]

    assert x["depth"].shape == (4, 3, 60, 80)
    np.testing.assert_allclose(x["image"] + x["depth"], 1, atol=1e-6)


def test_further_inputs_go_with_masks(shapes):
    sequence = sequence_of(shapes, input_dirs={"again": shapes}, augment=RandomRotation())
    x, y = sequence[0]

    np.testing.assert_array_equal(x["image"], x["again"])
    check_in_step(x["again"], y, agree=0.99)


def test_a_further_input_without_a_file_is_named(pairs):
    (pairs.parent / "depth" / "3.png").unlink()

    with pytest.raises(ScanError, match=r"1 of 6 images .* have no partner .*'3\.png'"):
        pairs_of(pairs)


def test_a_further_input_of_another_size_is_refused_with_both(tmp_path, pairs):
    save(painted(shape(0, 30, 90)), pairs.parent / "depth" / "2.png")
    crop = RandomResizedCrop((0.3, 0.6))

    with pytest.raises(
        ImageError, match=r"depth/2\.png': as the input 'depth' of .*images/2\.png'"
    ):
        for _ in pairs_of(pairs, augment=crop):
            pass


@pytest.mark.parametrize(
    "options", [{"workers": 8}, {"workers": 2, "use_multiprocessing": True}], ids=str
)
def test_further_inputs_do_not_depend_on_who_loads_them(pairs, options):
    def served(**how):
        with pairs_of(pairs, augment=MOVES["all"], **how) as sequence:
            return list(sequence)

    for one, other in zip(served(), served(**options), strict=True):
        for name in ("image", "depth"):
            np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("name", ["image", "mask"])
def test_an_input_named_like_the_image_or_the_mask_is_refused(pairs, name):
    with pytest.raises((OptionError, ManifestError), match=f"'{name}'"):
        pairs_of(pairs, input_dirs={name: pairs.parent / "depth"})


# Tables.


def table(shapes) -> pd.DataFrame:
    names = [f"{'ab'[number // 4]}/{number}.png" for number in range(8)]
    return pd.DataFrame(
        {
            "path": [f"images/{name}" for name in names],
            "label": [name[0] for name in names],
            "seg": [f"masks/{name}" for name in names],
            "left": [f"images/{name}" for name in names],
        }
    )


def test_a_column_of_masks_makes_them_the_targets(shapes):
    sequence = imggen.from_dataframe(
        table(shapes), root=shapes.parent, mask_col="seg", image_size=(60, 80), workers=0, seed=1
    )
    x, y = both_of(sequence)

    check_in_step(x, y, clear=1)


def test_columns_of_further_inputs_are_named_after_inputs_of_the_model(shapes):
    sequence = imggen.from_dataframe(
        table(shapes),
        root=shapes.parent,
        input_cols={"second": "left"},
        image_size=(60, 80),
        workers=0,
    )
    x, y = sequence[0]

    np.testing.assert_array_equal(x["second"], x["image"])
    assert y.shape == (8, 2)


@pytest.mark.parametrize("options", [{"mask_col": "sge"}, {"input_cols": {"second": "sge"}}])
def test_a_column_that_is_not_there_is_named(shapes, options):
    with pytest.raises(ManifestError, match=r"no column 'sge'"):
        imggen.from_dataframe(table(shapes), root=shapes.parent, **options)


@pytest.mark.parametrize("options", [{"mask_col": "seg"}, {"input_cols": {"second": "seg"}}])
def test_a_row_without_a_file_is_refused(shapes, options):
    frame = table(shapes)
    frame.loc[3, "seg"] = None

    with pytest.raises(ManifestError, match=r"'seg' has no value in 1 of 8 rows"):
        imggen.from_dataframe(frame, root=shapes.parent, **options)


def full(shapes) -> Manifest:
    return imggen.scan(
        shapes,
        mask_dir=shapes.parent / "masks",
        input_dirs={"depth": shapes, "third eye": shapes.parent / "masks"},
    )


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_saved_manifest_keeps_masks_and_inputs(shapes, tmp_path, ending):
    before = full(shapes)
    before.save(tmp_path / f"m.{ending}")
    after = Manifest.load(tmp_path / f"m.{ending}")

    assert after.masks == before.masks
    assert after.inputs == before.inputs
    assert list(after.inputs) == ["depth", "third eye"]
    assert [after.resolve(path) for path in after.masks] == [
        before.resolve(path) for path in before.masks
    ]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_folder_moved_with_its_manifest_and_its_masks_is_found(shapes, tmp_path, ending):
    (tmp_path / "old").mkdir()
    for name in ("images", "masks"):
        shutil.move(tmp_path / name, tmp_path / "old" / name)
    full(tmp_path / "old" / "images").save(tmp_path / "old" / f"m.{ending}")
    os.rename(tmp_path / "old", tmp_path / "new")
    manifest = Manifest.load(tmp_path / "new" / f"m.{ending}").take(range(8))
    sequence = ImageSequence(manifest, image_size=(60, 80), label_mode="mask", workers=0)
    x, y = sequence[0]

    check_in_step(x["image"], y, clear=1)


def test_a_frame_has_a_column_for_masks_and_each_input(shapes):
    frame = full(shapes).to_frame()

    assert list(frame.columns) == ["path", "label", "mask", "input:depth", "input:third eye"]
    assert frame["mask"][4] == "../masks/b/4.png"
    assert frame["input:third eye"][4] == "../masks/b/4.png"


def pairs_in(manifest) -> list[tuple[str, str, str]]:
    """The number of each image, of its mask and of its input."""
    columns = (manifest.paths, manifest.masks, manifest.inputs["depth"])
    return [tuple(path[-5] for path in row) for row in zip(*columns, strict=True)]


def test_take_keeps_pairs_together(shapes):
    assert pairs_in(full(shapes).take([5, 2, 5])) == [("5",) * 3, ("2",) * 3, ("5",) * 3]


def test_split_keeps_pairs_together(shapes):
    parts = imggen.split(full(shapes), (0.5, 0.25, 0.25), seed=1)
    found = [pair for part in parts for pair in pairs_in(part)]

    assert all(len(set(pair)) == 1 for pair in found)
    assert sorted(image for image, _, _ in found) == list("01234567")


def test_parts_put_together_again_keep_pairs_together(shapes):
    parts = list(imggen.split(full(shapes), (0.5, 0.5), seed=1))

    assert pairs_in(Manifest.concatenate(parts)) == [
        pair for part in parts for pair in pairs_in(part)
    ]


@pytest.mark.parametrize("columns", [{"masks": None}, {"inputs": {}}], ids=["masks", "inputs"])
def test_manifests_with_and_without_cannot_be_put_together(shapes, columns):
    manifest = full(shapes)
    with pytest.raises(ManifestError, match=next(iter(columns))):
        Manifest.concatenate([manifest, dataclasses.replace(manifest, **columns)])


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"masks": StringColumn.of(["a"])}, "'masks' has 1 rows and 'paths' has 2"),
        ({"inputs": {"depth": StringColumn.of("abc")}}, "'input:depth' has 3 rows and 'paths' has"),
    ],
)
def test_a_column_of_another_length_is_refused(columns, named):
    with pytest.raises(ManifestError, match=named):
        Manifest(".", StringColumn.of("ab"), **columns)


# Training.


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_model_of_two_inputs_trains_on_a_dictionary(shapes):
    inputs = {name: keras.Input((12, 16, 3), name=name) for name in ("image", "depth")}
    means = [keras.layers.GlobalAveragePooling2D()(one) for one in inputs.values()]
    scores = keras.layers.Dense(2, "softmax")(keras.layers.Concatenate()(means))
    model = keras.Model(inputs, scores)
    model.compile("adam", "categorical_crossentropy")
    sequence = sequence_of(
        shapes, mask_dir=None, input_dirs={"depth": shapes}, image_size=(12, 16), rescale=1 / 255
    )

    history = model.fit(sequence, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert list(sequence.predict(model)["true"]) == ["a"] * 4 + ["b"] * 4


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_model_learns_which_pixels_are_inside(shapes):
    keras.utils.set_random_seed(0)
    layers = [keras.Input((24, 32, 3)), keras.layers.Conv2D(1, 1, activation="sigmoid")]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(0.3), "binary_crossentropy", metrics=["accuracy"])
    for path in (shapes.parent / "masks").rglob("*.png"):
        with Image.open(path) as image:
            mask = np.asarray(image) > 0
        save(mask.astype(np.uint8), path)
    sequence = sequence_of(
        shapes, image_size=(24, 32), rescale=1 / 255, augment=[RandomFlip(), RandomRotation()]
    )

    history = model.fit(sequence, epochs=12, verbose=0).history
    assert history["accuracy"][-1] > 0.95
    assert history["loss"][-1] < history["loss"][0] / 2
