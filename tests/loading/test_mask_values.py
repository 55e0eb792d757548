"""``mask_values``: from the values and colors of mask files to classes."""

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import imggen
from imggen.augment import RandomFlip, RandomRotation
from imggen.errors import ImageError, ImggenWarning, OptionError
from tests.helpers.masks import (
    CLASSES,
    COLORS,
    OF_COLORS,
    THREE,
    TWO,
    gray,
    palette_picture,
    sequence_of,
    served,
    write,
)

# The mapping.


def test_values_become_classes(tmp_path):
    images = write(tmp_path, [gray(CLASSES)])
    np.testing.assert_array_equal(served(images, TWO), CLASSES)
    np.testing.assert_array_equal(served(images, {255: 0, 0: 3}), np.where(CLASSES, 0, 3))
    np.testing.assert_array_equal(served(images, {0: 0, 255: 255}), gray(CLASSES))


@pytest.mark.parametrize(
    "picture",
    [
        Image.fromarray(gray(CLASSES)),
        Image.fromarray(CLASSES.astype(bool)),
        Image.fromarray(gray(CLASSES)).convert("RGB"),
        Image.fromarray(gray(CLASSES)).convert("RGBA"),
        Image.fromarray(gray(CLASSES)).convert("LA"),
        Image.fromarray(gray(CLASSES)[..., None].repeat(4, 2)),  # transparent where it is 0
        palette_picture(CLASSES, COLORS[:2] // 255 * 255),
    ],
    ids=["L", "1", "RGB", "RGBA", "LA", "transparent", "P"],
)
def test_any_mode_is_mapped_by_value_and_by_color(tmp_path, picture):
    images = write(tmp_path, [picture])
    if picture.mode == "P":
        by_color = {(0, 0, 0): 0, (255, 0, 0): 1}
        np.testing.assert_array_equal(served(images, {0: 0, 1: 1}), CLASSES)
    else:
        by_color = {(0, 0, 0): 0, (255, 255, 255): 1}
        np.testing.assert_array_equal(served(images, TWO), CLASSES)
    np.testing.assert_array_equal(served(images, by_color), CLASSES)


def test_colors_become_classes(tmp_path):
    images = write(tmp_path, [COLORS[THREE], Image.fromarray(COLORS[THREE]).convert("RGBA")])
    y = sequence_of(images, mask_values=OF_COLORS)[0][1]
    np.testing.assert_array_equal(y[..., 0], [THREE, THREE])


def test_masks_in_color_without_a_mapping_are_refused_with_one(tmp_path):
    images = write(tmp_path, [COLORS[THREE]])
    offer = r"\{\(0, 0, 0\): 0, \(0, 128, 255\): 1, \(255, 0, 0\): 2\}"
    with pytest.raises(OptionError, match=rf"0\.png' has the colors .*mask_values={offer}"):
        sequence_of(images)


def test_transparency_that_tells_the_classes_is_not_dropped(tmp_path):
    white = np.full((8, 6, 4), 255, np.uint8)
    white[..., 3] = gray(CLASSES)
    images = write(tmp_path, [white])

    with pytest.raises(
        OptionError, match=r"\{\(255, 255, 255, 0\): 0, \(255, 255, 255, 255\): 1\}"
    ):
        sequence_of(images)
    by_alpha = {(255, 255, 255, 0): 0, (255, 255, 255, 255): 1}
    np.testing.assert_array_equal(served(images, by_alpha), CLASSES)
    for mask_values in (TWO, {(255, 255, 255): 1}):
        with pytest.raises(
            OptionError, match=r"differ in transparency \(mode RGBA\).*four numbers"
        ):
            sequence_of(images, mask_values=mask_values)


def test_a_value_without_a_class_is_refused_with_the_values_of_both(tmp_path):
    images = write(tmp_path, [gray(THREE) // 2])
    with pytest.raises(
        OptionError,
        match=r"masks/0\.png': it has the values? .*, and mask_values has the values 0, 255",
    ):
        sequence_of(images, mask_values=TWO)
    with pytest.raises(
        OptionError, match=r"is in color .*mask_values= with the class of each color"
    ):
        sequence_of(write(tmp_path / "b", [COLORS[THREE]]), mask_values=TWO)
    with pytest.raises(OptionError, match=r"has the color \(0, 128, 255\), and mask_values has"):
        sequence_of(tmp_path / "b" / "images", mask_values={(0, 0, 0): 0, (255, 0, 0): 1})
    with pytest.raises(OptionError, match=r"\(mode I;16\) are not colors of 8 bits"):
        sequence_of(write(tmp_path / "c", [THREE * np.uint16(300)]), mask_values=OF_COLORS)


def test_a_file_with_a_value_without_a_class_is_one_that_cannot_be_read(tmp_path):
    images = write(tmp_path, [gray(CLASSES), np.full((8, 6), 9, np.uint8), gray(1 - CLASSES)])
    sequence = sequence_of(images, mask_values=TWO, on_error="skip")
    with pytest.warns(ImggenWarning, match=r"1 of 3 images .*has the value 9, and mask_values has"):
        ((_, y),) = sequence
    np.testing.assert_array_equal(y[..., 0], [CLASSES, 1 - CLASSES])
    with pytest.raises(OptionError, match=r"masks/0\.png': it has the values 0, 255, and"):
        sequence_of(images, mask_values={7: 0}, on_error="skip")


def test_a_mapping_needs_masks_as_targets(tmp_path):
    images = write(tmp_path, [CLASSES])
    for options in ({"mask_dir": None}, {"label_mode": None}):
        with pytest.raises(OptionError, match=r'mask_values= is for masks.*label_mode="mask"'):
            imggen.from_directory(
                images, labels=None, **{"mask_dir": tmp_path / "masks", **options}, mask_values=TWO
            )


# Wherever masks are served.


@pytest.mark.parametrize(
    "options",
    [{"workers": 2}, {"workers": 1, "use_multiprocessing": True}, {"cache": "ram"}],
    ids=str,
)
@pytest.mark.parametrize("color", [False, True])
def test_any_worker_and_cache_serves_classes(tmp_path, options, color):
    masks = [THREE, 2 - THREE, THREE.T.reshape(8, 6)]
    images = write(tmp_path, [COLORS[mask] if color else mask * np.uint8(100) for mask in masks])
    mask_values = OF_COLORS if color else {0: 0, 100: 1, 200: 2}
    with sequence_of(images, mask_values=mask_values, **options) as sequence:
        for _ in range(2):
            ((_, y),) = sequence
            np.testing.assert_array_equal(y[..., 0], masks)


def test_a_cache_on_disk_serves_another_mapping(tmp_path):
    images = write(tmp_path, [gray(CLASSES)])
    cache = str(tmp_path / "cache")
    for mask_values in (TWO, {0: 1, 255: 0}):
        mapped = served(images, mask_values, cache=cache)
        np.testing.assert_array_equal(mapped, CLASSES if mask_values is TWO else 1 - CLASSES)


def test_tables_manifests_and_saved_manifests_take_a_mapping(tmp_path):
    images = write(tmp_path, [gray(CLASSES)])
    manifest = imggen.scan(images, labels=None, mask_dir=tmp_path / "masks")
    manifest.save(tmp_path / "manifest.csv")
    frame = pd.DataFrame({"path": ["images/0.png"], "mask": ["masks/0.png"]})
    options = {"mask_values": TWO, "image_size": (8, 6), "workers": 0}
    for sequence in (
        imggen.ImageSequence(manifest, label_mode="mask", **options),
        imggen.ImageSequence(
            imggen.Manifest.load(tmp_path / "manifest.csv"), label_mode="mask", **options
        ),
        imggen.from_dataframe(frame, root=tmp_path, y_col=None, mask_col="mask", **options),
    ):
        np.testing.assert_array_equal(sequence[0][1][0, :, :, 0], CLASSES)


def test_explanations_and_pictures_show_classes(tmp_path):
    images = write(tmp_path, [COLORS[THREE]])
    sequence = sequence_of(images, mask_values=OF_COLORS, augment=RandomFlip(p=1.0))
    plain = write(tmp_path / "plain", [THREE])
    expected = sequence_of(plain, augment=RandomFlip(p=1.0))

    explanation = sequence.explain(0, 0)
    np.testing.assert_array_equal(explanation.before.masks[0][..., 0], THREE)
    np.testing.assert_array_equal(explanation.mask[..., 0], THREE[:, ::-1])
    for draw in (
        lambda one: one.show_batch(cell=32),
        lambda one: imggen.contact_sheet(one, variants=1, cell=32, parameters=False),
    ):
        np.testing.assert_array_equal(np.asarray(draw(sequence)), np.asarray(draw(expected)))


def test_resizing_padding_and_rotation_keep_to_the_classes(tmp_path):
    images = write(tmp_path, [COLORS[np.repeat(np.repeat(THREE, 9, 0), 9, 1)]])
    mapping = {color: number + 5 for color, number in OF_COLORS.items()}
    sequence = sequence_of(
        images,
        mask_values=mapping,
        image_size=(40, 60),
        pad_to_aspect_ratio=True,
        augment=RandomRotation((20, 30)),
        seed=1,
    )
    _, y = sequence[0]
    assert set(np.unique(y)) == {0, 5, 6, 7}  # padding and the corners are 0
    unpadded = sequence_of(images, mask_values=mapping, image_size=(40, 60))[0][1]
    assert set(np.unique(unpadded)) == {5, 6, 7}


def test_arrays_of_a_loader_are_mapped(tmp_path):
    (tmp_path / "masks").mkdir()
    arrays = {"x": np.zeros((8, 6, 3)), "gray": gray(CLASSES)[..., None], "flat": gray(CLASSES)}
    arrays |= {"wide": gray(CLASSES).astype(np.int64)[..., None], "color": COLORS[CLASSES]}
    arrays |= {"float": CLASSES / 2, "many": np.zeros((8, 6, 5), np.uint8)}

    def y_of(name, mask_values):
        frame = pd.DataFrame({"path": ["x"], "mask": [name]})
        return imggen.from_dataframe(
            frame,
            root=tmp_path,
            y_col=None,
            mask_col="mask",
            loader=lambda path: arrays[path.rpartition("/")[2]],
            mask_values=mask_values,
            workers=0,
        )[0][1]

    for name, mask_values in (("gray", TWO), ("wide", TWO), ("color", OF_COLORS)):
        np.testing.assert_array_equal(y_of(name, mask_values)[0, ..., 0], CLASSES)
    for name, reason in (("float", r"its values \(float64\) are not"), ("many", "it has shape")):
        with pytest.raises(ImageError, match=rf"{name}': {reason}"):
            y_of(name, TWO)
    with pytest.raises(ImageError, match=r"gray': it has the value 255, and mask_values has"):
        y_of("gray", {0: 0, 1: 1})


def test_a_sigmoid_trains_on_what_was_0_and_255(tmp_path):
    sequence = sequence_of(write(tmp_path, [gray(CLASSES)] * 2), mask_values=TWO)
    model = keras.Sequential(
        [keras.Input((8, 6, 3)), keras.layers.Conv2D(1, 1, activation="sigmoid")]
    )
    model.compile(loss="binary_crossentropy")
    assert model.evaluate(sequence, verbose=0) < 2
