"""``mask_values``: from the values and colors of mask files to classes, and when to ask for it."""

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import imggen
from imggen.augment import RandomFlip, RandomRotation
from imggen.errors import ImageError, ImggenWarning, MaskValueWarning, OptionError

RNG = np.random.default_rng(0)
CLASSES = RNG.integers(0, 2, (8, 6)).astype(np.uint8)  # as served
THREE = np.arange(48, dtype=np.uint8).reshape(8, 6) % 3
COLORS = np.array([(0, 0, 0), (255, 0, 0), (0, 128, 255)], np.uint8)
TWO = {0: 0, 255: 1}
OF_COLORS = {tuple(color): number for number, color in enumerate(COLORS.tolist())}


def write(folder, masks, ending=".png", **options):
    """images/<n>.png and masks/<n><ending>; returns the folder of images."""
    for number, mask in enumerate(masks):
        picture = mask if isinstance(mask, Image.Image) else Image.fromarray(mask)
        for name in ("images", "masks"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", picture.size, (number,) * 3).save(folder / "images" / f"{number}.png")
        picture.save(folder / "masks" / f"{number}{ending}", **options)
    return folder / "images"


def sequence_of(images, **options):
    chosen = {"image_size": (8, 6), "batch_size": 4, "workers": 0, "shuffle": False, **options}
    return imggen.from_directory(images, labels=None, mask_dir=images.parent / "masks", **chosen)


def served(images, mask_values=None, **options):
    y = sequence_of(images, mask_values=mask_values, **options)[0][1]
    assert y.dtype == np.uint8
    return y[0, :, :, 0]


def gray(mask):
    return mask * np.uint8(255)


def palette_picture(mask, colors):
    picture = Image.fromarray(mask).convert("P")
    picture.putdata(mask.ravel().tolist())
    picture.putpalette(colors.ravel().tolist())
    return picture


# Values that are probably not classes.


@pytest.mark.parametrize(
    ("masks", "message"),
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
def test_values_that_are_unlike_classes_are_named_with_a_mapping(tmp_path, masks, message):
    images = write(tmp_path, masks)
    with pytest.warns(MaskValueWarning, match=message) as caught:
        sequence_of(images)
    assert len(caught) == 1
    assert caught[0].filename == __file__


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
    [(".webp", {"lossless": True}), (".tif", {"compression": "tiff_lzw"}), (".bmp", {})],
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
