"""Images that differ in color or in transparency alone, and images with two labels."""

import dataclasses

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance

import imggen
from imggen import find_duplicates
from imggen.core import StringColumn
from imggen.data.boxes import BoxColumn, Boxes
from imggen.data.targets import TargetColumn
from imggen.errors import OptionError
from imggen.quality.duplicates.color_agreement import measure_color_agreement
from tests.helpers.pictures import cropped, data_of, listing, photo, smaller, write_photos

WHOLE = np.array([[0, 1, 0, 1]], np.float32)


def names_of(found) -> list[set[str]]:
    return [{found.manifest.paths[row] for row in group} for group in found.groups]


def compare(folder, *images, **options) -> tuple[int, float]:
    """The number of groups of images, and the largest similarity above 0.3."""
    write_photos(folder, {f"{number}.png": image for number, image in enumerate(images)})
    found = find_duplicates(listing(folder), **options)
    wide = find_duplicates(listing(folder), **{**options, "threshold": 0.35}).pairs.similarity
    return len(found.groups), float(max(wide, default=0))


def lamp(color, ground=(30, 30, 30), side=96) -> Image.Image:
    image = Image.new("RGB", (side, side), ground)
    ImageDraw.Draw(image).ellipse((side // 8, side // 8, side * 7 // 8, side * 7 // 8), fill=color)
    return image


def icon(shape, fill=(20, 20, 20, 255), ground=(0, 0, 0, 0)) -> Image.Image:
    image = Image.new("RGBA", (128, 128), ground)
    ImageDraw.Draw(image).polygon(shape, fill=fill)
    return image


TRIANGLE = [(64, 10), (10, 118), (118, 118)]
BAR = [(10, 50), (118, 50), (118, 70), (10, 70)]


def hue_turned(image, degrees):
    hue, saturation, value = image.convert("HSV").split()
    turned = np.asarray(hue).astype(int) + round(degrees / 360 * 256)
    hue = Image.fromarray((turned % 256).astype(np.uint8))
    return Image.merge("HSV", (hue, saturation, value)).convert("RGB")


def vivid(seed):
    return ImageEnhance.Color(photo(seed)).enhance(4)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lamp((255, 0, 0)), lamp((0, 90, 255))),
        (lamp((200, 60, 60)), lamp((60, 120, 60))),
        (lamp((200, 90, 90), side=40), lamp((90, 130, 100), side=96)),
        (Image.new("RGB", (40, 40), (255, 0, 0)), Image.new("RGB", (40, 40), (0, 130, 0))),
        (Image.new("RGB", (40, 40), (255, 0, 0)), Image.new("RGB", (40, 40), (255, 255, 255))),
        (vivid(0), Image.merge("RGB", vivid(0).split()[::-1])),
        (vivid(0), hue_turned(vivid(0), 120)),
    ],
    ids=["red, blue", "red, green", "dull", "plain", "red, white", "BGR", "hue"],
)
def test_images_that_differ_in_color_are_not_duplicates(tmp_path, one, other):
    num_groups, similarity = compare(tmp_path, one, other)

    assert num_groups == 0
    assert similarity < 0.95


def test_a_small_object_of_another_color_is_seen(tmp_path):
    red, blue = vivid(1), vivid(1)
    red.paste((230, 40, 40), (70, 70, 92, 92))  # 2 % of the image
    blue.paste((40, 101, 230), (70, 70, 92, 92))

    assert compare(tmp_path, red, blue)[0] == 0


@pytest.mark.parametrize(
    "alter",
    [
        lambda image: image.convert("L"),
        lambda image: ImageEnhance.Color(image).enhance(0.5),
        lambda image: ImageEnhance.Brightness(image).enhance(1.05),
        lambda image: ImageEnhance.Brightness(image).enhance(0.95),
        lambda image: cropped(image, 0.02, 0.02, 0.02, 0.02),
        lambda image: image.quantize(256),
        lambda image: smaller(image, 0.5),
        lambda image: image.convert("RGBA"),
    ],
    ids=["gray", "pale", "brighter", "darker", "cropped", "palette", "small", "RGBA"],
)
def test_copies_of_colorful_images_are_found(tmp_path, alter):
    assert compare(tmp_path, vivid(0), alter(vivid(0)), photo(1))[0] == 1


def test_the_agreement_falls_by_a_twentieth_for_28_levels():
    one = np.zeros((5, 4, 16, 16), np.int8)
    one[:, 0] = 100
    other = one.copy()
    other[1, 0, 4, 4:6] = 72  # two regions
    other[2, 0, 4, 4:5] = 72  # one of two
    other[3, 0, 4, 4:6] = 44
    other[4, 2] = 14  # opacity, of 127

    agreement = measure_color_agreement(one, other, WHOLE.repeat(5, axis=0))
    assert agreement[0] == 1
    assert agreement.tolist() == pytest.approx([1, 0.95, 0.975, 0.9, 0.95], abs=0.005)


def test_an_edge_may_be_displaced_by_a_region():
    one = np.zeros((1, 4, 16, 16), np.int8)
    other = one.copy()
    one[:, :3, :, :8], other[:, :3, :, :9] = 100, 100
    further = one.copy()
    further[:, :3, :, :10] = 100

    assert measure_color_agreement(one, other, WHOLE).tolist() > [0.98]
    assert measure_color_agreement(one, further, WHOLE).tolist() < [0.9]


# Transparency.


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (icon(TRIANGLE), icon(TRIANGLE, ground=(255, 255, 255, 255))),
        (icon(TRIANGLE), icon(TRIANGLE, fill=(20, 20, 20, 190))),
        (icon(TRIANGLE), icon(TRIANGLE, fill=(200, 0, 0, 255))),
        (icon(TRIANGLE), icon(BAR)),
        (icon(TRIANGLE, (255,) * 4), icon(BAR, (255,) * 4)),
        (photo(0).convert("RGBA"), Image.merge("RGBA", (*photo(0).split(), photo(1).split()[0]))),
        (
            photo(0).convert("RGBA"),
            Image.merge("RGBA", (*photo(0).split(), Image.new("L", (160, 160), 215))),
        ),
    ],
    ids=["opaque", "half", "color", "shape", "white", "alpha", "faded"],
)
@pytest.mark.parametrize("background", ["white", "black", "checker", "#808080", (9, 99, 199)])
def test_images_that_differ_in_transparency_are_not_duplicates(tmp_path, one, other, background):
    assert compare(tmp_path, one, other, background=background)[0] == 0


def test_copies_of_transparent_images_are_found(tmp_path):
    image = icon(TRIANGLE, (200, 30, 30, 255))
    copies = [smaller(image, 0.5), cropped(image, 0.02, 0.02, 0.02, 0.02)]
    hidden = np.array(image)
    hidden[hidden[:, :, 3] == 0, :3] = (0, 255, 0)  # the color of a pixel that is not seen

    for number, copy in enumerate([*copies, Image.fromarray(hidden)]):
        assert compare(tmp_path / str(number), image, copy)[0] == 1, number


def test_images_of_which_nothing_is_visible_are_named_and_compared_by_their_bytes(tmp_path):
    empty = Image.new("RGBA", (32, 32), (5, 5, 5, 0))
    write_photos(
        tmp_path,
        {
            "a.png": icon(TRIANGLE, (255,) * 4),
            "b.png": icon(BAR, (255,) * 4),
            "c.png": data_of(empty, "PNG"),
            "d.png": data_of(empty, "PNG"),
        },
    )
    found = find_duplicates(listing(tmp_path))

    assert found.invisible == ("a.png", "b.png", "c.png", "d.png")
    assert found.unreadable == ()
    assert names_of(found) == [{"c.png", "d.png"}]
    assert find_duplicates(listing(tmp_path), background="black").invisible == ("c.png", "d.png")
    assert find_duplicates(listing(tmp_path), near=False).invisible == ()


@pytest.mark.parametrize("background", ["nothing", "#12", (1, 2), (0, 0, 256)])
def test_another_background_is_refused(photos, background):
    with pytest.raises(OptionError, match="background="):
        find_duplicates(imggen.scan(photos), background=background)


# Two labels.


@pytest.fixture
def same(tmp_path):
    """Two files with the same bytes, a smaller copy, and another image."""
    data = data_of(photo(0), "PNG")
    return write_photos(
        tmp_path / "same", {"a.png": data, "b.png": data, "c.png": smaller(photo(0)), "d.png": 1}
    )


def labeled(folder, labels, *paths, **columns):
    manifest = listing(folder, *(paths or ("a.png", "b.png", "c.png", "d.png")))
    return dataclasses.replace(
        manifest, labels=np.array(labels, np.int32), class_names=("x", "y"), **columns
    )


@pytest.mark.parametrize(
    ("labels", "rows"),
    [([0, 0, 0, 1], None), ([0, 1, 0, 0], (0, 1, 2)), ([0, 0, 1, 0], (0, 1, 2))],
)
def test_an_image_with_two_labels_is_a_conflict_and_none_of_it_is_dropped(same, labels, rows):
    found = find_duplicates(labeled(same, labels))

    assert [conflict.rows for conflict in found.conflicts] == ([] if rows is None else [rows])
    assert found.drop == (() if rows else (1, 2))
    assert len(found.deduplicate()) == (4 if rows else 2)
    assert found.to_frame().keep.tolist() == [True, bool(rows), bool(rows)]
    assert found.to_frame().conflict.tolist() == ["label" if rows else ""] * 3


def test_conflicts_come_before_other_groups_everywhere(tmp_path):
    pictures = {f"x/{n}.png": photo(n) for n in range(3)}
    write_photos(tmp_path, {**pictures, "x/0b.png": smaller(photo(0)), "y/2.png": photo(2)})
    found = find_duplicates(imggen.scan(tmp_path))

    assert names_of(found) == [{"x/2.png", "y/2.png"}, {"x/0.png", "x/0b.png"}]
    assert found.to_frame().path.tolist() == ["x/2.png", "y/2.png", "x/0.png", "x/0b.png"]
    assert found.to_frame().conflict.tolist() == ["label", "label", "", ""]


def test_a_file_that_is_listed_with_two_labels_is_a_conflict(same):
    found = find_duplicates(labeled(same, [0, 1, 1], "d.png", "./d.png", "a.png"))

    assert found.groups == ()
    assert found.conflicts == (((0, 1), ("label",)),)
    assert found.to_frame().path.tolist() == ["d.png", "./d.png"]


def test_different_targets_boxes_and_masks_of_one_image_are_conflicts(same):
    for name, level in (("1", 10), ("2", 10), ("3", 20)):
        Image.new("L", (8, 8), level).save(same / f"{name}.bmp")
    manifest = listing(same, "a.png", "b.png", "c.png", "d.png")
    boxes = Boxes(col="box", format="pascal_voc")

    def conflicts(**columns):
        found = find_duplicates(dataclasses.replace(manifest, **columns))
        return [(conflict.rows, conflict.columns) for conflict in found.conflicts]

    def box_column(*cells):
        return BoxColumn.parse([list(cell) for cell in cells], None, boxes)

    image = (0, 1, 2)
    assert conflicts(targets=TargetColumn(np.array([[1], [1], [2], [1]]), ("age",), True)) == [
        (image, ("target",))
    ]
    assert conflicts(targets=TargetColumn(np.array([[1], [1], [1], [2]]), ("age",), True)) == []
    masks = StringColumn.of
    assert conflicts(masks=masks(["1.bmp", "2.bmp", "3.bmp", "3.bmp"])) == []
    assert conflicts(masks=masks(["1.bmp", "3.bmp", "3.bmp", "3.bmp"])) == [(image, ("mask",))]
    one, other = [[1, 2, 30, 40]], [[1, 2, 30, 50]]
    assert conflicts(boxes=box_column(one, one, other, one)) == []
    assert conflicts(boxes=box_column(one, other, other, one)) == [(image, ("boxes",))]


def test_leaks_with_two_labels_come_first(tmp_path):
    write_photos(tmp_path, {"train/x/0.png": 0, "train/x/1.png": 1, "val/x/0.png": 0})
    write_photos(tmp_path, {"val/y/1.png": smaller(photo(1))})
    splits = {name: imggen.scan(tmp_path / name) for name in ("train", "val")}
    found = imggen.find_leaks(splits)

    assert found.to_frame().conflict.tolist() == ["label", "label", "", ""]
    assert [conflict.columns for conflict in found.conflicts] == [("label",)]
    assert set(found.to_frame().path[:2]) == {"train/x/1.png", "val/y/1.png"}
    assert sorted(found.manifest.paths[row] for row in found.drop) == [
        "train/x/0.png",
        "train/x/1.png",
    ]
