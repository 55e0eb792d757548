"""The gallery: every augmentation and preset on one image, over its range."""

import dataclasses
from typing import Annotated, final

import numpy as np
import pytest
from PIL import Image

import imggen
from imggen.augment import AUGMENTATIONS, PRESETS, BuiltIn, Mixer, option_constraints
from imggen.augment.builtin import SingleOp
from imggen.augment.operations import FilterOp
from imggen.augment.options import Choice, Range, RangeBounds, span
from imggen.errors import ImageError, OptionError
from imggen.preview import make_gallery
from imggen.preview.example_image import draw_boat, draw_house
from imggen.reports import gallery_page
from tests.helpers.cases import case
from tests.helpers.pages import Page


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A file of 24 x 18 pixels."""
    file = tmp_path_factory.mktemp("gallery") / '<b>small & "odd".png'
    Image.fromarray(draw_house()).resize((24, 18)).save(file)
    return str(file)


@pytest.fixture(scope="module")
def gallery(small):
    return make_gallery(small)


def exhibits(gallery):
    return {shown.name: shown for group in gallery.groups.values() for shown in group}


def test_every_public_augmentation_and_preset_is_in_the_gallery(gallery):
    public = {
        name
        for name in imggen.augment.__all__
        if isinstance(kind := getattr(imggen.augment, name), type)
        and issubclass(kind, BuiltIn | Mixer)
        and getattr(kind, "__final__", False)
    }
    assert len(public) > 30
    assert set(exhibits(gallery)) == public
    assert [preset.name for preset in gallery.presets] == ["light", "medium", "strong"]
    for preset in gallery.presets:
        steps = [eval(f"imggen.augment.{line}") for line in preset.details]
        assert tuple(steps) == PRESETS[preset.name]


def test_the_line_to_copy_creates_the_augmentation_and_names_its_options(gallery):
    for name, shown in exhibits(gallery).items():
        with case(name):
            kind = AUGMENTATIONS[name]
            assert eval(shown.line) == kind()
            assert shown.summary.endswith(".")
            described = {strip.option for strip in shown.strips} - {""}
            others = {detail.partition("=")[0] for detail in shown.details}
            options = {field.name for field in dataclasses.fields(kind)}
            assert described | others | ({"p"} if "p=" in shown.line else set()) == options
            assert all(strip.text for strip in shown.strips if strip.option)


def test_pictures_cover_the_default_range_and_more(gallery):
    for name, shown in exhibits(gallery).items():
        for strip in shown.strips:
            with case((name, strip.option)):
                assert any(picture.is_default for picture in strip.pictures) or not strip.pictures
                captions = [picture.caption for picture in strip.pictures]
                assert len(set(captions)) == len(captions) or not strip.option
                constraint = option_constraints(AUGMENTATIONS[name]).get(strip.option)
                if isinstance(constraint, Choice):
                    assert [caption[0] for caption in captions] == list(constraint.choices)
                if isinstance(constraint, RangeBounds):
                    low, high = getattr(AUGMENTATIONS[name](), strip.option)
                    values = [float(caption[0].rstrip("°px %")) for caption in captions]
                    assert values == sorted(values)
                    assert any(value == pytest.approx(low, rel=0.01) for value in values)
                    assert any(value == pytest.approx(high, rel=0.01) for value in values)
                    assert constraint.minimum <= values[0] < low or low == constraint.minimum
                    assert high < values[-1] <= constraint.maximum or high == constraint.maximum


def test_a_picture_is_that_of_the_augmentation_with_its_value(gallery):
    (strip,) = exhibits(gallery)["RandomRotation"].strips
    for picture, degrees in zip(strip.pictures, (-60, -20, -10, 0, 10, 20, 60), strict=True):
        rotate = imggen.augment.RandomRotation((degrees, degrees))
        expected = rotate(gallery.image, np.random.default_rng(0))
        np.testing.assert_array_equal(picture.image, expected)
        assert picture.is_default == (abs(degrees) <= 20)
    whole, _, half = exhibits(gallery)["RandomFlip"].strips[0].pictures
    np.testing.assert_array_equal(whole.image, gallery.image[:, ::-1])
    np.testing.assert_array_equal(half.image, gallery.image[::-1, ::-1])


def test_an_augmentation_that_is_registered_appears_by_itself(small, monkeypatch):
    @final
    @dataclasses.dataclass(frozen=True)
    class RandomFog(SingleOp, FilterOp):
        """Makes images pale.

        Attributes:
            density: (low, high) of the density.
        """

        density: Annotated[Range, RangeBounds(0, 1)] = span(0.25, 0.5)

        def draw(self, size, rng):
            return {"density": self.density[0]}

        def apply(self, image, parameters):
            return image + np.uint8(parameters["density"] * 9)

    monkeypatch.setitem(AUGMENTATIONS, "RandomFog", RandomFog)
    found = make_gallery(small)
    (fog,) = found.groups["Test gallery"]
    assert fog.line == "imggen.augment.RandomFog(density=(0.25, 0.5))"
    (strip,) = fog.strips
    assert strip.text == "(low, high) of the density."
    captions = [picture.caption[0] for picture in strip.pictures]
    assert captions == ["0.125", "0.25", "0.312", "0.375", "0.438", "0.5", "0.75"]
    assert 'id="RandomFog"' in gallery_page(found)


def test_every_kind_of_image_is_shown(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    color = Image.fromarray(pixels)
    deep = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    images = {
        "gray.png": color.convert("L"),
        "alpha.png": color.convert("RGBA"),
        "deep.png": deep,
        "palette.gif": color.convert("P"),
        "cmyk.jpg": color.convert("CMYK"),
        "dot.png": color.resize((1, 1)),
        "wide.png": color.resize((600, 2)),
        "tall.png": color.resize((1, 300)),
    }
    for name, image in images.items():
        with case(name):
            image.save(tmp_path / name)
            found = make_gallery(str(tmp_path / name))
            assert max(found.image.shape[:2]) <= 256
            assert found.is_gray == (name in ("gray.png", "deep.png"))
            assert set(exhibits(found)) == set(AUGMENTATIONS)


def test_what_is_not_an_image_is_named(tmp_path):
    (tmp_path / "notes.jpg").write_text("notes")
    with pytest.raises(ImageError, match=r"notes\.jpg"):
        make_gallery(str(tmp_path / "notes.jpg"))
    with pytest.raises(OptionError, match="is a folder"):
        make_gallery(str(tmp_path))


def test_the_page_is_one_file_whose_pictures_are_described(gallery, small):
    text = gallery_page(gallery)
    page = Page(text)
    assert not page.open
    pictures = page.all("img")
    assert len(pictures) > 200
    assert all(picture["alt"] and picture["src"].startswith("data:") for picture in pictures)
    assert "RandomRotation: degrees -20°" in {picture["alt"] for picture in pictures}
    anchors = {found["href"] for found in page.all("a")}
    assert anchors == {f"#{found['id']}" for _, found in page.elements if "id" in found}
    assert "<b>small" not in text
    assert "http" not in text
    names = {found["aria-label"] for found in page.all("button")}
    assert names == {
        f"Copy the line of {name}" for name in [*AUGMENTATIONS, "light", "medium", "strong"]
    }


def test_without_a_file_an_example_of_many_colors_and_no_symmetry_is_used():
    for image in (draw_house(), draw_boat()):
        assert (image.shape, image.dtype) == ((384, 512, 3), np.uint8)
        assert image.min() < 40
        assert image.max() == 255
        for mirrored in (image[::-1], image[:, ::-1]):
            assert np.abs(image - mirrored.astype(float)).mean() > 20
    assert (draw_house() == draw_house()).all()
