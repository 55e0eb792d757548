"""The layout of sheets, as data: nothing overlaps, nothing is cut off, and pixels stay pixels."""

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from imggen.augment import Sample
from imggen.preview.layout import Cell, Note, draw_layout, font_size, lay_out
from imggen.preview.opencv_font import load_opencv_font
from imggen.preview.sample_drawing import draw_image, draw_sample
from imggen.preview.typeface import ELLIPSIS, typeface

NAMES = [
    "cat",
    "n02669723_academic_gown_with_a_very_long_name_that_goes_on",
    "Schäferhund und noch ein Wort",
    "кошка",
    "猫科動物猫科動物猫科動物",
    "قطة سوداء",
    "🐈" * 9,
    "a\nb\tc",
    "W" * 80,
    "",
]


def overlap(first, second) -> bool:
    left, top, right, bottom = first
    return not (second[2] <= left or right <= second[0] or second[3] <= top or bottom <= second[1])


def inside(inner, outer) -> bool:
    return all(a >= b for a, b in zip(inner[:2], outer[:2], strict=True)) and all(
        a <= b for a, b in zip(inner[2:], outer[2:], strict=True)
    )


notes = st.lists(
    st.builds(
        Note,
        st.one_of(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES[:5]), max_size=9)),
        max_lines=st.integers(1, 4),
        mark=st.sampled_from([None, True, False]),
    ),
    max_size=3,
)
cells_of = st.lists(
    st.builds(
        lambda width, height, notes: Cell(Image.new("RGB", (width, height)), notes),
        st.integers(1, 150),
        st.integers(1, 150),
        notes,
    ),
    min_size=1,
    max_size=9,
)


@example(cells=[Cell(Image.new("RGB", (1, 1)))], columns=None, side=28, extra="🐈" * 9)
@settings(max_examples=60, deadline=None)
@given(
    cells=cells_of,
    columns=st.one_of(st.none(), st.integers(1, 4)),
    side=st.sampled_from([28, 128, 400]),
    extra=st.sampled_from(NAMES),
)
def test_pictures_and_lines_are_inside_their_cells_and_overlap_nothing(cells, columns, side, extra):
    layout = lay_out(cells, columns, side, header=[Note(extra)], footer=[Note(extra, max_lines=3)])
    sheet = (0, 0, *layout.size)

    boxes = [cell.box for cell in layout.cells]
    outside = [line.box for line in layout.lines]
    for first, second in itertools.combinations([*boxes, *outside], 2):
        assert not overlap(first, second)
    for placed, cell in zip(layout.cells, cells, strict=True):
        own = [placed.picture_box, *(line.box for line in placed.lines)]
        assert all(inside(box, placed.box) for box in own)
        assert not any(overlap(*pair) for pair in itertools.combinations(own, 2))
        left, top, right, bottom = placed.picture_box
        assert (right - left, bottom - top) == cell.picture.size
    # A sheet of one narrow picture may have no room for a character.
    face = typeface(font_size(side))
    has_room = all(face.width(each) <= layout.size[0] - 2 * face.size for each in extra)
    assert all(inside(box, sheet) for box in [*boxes, *(outside if has_room else ())])


def test_a_line_is_as_wide_as_it_is_drawn():
    for name in NAMES[:7]:
        cells = [Cell(Image.new("RGB", (300, 4)), [Note(name, max_lines=1)])]
        layout = lay_out(cells, 1, 128)
        sheet = np.asarray(draw_layout(layout, [cell.picture for cell in cells]))
        left, top, right, bottom = layout.cells[0].lines[0].box
        ink = (sheet < 255).any(axis=2)
        ink[:top] = False  # the picture
        assert ink[top:bottom, left:right].any()
        assert not ink[:, : left - 1].any()
        assert not ink[:, right + 1 :].any()
        assert not ink[bottom:].any()


def test_what_does_not_fit_is_shortened_in_its_middle_with_an_ellipsis():
    face = typeface(12)
    name = "n02669723_academic_gown_0123456789.jpg"
    short = face.shorten(name, 100)
    start, end = short.split(ELLIPSIS)
    assert face.width(short) <= 100
    assert name.startswith(start)
    assert name.endswith(end)
    assert len(start) >= 3 <= len(end)
    assert face.shorten(name, 1000) == name
    lines = face.wrap(name * 4, 100, 2)
    assert len(lines) == 2
    assert ELLIPSIS in "".join(lines)
    assert "".join(face.wrap(name, 100, 9)) == name  # without an ellipsis where there is room


def test_phrases_that_do_not_fit_are_counted():
    face = typeface(12)
    phrases = ["rotate 12.3°", "brightness +0.12", "contrast +0.05", "flip left-right"]
    assert face.wrap_phrases(phrases, 5000, 1) == [", ".join(phrases)]
    for width in (110, 160):
        lines = face.wrap_phrases(phrases, width, 2)
        shown = [phrase for phrase in phrases if any(phrase in line for line in lines)]
        assert len(lines) <= 2
        assert shown
        assert lines[-1].endswith(f"{ELLIPSIS} {len(phrases) - len(shown)} more")
    assert face.wrap_phrases([], 100, 3) == []


def test_a_phrase_that_is_too_long_is_shortened_and_signs_stay_with_their_numbers():
    face = typeface(12)
    (line,) = face.wrap_phrases(["class_" * 30, "b"], 100, 1)
    assert line.startswith("class_")
    assert ELLIPSIS in line
    for width in range(30, 120):
        assert not any(line.endswith("-") for line in face.wrap("x -1.13 y -20.5", width, 9)[:-1])


def test_letters_that_no_font_has_are_written_as_plain_ones_or_escapes():
    from imggen.preview import typeface as module

    assert [module._plain(letter) for letter in "é×ﬁ猫"] == ["e", "x", "fi", "\\u732b"]


def test_a_font_has_combining_letters_only_with_the_letters_that_they_combine_with():
    from imggen.preview import typeface as module

    for number in range(module._NUM_FONTS):
        if module._load(number, module._PROBE) is not None:
            # Fonts without them draw a dotted circle and the box of missing letters.
            for mark, letter in (("\u093f", "\u0939"), ("\u0e35", "\u0e01")):
                assert module._has(number, mark) <= module._has(number, letter)


def test_images_are_enlarged_by_the_largest_whole_factor_that_fits():
    rng = np.random.default_rng(0)
    for (height, width), cell, factor in [
        ((28, 28), 128, 4),
        ((28, 20), 28, 1),
        ((7, 3), 50, 7),
        ((100, 60), 160, 1),
        ((1, 1), 9, 9),
    ]:
        for channels in (1, 3):
            pixels = rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
            expected = np.broadcast_to(pixels, (height, width, 3))
            expected = expected.repeat(factor, axis=0).repeat(factor, axis=1)
            drawn = np.asarray(draw_image(pixels, cell))
            np.testing.assert_array_equal(drawn, expected, strict=True)


def test_large_images_are_reduced_to_the_cell():
    pixels = np.zeros((300, 400, 3), np.uint8)
    assert draw_image(pixels, 160).size == (160, 120)
    assert draw_image(np.zeros((2, 5000, 3), np.uint8), 100).size == (100, 1)


def test_a_mask_leaves_transparent_parts_transparent():
    image = np.zeros((2, 2, 4), np.uint8)
    image[0] = (100, 100, 100, 255)
    image[1] = (7, 8, 9, 0)  # a transparent pixel has a color, too
    mask = np.array([[0, 1], [0, 1]], np.uint8)
    drawn = np.asarray(draw_sample(Sample(image, (mask,)), 32)).astype(int)

    assert (drawn[:16, :16] == 100).all()
    assert set(np.unique(drawn[16:, :16])) == {216, 255}  # the checkerboard
    # Half of the first color, which is (255, 80, 0).
    np.testing.assert_allclose(drawn[:16, 16:], np.full((16, 16, 3), (177, 90, 50)), atol=1)
    colors = np.unique(drawn[16:, 16:].reshape(-1, 3), axis=0)
    np.testing.assert_allclose(colors, [(235, 148, 108), (255, 167, 127)], atol=1)


def test_the_name_of_a_box_stays_inside_the_picture():
    image = np.zeros((60, 60, 3), np.uint8)
    boxes = np.array([[50.0, 40.0, 59.0, 59.0, 0]])
    drawn = np.asarray(draw_sample(Sample(image, boxes=boxes), 60, ["a very long class name"]))
    (rows, cols) = np.nonzero(drawn.any(axis=2))
    assert 30 <= cols.min() < 50  # moved to the left as far as it needs
    assert rows.min() >= 20


def test_the_names_of_boxes_do_not_cover_each_other():
    image = np.zeros((160, 160, 3), np.uint8)
    colors = [(255, 80, 0), (0, 150, 255)]
    areas = []
    for boxes in ([[40, 50, 100, 90, 0]], [[40, 50, 100, 90, 0], [45, 52, 104, 92, 1]]):
        sample = Sample(image, boxes=np.array(boxes, np.float64))
        drawn = np.asarray(draw_sample(sample, 160, ["first", "second"]))
        bare = np.asarray(draw_sample(sample, 160))
        names = (drawn != bare).any(axis=2)
        areas.append([int((names & (drawn == color).all(axis=2)).sum()) for color in colors])
    assert areas[0][0] == areas[1][0] > 100  # is not covered
    assert areas[1][1] > 100


def test_columns_and_groups():
    cells = [Cell(Image.new("RGB", (100, 100))) for _ in range(12)]

    def shape(**options):
        layout = lay_out(cells, options.pop("columns", None), 100, **options)
        tops = [cell.box[1] for cell in layout.cells]
        return [tops.count(top) for top in sorted(set(tops))]

    assert shape() == [6, 6]  # even rows
    assert shape(columns=5) == [5, 5, 2]
    assert shape(columns=99) == [12]
    assert shape(group=2) == [6, 6]
    assert shape(columns=1, group=2) == [2] * 6


def test_the_font_of_opencv_draws_what_it_measures():
    font = load_opencv_font(16)
    if font is None:
        pytest.skip("OpenCV is older than 5")
    assert [font.has(letter) for letter in "aé猫Ж☃ق\U0010fffe"] == [True] * 4 + [False] * 3
    for text in ("é", "кошка ", "猫 cat"):
        sheet = Image.new("L", (200, 60))
        font.draw(ImageDraw.Draw(sheet), (50, 30), text, 255)
        (cols,) = np.nonzero(np.asarray(sheet).any(axis=0))
        assert cols.min() >= 49
        assert 50 + font.getlength(text.rstrip()) - 4 <= cols.max() <= 51 + font.getlength(text)
    assert font.getlength("a b") == font.getlength("a ") + font.getlength("b")


def test_the_gap_between_groups_is_wider_than_within_them():
    cells = [Cell(Image.new("RGB", (40, 40)), [Note("true")]) for _ in range(4)]
    lefts = [cell.box[0] for cell in lay_out(cells, 2, 40, group=2).cells]
    steps = np.diff(lefts)
    assert steps[0] == steps[2] < steps[1]
