"""Boxes and keypoints follow the image: held to pixels that the same matrices move."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import imggen
from imggen.augment import (
    RandomFlip,
    RandomPerspective,
    RandomResizedCrop,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
    Sample,
)
from imggen.augment.positions import clip_boxes, move_boxes, move_keypoints
from imggen.augment.resampling import resample
from tests.helpers.augmenting import applied
from tests.helpers.cases import each_case

HEIGHT, WIDTH = SIZE = (36, 48)
# How many pixels there are to one when a picture is drawn in detail, and how far around it.
FINE, MARGIN = 4, 40

WAYS = {
    "top_left": [0.1, 0.05],
    "top_right": [0.02, 0.14],
    "bottom_right": [0.13, 0.0],
    "bottom_left": [0.07, 0.11],
}


def boxes_through(boxes, matrix, out_size=SIZE):
    return move_boxes(boxes, matrix, SIZE, out_size)


def through(points, matrix):
    return move_keypoints(points, matrix, SIZE)


def of(kind, size=SIZE, out_size=SIZE, **parameters):
    return kind.matrix(parameters, size, out_size)


FLIP = of(RandomFlip(), horizontal=True, vertical=False)
TURN = of(RandomRotation(), degrees=37.0)
LEAN = of(RandomShear(), x=25.0, y=-12.0)
CLOSER = of(RandomZoom(), scale=1.7, stretch=0.8)
ASIDE = of(RandomPerspective(), **WAYS)
# Of each move, the matrix and the size of what comes out.
MOVES = {
    "nothing": (np.eye(3), SIZE),
    "a flip": (FLIP, SIZE),
    "a flip upside down": (of(RandomFlip(), horizontal=False, vertical=True), SIZE),
    "both flips": (of(RandomFlip(), horizontal=True, vertical=True), SIZE),
    "a turn by 90": (of(RandomRotation(), degrees=90.0), SIZE),
    "a turn by 180": (of(RandomRotation(), degrees=180.0), SIZE),
    "a turn by -90": (of(RandomRotation(), degrees=-90.0), SIZE),
    "a turn": (TURN, SIZE),
    "a turn the other way": (of(RandomRotation(), degrees=-71.0), SIZE),
    "a shift": (of(RandomTranslation(), height=0.25, width=-0.125), SIZE),
    "a shift by parts of pixels": (of(RandomTranslation(), height=-0.11, width=0.17), SIZE),
    "a lean": (LEAN, SIZE),
    "a larger view": (CLOSER, SIZE),
    "a smaller view": (of(RandomZoom(), scale=0.4, stretch=1.3), SIZE),
    "a perspective": (ASIDE, SIZE),
    "a crop": (
        of(RandomResizedCrop(), out_size=(24, 24), top=5, left=7, height=20, width=31),
        (24, 24),
    ),
    "a crop that is enlarged": (
        of(RandomResizedCrop(), out_size=(60, 50), top=11, left=3, height=20, width=25),
        (60, 50),
    ),
    "several": (FLIP @ TURN @ LEAN @ CLOSER @ ASIDE, SIZE),
}
all_moves = pytest.mark.parametrize("name", MOVES)
# In whole quarters of pixels, which the drawings hold exactly.
BOXES = np.array(
    [
        [18.0, 12, 28, 20, 3],
        [2.0, 3, 9.5, 7.25, 1],
        [30.25, 1.5, 47, 14, 0],
        [5.0, 20, 11, 35.75, 2],
        [0.0, 0, 48, 36, 4],
    ]
)


def seen_through(drawing, matrix, size):
    """A drawing of the input in detail, as what a matrix shows of it, with a margin, in detail."""
    to_fine = np.array([[FINE, 0, FINE / 2 - 0.5], [0, FINE, FINE / 2 - 0.5], [0, 0, 1]])
    from_fine = np.array(
        [
            [1 / FINE, 0, 0.5 / FINE - 0.5 - MARGIN],
            [0, 1 / FINE, 0.5 / FINE - 0.5 - MARGIN],
            [0, 0, 1],
        ]
    )
    fine_size = ((size[0] + 2 * MARGIN) * FINE, (size[1] + 2 * MARGIN) * FINE)
    return resample(drawing, to_fine @ matrix @ from_fine, fine_size, fill_mode="constant")


def blank():
    return np.zeros((HEIGHT * FINE, WIDTH * FINE), np.float32)


def where_box_is(box, matrix, size):
    """(left, top, right, bottom) of a moved rectangle, found in the picture of it."""
    drawing = blank()
    left, top, right, bottom = (np.asarray(box[:4]) * FINE).astype(int)
    drawing[top:bottom, left:right] = 1
    y, x = np.nonzero(seen_through(drawing, matrix, size) > 0.5)
    return np.array([x.min(), y.min(), x.max() + 1, y.max() + 1]) / FINE - MARGIN


def disc_at(x, y, radius):
    """A disc in detail, about a place counted from the middle of the first pixel."""
    down, across = (np.mgrid[: HEIGHT * FINE, : WIDTH * FINE] + 0.5) / FINE - 0.5
    return np.clip(0.5 + FINE * (radius - np.hypot(across - x, down - y)), 0, 1).astype(np.float32)


def where_point_is(x, y, matrix, size, radius=0.75):
    """A moved point, and the area of a disc about it, found in the picture of it."""
    shown = seen_through(disc_at(x, y, radius), matrix, size).astype(np.float64)
    down, across = (np.mgrid[: shown.shape[0], : shown.shape[1]] + 0.5) / FINE - 0.5 - MARGIN
    mass = shown.sum()
    return (shown * across).sum() / mass, (shown * down).sum() / mass, mass / FINE**2


def turns_apart(one, other):
    """How far apart angles are, in radians, whichever way round."""
    return np.abs((np.asarray(one) - other + np.pi) % (2 * np.pi) - np.pi)


# Against pictures.


@all_moves
def test_a_box_is_around_the_pixels_that_were_in_it(name):
    matrix, size = MOVES[name]
    moved = boxes_through(BOXES, matrix, size)
    expected = np.array([[*where_box_is(box, matrix, size), box[4]] for box in BOXES])
    limits = [size[1], size[0]] * 2
    expected[:, :4] = expected[:, :4].clip(0, limits)
    sides = (expected[:, 2:4] - expected[:, :2]).min(axis=1)

    for box, side in zip(expected, sides, strict=True):
        found = moved[moved[:, 4] == box[4]]
        # Less than a pixel counts as nothing.
        assert len(found) == (side > 1) or abs(side - 1) < 0.3
        for row in found:
            np.testing.assert_allclose(row, box, atol=0.3)
    assert moved[:, 4].tolist() == [number for number in BOXES[:, 4] if number in moved[:, 4]]
    assert (sides > 1.3).sum() >= 3


@all_moves
def test_a_keypoint_is_where_its_pixel_is(name):
    matrix, size = MOVES[name]
    places = np.array([[24, 16], [5.25, 6], [40, 30.5], [12, 28], [33.3, 9.1]])
    points = np.column_stack([places, np.zeros((5, 2))])
    moved = through(points, matrix)

    for (x, y), found in zip(places, moved, strict=True):
        np.testing.assert_allclose(found[:2], where_point_is(x, y, matrix, size)[:2], atol=0.06)


@all_moves
def test_the_direction_of_a_keypoint_turns_with_the_image(name):
    matrix, size = MOVES[name]
    for angle in (0.0, 0.9, 2.5, -1.7):
        # Two discs on both sides of the point, and the line from the one to the other.
        ways = 2 * np.array([math.cos(angle), math.sin(angle)])
        tail, tip = (
            np.array(where_point_is(*(np.array([24.0, 17.0]) + way), matrix, size)[:2])
            for way in (-ways, ways)
        )
        across, down = tip - tail
        [moved] = through(np.array([[24.0, 17.0, angle, 1]]), matrix)
        assert turns_apart(moved[2], math.atan2(down, across)) < 0.04


@all_moves
def test_the_scale_of_a_keypoint_grows_with_the_image(name):
    matrix, size = MOVES[name]
    [moved] = through(np.array([[24.0, 17.0, 0, 5]]), matrix)
    before = where_point_is(24.0, 17.0, np.eye(3), SIZE, radius=2)[2]
    after = where_point_is(24.0, 17.0, matrix, size, radius=2)[2]

    assert moved[3] == pytest.approx(5 * math.sqrt(after / before), rel=0.03)


def test_a_pixel_alone_is_where_its_keypoint_is_to_the_pixel():
    # What moves pixels as they are.
    for name in ("a flip", "a flip upside down", "both flips", "a turn by 180", "a shift"):
        matrix, size = MOVES[name]
        image = np.zeros(SIZE, np.uint8)
        image[14, 31] = 255
        [[y, x]] = np.argwhere(resample(image, matrix, size, fill_mode="constant"))
        [moved] = through(np.array([[31.0, 14, 0, 0]]), matrix)

        np.testing.assert_allclose(moved[:2], [x, y], atol=1e-9)


def test_a_pixel_alone_is_all_that_is_in_its_box():
    for name in ("a flip", "a flip upside down", "both flips", "a turn by 180", "a shift"):
        matrix, size = MOVES[name]
        image = np.zeros(SIZE, np.uint8)
        image[14, 31] = 255
        [[y, x]] = np.argwhere(resample(image, matrix, size, fill_mode="constant"))
        [moved] = boxes_through(np.array([[31.0, 14, 32, 15, 6]]), matrix, size)

        np.testing.assert_allclose(moved, [x, y, x + 1, y + 1, 6], atol=1e-9)


def test_a_turn_of_a_square_by_90_is_exact():
    square = (36, 36)
    matrix = of(RandomRotation(), square, square, degrees=90.0)
    image = np.zeros(square, np.uint8)
    image[3:10, 20:33] = 255
    turned = np.argwhere(resample(image, matrix, square))
    [moved] = move_boxes(np.array([[20.0, 3, 33, 10, 0]]), matrix, square, square)

    np.testing.assert_array_equal(moved[:4], [*turned.min(0)[::-1], *(turned.max(0) + 1)[::-1]])
    assert moved[:4].tolist() == [3, 3, 10, 16]  # counter-clockwise


# Through whole pipelines.


EDGE = {"fill_mode": "constant", "mask_cval": 0}
PIPELINES = {
    "flips": RandomFlip("horizontal_and_vertical"),
    "rotation": RandomRotation((-180, 180), **EDGE),
    "translation": RandomTranslation((-0.4, 0.4), (-0.4, 0.4), **EDGE),
    "shear": RandomShear((-40, 40), (-30, 30), **EDGE),
    "zoom": RandomZoom((0.4, 2.5), (0.6, 1.6), **EDGE),
    "perspective": RandomPerspective((0.3, 0.6), **EDGE),
    "crop": RandomResizedCrop((0.2, 1.0)),
    "several": [RandomFlip(), RandomRotation(**EDGE), RandomShear(**EDGE), RandomZoom(**EDGE)],
    "a crop among others": [RandomRotation(**EDGE), RandomResizedCrop((0.4, 1.0)), RandomFlip()],
    "with colors between": [
        RandomRotation(**EDGE),
        imggen.augment.RandomHue(),
        RandomShear(**EDGE),
    ],
    "with others' between": [
        RandomRotation(**EDGE),
        imggen.augment.RandomErasing(),
        RandomZoom(**EDGE),
    ],
    "RandAugment": imggen.augment.RandAugment(3, 15, fill_mode="constant"),
    "TrivialAugment": imggen.augment.TrivialAugment(fill_mode="constant"),
}


def marked(seed):
    """A sample whose mask holds a rectangle of class 1 with its box, and discs 2, 3, 4, 5."""
    rng = np.random.default_rng(seed)
    left, top = rng.integers(16, [60, 40])
    width, height = rng.integers(14, 28, 2)
    mask = np.zeros((80, 104), np.uint8)
    mask[top : top + height, left : left + width] = 1
    boxes = np.array([[left, top, left + width, top + height, 7.0]])
    return Sample(mask[..., None].repeat(3, 2) * np.uint8(200), (mask,), boxes=boxes)


@pytest.mark.parametrize("name", PIPELINES)
def test_in_a_pipeline_a_box_stays_around_what_is_in_it(name):
    whole = 0
    for seed in range(25):
        sample = applied(PIPELINES[name], marked(seed), seed).sample
        y, x = np.nonzero(sample.masks[0])
        if not len(x):
            continue
        found = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])
        if not len(sample.boxes):
            # What is hardly there may slip between pixels, but not the other way round.
            assert (found[2:] - found[:2]).min() <= 2
            continue
        [[*box, number]] = sample.boxes
        assert number == 7
        # Nothing sticks out; and where all of it is to be seen, nothing is to spare.
        assert (found[:2] - box[:2] > -1).all()
        assert (box[2:] - found[2:] > -1).all()
        if found.min() > 1 and found[2] < 103 and found[3] < 79:
            whole += 1
            merged = len(PIPELINES[name]) if isinstance(PIPELINES[name], list) else 1
            is_one = merged == 1 or name in ("several", "a crop among others")
            assert np.abs(found - box).max() < (1.6 if is_one else 12)
    assert whole >= 5


@each_case("name", [*PIPELINES, "light", "medium", "strong"])
def test_in_a_pipeline_a_keypoint_stays_on_its_mark(name):
    places = np.array([[20, 15], [80, 20], [30, 62], [77, 55], [52, 40]])
    mask = np.zeros((80, 104), np.uint8)
    down, across = np.mgrid[:80, :104]
    for number, (x, y) in enumerate(places, 1):
        mask[np.hypot(across - x, down - y) < 4.5] = number
    points = np.column_stack([places, np.zeros((5, 2))]).astype(np.float64)
    image = np.full((80, 104, 3), 90, np.uint8)
    on_mark = 0
    for seed in range(25):
        sample = applied(PIPELINES.get(name, name), Sample(image, (mask,), (), None, points), seed)
        assert sample.sample.keypoints.shape == (5, 4)
        for number, (x, y) in enumerate(sample.sample.keypoints[:, :2], 1):
            if 1 < x < 102 and 1 < y < 78:
                on_mark += 1
                assert sample.sample.masks[0][round(y), round(x)] == number
    assert on_mark > 60


def test_what_is_given_is_left_as_it_is():
    for augment in PIPELINES.values():
        sample = marked(0)
        points = np.array([[3.0, 4, 5, 6], [np.nan] * 4])
        given_sample = Sample(sample.image, sample.masks, (), sample.boxes, points)
        before = given_sample.copy()
        for seed in range(3):
            applied(augment, given_sample, seed)
            np.testing.assert_array_equal(given_sample.boxes, before.boxes)
            np.testing.assert_array_equal(given_sample.keypoints, before.keypoints)


def in_the_middle(augment, seed):
    """A sample whose middle is marked, with a box and a keypoint there."""
    image = np.zeros((96, 128, 1), np.uint8)
    image[38:58, 54:74] = 255
    boxes = np.array([[54.0, 38, 74, 58, 0]])
    points = np.array([[63.5, 47.5, 0, 1]])
    return applied(augment, Sample(image, (), (), boxes, points), seed).sample


def check_the_middle(sample, within=1.6):
    y, x = np.nonzero(sample.image[..., 0] > 127)
    assert len(x) > 4
    found = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])
    assert sample.image[round(sample.keypoints[0, 1]), round(sample.keypoints[0, 0]), 0] > 127
    assert len(sample.boxes) == 1
    np.testing.assert_allclose(sample.boxes[0, :4], found, atol=within)


def test_a_perspective_that_is_not_extreme_keeps_what_it_shows():
    for seed in range(40):
        check_the_middle(in_the_middle(RandomPerspective((0.6, 0.6), fill_mode="constant"), seed))


def test_an_extreme_perspective_keeps_what_it_shows():
    for seed in range(60):
        check_the_middle(in_the_middle(RandomPerspective((0.9, 0.9), fill_mode="constant"), seed))


def test_an_extreme_perspective_among_others_keeps_what_it_shows():
    aside = RandomPerspective((0.9, 0.9), fill_mode="constant")
    shift = RandomTranslation((-0.3, 0.3), (-0.3, 0.3), fill_mode="constant")
    for steps in ([aside, shift], [shift, aside], [shift, aside, aside, shift]):
        shown = 0
        for seed in range(150):
            sample = in_the_middle(steps, seed)
            y, x = np.nonzero(sample.image[..., 0] > 127)
            if len(x) > 9 and x.min() > 0 and y.min() > 0 and x.max() < 127 and y.max() < 95:
                check_the_middle(sample, within=6)  # tips are too thin to be seen
                shown += 1
        assert shown > 40


@pytest.mark.parametrize("factor", [2.0, 0.001, -1.0, -700.0])
def test_a_matrix_times_a_number_moves_alike(factor):
    points = np.array([[5.0, 6, 1, 2], [40, 30, -1, 1]])

    for matrix in (ASIDE, FLIP, TURN):
        np.testing.assert_allclose(
            boxes_through(BOXES, matrix * factor, SIZE),
            boxes_through(BOXES, matrix, SIZE),
            atol=1e-9,
        )
        np.testing.assert_allclose(through(points, matrix * factor), through(points, matrix))


# Properties.

numbers = st.floats(-1, 1, width=32)
places = st.tuples(st.floats(0, WIDTH - 1), st.floats(0, HEIGHT - 1))
points = st.lists(
    st.tuples(st.floats(0, WIDTH), st.floats(0, HEIGHT), st.floats(-7, 7), st.floats(0.1, 9)),
    max_size=5,
).map(lambda rows: np.array(rows, np.float64).reshape(-1, 4))


@st.composite
def single_moves(draw):
    kind = draw(st.sampled_from(["flip", "turn", "shift", "lean", "zoom", "perspective", "crop"]))
    a, b = draw(numbers), draw(numbers)
    if kind == "flip":
        return of(RandomFlip(), horizontal=a > 0, vertical=b > 0)
    if kind == "turn":
        return of(RandomRotation(), degrees=180 * a)
    if kind == "shift":
        return of(RandomTranslation(), height=a / 2, width=b / 2)
    if kind == "lean":
        return of(RandomShear(), x=40 * a, y=20 * b)
    if kind == "zoom":
        return of(RandomZoom(), scale=2**a, stretch=1.5**b)
    if kind == "crop":
        window = {"top": 3, "left": 4, "height": round(22 + 8 * a), "width": round(30 + 10 * b)}
        return of(RandomResizedCrop(), **window)
    corners = ("top_left", "top_right", "bottom_right", "bottom_left")
    ways = {name: [0.075 * (1 + draw(numbers)), 0.075 * (1 + draw(numbers))] for name in corners}
    return of(RandomPerspective(), **ways)


@st.composite
def boxes_anywhere(draw):
    rows = []
    for number in range(draw(st.integers(0, 4))):
        left, top = draw(st.tuples(st.floats(-20, WIDTH - 2), st.floats(-20, HEIGHT - 2)))
        width, height = draw(st.tuples(st.floats(0.5, 60), st.floats(0.5, 60)))
        rows.append([left, top, left + width, top + height, number])
    return np.array(rows, np.float64).reshape(-1, 5)


many = settings(max_examples=120, deadline=None)


def check_same_points(one, other):
    np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
    np.testing.assert_allclose(one[:, [0, 1, 3]], other[:, [0, 1, 3]], rtol=1e-6, atol=1e-6)
    assert (turns_apart(one[:, 2], other[:, 2]) < 1e-5).all()


@many
@given(rows=points, first=single_moves(), second=single_moves())
def test_two_moves_one_after_the_other_are_their_product(rows, first, second):
    apart = through(through(rows, first), second)
    assume(not np.isnan(apart).any())

    check_same_points(apart, through(rows, first @ second))


@many
@given(rows=points, first=single_moves(), second=single_moves())
def test_the_inverse_brings_keypoints_back(rows, first, second):
    matrix = first @ second
    moved = through(rows, matrix)
    assume(not np.isnan(moved).any())

    check_same_points(through(moved, np.linalg.inv(matrix)), rows)


@many
@given(rows=points, matrix=single_moves())
def test_an_angle_points_to_what_was_a_short_way_off(rows, matrix):
    way = 1e-5
    ahead = rows.copy()
    ahead[:, 0] += way * np.cos(rows[:, 2])
    ahead[:, 1] += way * np.sin(rows[:, 2])
    moved, moved_ahead = through(rows, matrix), through(ahead, matrix)
    across, down = (moved_ahead - moved)[:, :2].T

    assert (turns_apart(moved[:, 2], np.arctan2(down, across)) < 1e-3).all()


@many
@given(rows=points, matrix=single_moves())
def test_a_scale_grows_as_the_area_around(rows, matrix):
    way = 1e-4
    corners = [rows + np.array([dx, dy, 0, 0]) * way for dx, dy in ((0, 0), (1, 0), (0, 1))]
    middle, right, below = (through(corner, matrix)[:, :2] for corner in corners)
    one, other = (right - middle) / way, (below - middle) / way
    areas = np.abs(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0])

    moved = through(rows, matrix)
    np.testing.assert_allclose(moved[:, 3], rows[:, 3] * np.sqrt(areas), rtol=1e-3)


@many
@given(boxes=boxes_anywhere(), matrix=single_moves())
def test_moved_boxes_lie_in_the_image_in_their_order(boxes, matrix):
    moved = boxes_through(boxes, matrix)

    assert moved.shape[1:] == (5,)
    assert moved.dtype == np.float64
    assert moved.flags.c_contiguous
    assert (moved[:, :4] >= 0).all()
    assert (moved[:, :4] <= [WIDTH, HEIGHT, WIDTH, HEIGHT]).all()
    assert (moved[:, 2:4] > moved[:, :2]).all()
    assert (np.diff(moved[:, 4]) > 0).all()  # as they were numbered


@many
@given(
    boxes=boxes_anywhere(),
    matrix=single_moves(),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_what_is_in_a_box_stays_in_it_as_far_as_it_is_shown(boxes, matrix, shares):
    moved = boxes_through(boxes, matrix)
    for box in boxes:
        x, y = box[:2] + np.array(shares) * (box[2:4] - box[:2])
        # Boxes count from the corner of the first pixel, keypoints from its middle.
        [[to_x, to_y, *_]] = through(np.array([[x - 0.5, y - 0.5, 0, 0]]), matrix) + 0.5
        if 0.01 < to_x < WIDTH - 0.01 and 0.01 < to_y < HEIGHT - 0.01:
            for left, top, right, bottom, _ in moved[moved[:, 4] == box[4]]:
                assert left - 1e-6 <= to_x <= right + 1e-6
                assert top - 1e-6 <= to_y <= bottom + 1e-6


@many
@given(boxes=boxes_anywhere(), matrix=single_moves())
def test_each_side_of_a_box_touches_one_of_its_corners_or_the_edge(boxes, matrix):
    for box in boxes_through(boxes, matrix):
        [[left, top, right, bottom, _]] = boxes[boxes[:, 4] == box[4]]
        corners = [(x, y) for x in (left, right) for y in (top, bottom)]
        places = np.array([[x - 0.5, y - 0.5, 0, 0] for x, y in corners])
        moved = through(places, matrix)[:, :2] + 0.5
        for side, limit in enumerate((0, 0, WIDTH, HEIGHT)):
            ends = [*moved[:, side % 2], limit]
            assert np.abs(np.array(ends) - box[side]).min() < 1e-6


@many
@given(boxes=boxes_anywhere())
def test_boxes_that_are_clipped_again_stay(boxes):
    once = clip_boxes(boxes, SIZE)

    np.testing.assert_array_equal(clip_boxes(once, SIZE), once)
    for box in boxes:
        sides = np.minimum(box[2:4], [WIDTH, HEIGHT]) - np.maximum(box[:2], 0)
        assume(not 0.99 < sides.min() < 1.01)  # less than a pixel counts as nothing
        assert (sides > 1).all() == (box[4] in once[:, 4])


def test_what_flips_and_shifts_boxes_moves_them_one_after_the_other():
    shift = of(RandomTranslation(), height=0.1, width=0.05)
    inner = np.array([[10.0, 8, 22, 19, 1], [14, 12, 30, 25, 0]])
    apart = boxes_through(boxes_through(inner, FLIP), shift)

    np.testing.assert_allclose(apart, boxes_through(inner, FLIP @ shift))


# What is not known, or not there.


def test_points_that_are_not_known_stay_unknown_and_the_others_where_they_are():
    known = np.array([[5.0, 6, 1, 2], [7, 8, 0, 1]])
    rows = np.insert(known, 1, np.nan, axis=0)
    for matrix, _ in MOVES.values():
        moved = through(rows, matrix)

        assert np.isnan(moved[1]).all()
        np.testing.assert_allclose(moved[[0, 2]], through(known, matrix))


def test_points_beyond_the_edge_are_moved_too():
    moved = through(np.array([[-10.0, 100, 0, 0]]), FLIP)

    assert moved[0, :2].tolist() == [WIDTH - 1 + 10, 100]


@all_moves
def test_without_boxes_and_points_there_are_none(name):
    matrix, size = MOVES[name]

    assert boxes_through(np.empty((0, 5)), matrix, size).shape == (0, 5)
    assert through(np.empty((0, 4)), matrix).shape == (0, 4)


@pytest.mark.parametrize("x", [40.0, 41.0, 100.0])
def test_points_behind_the_one_who_looks_are_not_known(x):
    towards = np.array([[1.0, 0, 0], [0, 1, 0], [0.025, 0, 1]])  # the horizon is at 40
    moved = through(np.array([[x, 3, 0, 1], [20, 3, 0, 1]]), towards)

    assert np.isnan(moved[0]).all()
    assert not np.isnan(moved[1]).any()
    np.testing.assert_allclose(moved[1, :2], [40, 6])


def test_of_a_box_beyond_the_edge_nothing_is_left():
    shift = of(RandomTranslation(), height=0.0, width=0.5)
    boxes = np.array([[30.0, 5, 40, 9, 1], [2, 5, 9, 9, 0], [20, 5, 30, 9, 2]])

    assert boxes_through(boxes, shift).tolist() == [[26, 5, 33, 9, 0], [44, 5, 48, 9, 2]]


def test_of_a_box_at_least_a_pixel_is_left_or_nothing():
    shift = of(RandomTranslation(), height=0.0, width=18 / 48)
    boxes = np.array([[30.0, 5, 40, 9, 1], [29.999999, 5, 40, 9, 2], [29.2, 5, 40, 9, 3]])
    one_pixel = np.array([[29.0, 5, 40, 9, 4], [3, 5, 20, 6, 5]])

    assert boxes_through(boxes, shift).tolist() == []
    assert boxes_through(one_pixel, shift).tolist() == [[47, 5, 48, 9, 4], [21, 5, 38, 6, 5]]
