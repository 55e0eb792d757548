"""Masks next to their images: names with a pattern, folders in folders, splits that are folders."""

import pytest
from PIL import Image

import imggen
from imggen.data.name_pattern import NamePattern
from imggen.errors import ImggenWarning, OptionError, ScanError


def write(folder, *paths):
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(file)
    return folder


def pairs_of(folder, **options):
    manifest = imggen.scan(folder, **{"labels": None, **options})
    return dict(zip(manifest.paths, manifest.masks, strict=True))


@pytest.mark.parametrize(
    ("pattern", "image", "mask"),
    [
        ("{stem}_mask", "s0.png", "s0_mask.png"),
        ("{stem}_mask", "s0.jpg", "s0_mask.gif"),
        ("{stem}_mask.png", "s0.jpg", "s0_mask.PNG"),
        ("{stem}_seg", "a.b.png", "a.b_seg.png"),
        ("mask_{stem}", "s0.png", "mask_s0.png"),
        ("{stem}.png", "s0.jpg", "s0.png"),
        ("{stem}.mask", "s0.jpg", "s0.mask.png"),
        ("{stem}.jpg.png", "s0.jpg", "s0.jpg.png"),
        ("labels/{stem}", "s0.png", "labels/s0.png"),
        ("../masks/{stem}_m", "images/s0.png", "masks/s0_m.png"),
        (("{stem}_image", "{stem}_mask"), "s0_image.png", "s0_mask.png"),
        (
            ("{stem}_leftImg8bit", "{stem}_gtFine_labelIds"),
            "a_leftImg8bit.png",
            "a_gtFine_labelIds.png",
        ),
        ("{stem} (mask)[1]", "s0.png", "s0 (mask)[1].png"),
    ],
)
def test_masks_next_to_images_are_found_by_a_pattern(tmp_path, pattern, image, mask):
    write(tmp_path, image, mask, f"cat/{image}", f"cat/{mask}")

    assert pairs_of(tmp_path, mask_pattern=pattern, mask_dir=tmp_path) == {
        image: mask,
        f"cat/{image}": f"cat/{mask}",
    }
    assert pairs_of(tmp_path / "cat", mask_pattern=pattern) == {image: mask}


def test_masks_in_another_folder_are_found_by_a_pattern(tmp_path):
    write(tmp_path, "images/cat/1.jpg", "images/cat/2.png", "m/cat/1_seg.png", "m/cat/2_seg.png")
    assert pairs_of(tmp_path / "images", mask_dir=tmp_path / "m", mask_pattern="{stem}_seg") == {
        "cat/1.jpg": "../m/cat/1_seg.png",
        "cat/2.png": "../m/cat/2_seg.png",
    }


def test_classes_keep_their_images_without_the_masks_among_them(tmp_path):
    write(tmp_path, "cat/0.png", "cat/0_mask.png", "dog/0.png", "dog/0_mask.png", "dog/1.png")
    write(tmp_path, "dog/1_mask.png")
    manifest = imggen.scan(tmp_path, mask_pattern="{stem}_mask")

    assert manifest.class_counts == {"cat": 1, "dog": 2}
    assert list(manifest.paths) == ["cat/0.png", "dog/0.png", "dog/1.png"]
    assert list(manifest.masks) == ["cat/0_mask.png", "dog/0_mask.png", "dog/1_mask.png"]
    sequence = imggen.from_directory(tmp_path, mask_pattern="{stem}_mask", image_size=(4, 4))
    assert sequence.manifest.masks is not None
    assert sequence.batch_maker.label_mode.name == "mask"


def test_a_mask_without_an_image_is_warned_of(tmp_path):
    write(tmp_path, "0.png", "0_mask.png", "1_mask.png")
    with pytest.warns(ImggenWarning, match=r"1 of 2 files .* no image .*'1_mask\.png'"):
        assert pairs_of(tmp_path, mask_pattern="{stem}_mask") == {"0.png": "0_mask.png"}


def test_an_image_without_a_mask_is_named_with_the_pattern(tmp_path):
    write(tmp_path, "0.png", "0_mask.png", "1.png", "a_image.png")
    with pytest.raises(ScanError, match=r"2 of 3 images .* no mask named '{stem}_mask' .*'1\.png'"):
        pairs_of(tmp_path, mask_pattern="{stem}_mask")
    write(tmp_path, "a_mask.png")
    with pytest.raises(ScanError, match=r"2 of 3 .*: '0\.png', '1\.png'"):
        pairs_of(tmp_path, mask_pattern=("{stem}_image", "{stem}_mask"))


def test_two_masks_of_one_name_are_refused_unless_an_extension_tells(tmp_path):
    write(tmp_path, "0.jpg", "0_mask.png", "0_mask.PNG", "0_mask.bmp")
    with pytest.raises(ScanError, match="has 3 files of the same name.*with an extension"):
        pairs_of(tmp_path, mask_pattern="{stem}_mask")
    with pytest.raises(ScanError, match="has 2 files of the same name"):
        pairs_of(tmp_path, mask_pattern="{stem}_mask.png")
    assert pairs_of(tmp_path, mask_pattern="{stem}_mask.bmp", extensions=[".jpg"]) == {
        "0.jpg": "0_mask.bmp"
    }


# The same folder without a pattern.


@pytest.mark.parametrize(
    ("names", "suggested"),
    [
        (["s0.png", "s0_mask.png", "s1.png", "s1_mask.png"], "{stem}_mask"),
        (["s0.png", "seg_s0.png", "s1.png", "seg_s1.png"], "seg_{stem}"),
        (["s0.jpg", "s0.png", "s1.jpg", "s1.png"], None),
        (["a.png", "b.png"], None),
    ],
)
def test_an_image_is_not_its_own_mask(tmp_path, names, suggested):
    write(tmp_path, *names)
    link = tmp_path.parent / f"{tmp_path.name}-link"
    link.symlink_to(tmp_path)
    for mask_dir in (tmp_path, f"{tmp_path}/.", link):
        with pytest.raises(
            ScanError, match=r"every image would be its own mask.*Pass mask_pat"
        ) as e:
            pairs_of(tmp_path, mask_dir=mask_dir)
        if suggested is not None:
            assert str(e.value).endswith(f" The names of files suggest mask_pattern={suggested!r}.")


def test_extensions_tell_images_from_masks(tmp_path):
    write(tmp_path, "s0.jpg", "s0.png", "s1.jpg", "s1.png")
    expected = {"s0.jpg": "s0.png", "s1.jpg": "s1.png"}
    assert pairs_of(tmp_path, mask_dir=tmp_path, extensions=[".jpg"]) == expected
    assert pairs_of(tmp_path, mask_pattern="{stem}.png") == expected


def test_masks_with_other_names_in_another_folder_suggest_a_pattern(tmp_path):
    write(tmp_path, "images/0.png", "images/1.png", "masks/0_mask.png", "masks/1_mask.png")
    with pytest.raises(ScanError, match=r"suggest mask_pattern='{stem}_mask'\.$"):
        pairs_of(tmp_path / "images", mask_dir=tmp_path / "masks")


def test_a_pattern_that_all_images_have_is_refused(tmp_path):
    write(tmp_path, "0.png", "1.png")
    with pytest.raises(ScanError, match=r"All of the 2 images .* named like masks, '{stem}\.png'"):
        pairs_of(tmp_path, mask_pattern="{stem}.png")


@pytest.mark.parametrize(
    "pattern",
    [
        *("_mask", "{}_mask", "{name}", "{stem}{stem}", "{stem}_{x}", "/m/{stem}", "{stem}/m", ""),
        *(3, b"{stem}", ("{stem}",), ("a", "{stem}"), ("a/{stem}", "{stem}_m")),
    ],
)
def test_other_patterns_are_refused(pattern):
    with pytest.raises(OptionError, match=r"^mask_pattern=.* such as '{stem}_mask'"):
        NamePattern.parse(pattern)


# Masks in a folder below that of the images.


def test_a_folder_of_masks_among_the_images_is_no_class_and_has_no_images(tmp_path):
    write(tmp_path, "cat/0.png", "dog/0.png", "masks/cat/0.png", "masks/dog/0.png")
    (tmp_path / "linked").symlink_to(tmp_path / "masks")
    for mask_dir in (tmp_path / "masks", tmp_path / "linked"):
        manifest = imggen.scan(tmp_path, mask_dir=mask_dir)
        assert manifest.class_names == ("cat", "dog")
        assert list(manifest.paths) == ["cat/0.png", "dog/0.png"]
    assert pairs_of(tmp_path, mask_dir=tmp_path / "masks") == {
        "cat/0.png": "masks/cat/0.png",
        "dog/0.png": "masks/dog/0.png",
    }


def test_a_folder_of_further_images_among_the_images_has_no_images(tmp_path):
    write(tmp_path, "0.png", "depth/0.png", "masks/0.png")
    manifest = imggen.scan(
        tmp_path, labels=None, mask_dir=tmp_path / "masks", input_dirs={"d": tmp_path / "depth"}
    )
    assert list(manifest.paths) == ["0.png"]
    assert list(manifest.inputs["d"]) == ["depth/0.png"]


# Splits that are folders.


def test_masks_go_with_splits_that_are_folders(tmp_path):
    paths = [f"{split}/{name}/0.png" for split in ("train", "valid") for name in ("cat", "dog")]
    write(tmp_path / "images", *paths)
    write(tmp_path / "masks", *paths)
    write(tmp_path / "depth", *paths)
    train, val = imggen.from_directory(
        tmp_path / "images",
        split="folders",
        mask_dir=tmp_path / "masks",
        input_dirs={"depth": tmp_path / "depth"},
        image_size=(4, 4),
    )
    assert list(train.manifest.masks) == ["../masks/train/cat/0.png", "../masks/train/dog/0.png"]
    assert list(val.manifest.masks) == ["../masks/valid/cat/0.png", "../masks/valid/dog/0.png"]
    assert val.manifest.labels.tolist() == [0, 1]
    assert next(iter(val.manifest.inputs["depth"])) == "../depth/valid/cat/0.png"
    x, y = val[0]
    assert (x["image"].shape, y.shape) == ((2, 4, 4, 3), (2, 4, 4, 1))


@pytest.mark.parametrize(
    ("image", "mask", "options"),
    [
        ("{}/0.png", "{}/0_mask.png", {"mask_pattern": "{stem}_mask"}),
        ("{}/images/0.png", "{}/masks/0.png", {"mask_pattern": "../masks/{stem}"}),
        ("{}/0.png", "masks/{}/0.png", {"mask_dir": "masks"}),
        ("{}/0.png", "masks/{}/0_m.png", {"mask_dir": "masks", "mask_pattern": "{stem}_m"}),
    ],
)
def test_splits_without_classes_have_masks(tmp_path, image, mask, options):
    for split in ("train", "val", "test"):
        write(tmp_path, image.format(split), mask.format(split))
    if "mask_dir" in options:
        options = {**options, "mask_dir": tmp_path / options["mask_dir"]}
    splits = imggen.from_directory(
        tmp_path, split="folders", labels=None, image_size=(4, 4), **options
    )
    for name, sequence in splits.as_dict().items():
        assert list(sequence.manifest.paths) == [image.format(name)]
        assert list(sequence.manifest.masks) == [mask.format(name)]
        assert sequence.manifest.labels is None


def test_splits_without_classes_need_no_masks(tmp_path):
    write(tmp_path, "train/0.png", "train/deep/1.png", "val/0.png", "stray.png")
    train, val = imggen.from_directory(tmp_path, split="folders", labels=None)
    assert list(train.manifest.paths) == ["train/0.png", "train/deep/1.png"]
    assert list(val.manifest.paths) == ["val/0.png"]
    assert train.manifest.skipped == {"image outside a split": 1}
    assert train.batch_maker.label_mode.name is None
    train, _ = imggen.from_directory(
        tmp_path, split="folders", labels=None, class_names={"cat": 1, "dog": 0}
    )
    assert train.class_names == ("dog", "cat")
