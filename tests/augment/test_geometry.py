"""Flips, rotation, translation, shear, zoom, perspective: where each pixel goes, and its mask."""

import math

import numpy as np
import pytest
from PIL import Image

from imggen.augment import (
    RandAugment,
    RandomBrightness,
    RandomFlip,
    RandomPerspective,
    RandomResizedCrop,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
    Sample,
    TrivialAugment,
)
from imggen.augment.execution import apply_operations
from imggen.augment.operations import GeometryOp, Operation
from tests.helpers.cases import each_case
from tests.helpers.resampling import (
    PICTURES,
    SCIPY_MODES,
    SIZE,
    by_scipy,
    coordinates,
    farthest,
    noise,
    precise,
)

SEEDS = range(20)
SQUARE = noise(32, 32, 3)


def rng(seed=0):
    return np.random.default_rng(seed)


# Where each pixel goes, by formulas of our own: from the input to the output, y downwards


def about_the_middle(linear, size):
    middle = np.eye(3)
    middle[:2, 2] = (size[1] - 1) / 2, (size[0] - 1) / 2
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    return middle @ matrix @ np.linalg.inv(middle)


def rotated(drawn, size):
    angle = np.deg2rad(drawn["degrees"])
    # Counter-clockwise as seen: what is on the right, (1, 0), goes up, to (0, -1).
    along, across = np.cos(angle), np.sin(angle)
    return about_the_middle([[along, across], [-across, along]], size)


def shifted(drawn, size):
    return np.array(
        [[1, 0, drawn["width"] * size[1]], [0, 1, drawn["height"] * size[0]], [0, 0, 1]]
    )


def sheared(drawn, size):
    x, y = (math.tan(math.radians(drawn[axis])) for axis in "xy")
    level_lines = about_the_middle([[1, 0], [y, 1]], size)  # the left end, x < 0, rises
    upright_lines = about_the_middle([[1, -x], [0, 1]], size)  # the top, y < 0, goes right
    return upright_lines @ level_lines


def zoomed(drawn, size):
    wider = math.sqrt(drawn["stretch"])
    return about_the_middle(np.diag([drawn["scale"] * wider, drawn["scale"] / wider]), size)


def bent(drawn, size):
    """The homography that moves the corners, by the null space of the direct linear transform."""
    height, width = size
    rows = []
    for name, x, y in (
        ("top_left", 0, 0),
        ("top_right", 1, 0),
        ("bottom_right", 1, 1),
        ("bottom_left", 0, 1),
    ):
        down, aside = drawn[name]
        to_x = (x + (aside if x == 0 else -aside)) * width - 0.5
        to_y = (y + (down if y == 0 else -down)) * height - 0.5
        x, y = x * width - 0.5, y * height - 0.5
        rows.append([x, y, 1, 0, 0, 0, -to_x * x, -to_x * y, -to_x])
        rows.append([0, 0, 0, x, y, 1, -to_y * x, -to_y * y, -to_y])
    return np.linalg.svd(np.array(rows))[2][-1].reshape(3, 3)


KINDS = {
    "rotation": (lambda **fill: RandomRotation((-180, 180), **fill), rotated),
    "translation": (lambda **fill: RandomTranslation((-0.4, 0.4), (-0.4, 0.4), **fill), shifted),
    "shear": (lambda **fill: RandomShear((-30, 30), (-25, 25), **fill), sheared),
    "zoom": (lambda **fill: RandomZoom((0.75, 1.9), (0.8, 1.3), **fill), zoomed),
    "perspective": (lambda **fill: RandomPerspective((0.1, 0.4), **fill), bent),
}


@precise
@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("fill_mode", SCIPY_MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_pixels_go_where_the_formula_says_within_a_gray_level(kind, fill_mode, picture):
    make, forwards = KINDS[kind]
    augmentation, image = make(fill_mode=fill_mode, cval=77), PICTURES[picture]
    for seed in range(4):
        backwards = np.linalg.inv(forwards(augmentation.draw(SIZE, rng(seed)), SIZE))
        expected = by_scipy(image, backwards, SIZE, fill_mode=fill_mode, cval=77.0)
        assert farthest(augmentation(image, rng(seed)), expected) < 1


@precise
@pytest.mark.parametrize("fill_mode", SCIPY_MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_masks_go_where_the_formula_says_to_the_nearest_pixel(kind, fill_mode):
    make, forwards = KINDS[kind]
    augmentation, mask = make(fill_mode=fill_mode, mask_cval=200), PICTURES["noise"][..., 0]
    for seed in range(4):
        operations = augmentation.draw_operations(SIZE, rng(seed))
        result = apply_operations(operations, Sample(PICTURES["noise"], (mask,))).masks[0]
        backwards = np.linalg.inv(forwards(operations[0].parameters, SIZE))
        expected = by_scipy(mask, backwards, SIZE, fill_mode=fill_mode, cval=200, order=0)
        # Halfway between two pixels, both are the nearest.
        halfway = np.abs(np.abs(coordinates(backwards, SIZE) % 1) - 0.5).min(axis=0) < 1e-3
        np.testing.assert_array_equal(result[~halfway], expected[~halfway])


@each_case("kind", KINDS)
@each_case("shape", [(40, 60, 1), (60, 40, 3), (33, 33, 4), (40, 60, 5)])
@each_case("dtype", ["uint8", "uint16", "float32"])
def test_shape_and_dtype_are_kept(kind, shape, dtype):
    image = noise(*shape, dtype=dtype)
    result = KINDS[kind][0]()(image, rng())
    assert (result.shape, result.dtype) == (image.shape, image.dtype)
    assert not np.array_equal(result, image)


@pytest.mark.parametrize("kind", [*KINDS, "crop"])
def test_channels_move_together(kind):
    augmentation = RandomResizedCrop() if kind == "crop" else KINDS[kind][0]()
    image = np.repeat(noise(*SIZE, 1), 4, axis=2)
    result = augmentation(image, rng())
    for channel in range(1, 4):
        np.testing.assert_array_equal(result[..., channel], result[..., 0])


@pytest.mark.parametrize("kind", KINDS)
def test_further_images_are_what_the_image_is(kind):
    image = PICTURES["noise"]
    operations = KINDS[kind][0](fill_mode="constant", cval=9).draw_operations(SIZE, rng())
    result = apply_operations(operations, Sample(image, images=(image.copy(), 255 - image)))
    np.testing.assert_array_equal(result.images[0], result.image)
    assert not np.array_equal(result.images[1], result.image)


# Flips


@pytest.mark.parametrize(
    ("mode", "turned"), [("horizontal", np.s_[:, ::-1]), ("vertical", np.s_[::-1])]
)
@pytest.mark.parametrize("channels", [1, 3, 4, 5])
def test_a_flip_is_numpys(mode, turned, channels):
    image = noise(*SIZE, channels)
    np.testing.assert_array_equal(RandomFlip(mode, p=1)(image, rng()), image[turned])


def test_both_directions_are_drawn_each_by_itself():
    image, flip = PICTURES["noise"], RandomFlip("horizontal_and_vertical")
    ways = {
        "none": image,
        "horizontal": image[:, ::-1],
        "vertical": image[::-1],
        "both": image[::-1, ::-1],
    }
    counts = dict.fromkeys(ways, 0)
    for seed in range(400):
        result = flip(image, rng(seed))
        (way,) = [name for name, expected in ways.items() if np.array_equal(result, expected)]
        counts[way] += 1
    # 100 each; 5 standard deviations are 43.
    assert all(57 <= count <= 143 for count in counts.values())


# Rotation


@pytest.mark.parametrize("degrees", [10, 37, -120, 200])
def test_a_rotation_is_pillows_away_from_the_edge(degrees):
    image = PICTURES["noise"]
    result = RandomRotation((degrees, degrees))(image, rng())
    expected = np.asarray(Image.fromarray(image).rotate(degrees, Image.Resampling.BILINEAR))
    x, y = coordinates(np.linalg.inv(rotated({"degrees": degrees}, SIZE)), SIZE)
    inside = (x > 1) & (x < SIZE[1] - 2) & (y > 1) & (y < SIZE[0] - 2)
    assert inside.mean() > 0.4
    # Where OpenCV rounds coordinates to 1/32 pixel, noise is off by up to 2 * 255 / 32.
    assert farthest(result[inside], expected[inside]) <= (16 if precise.args[0] else 1)


@pytest.mark.parametrize("turns", [-3, -2, -1, 0, 1, 2, 3, 4])
def test_quarter_turns_of_a_square_move_pixels_as_they_are(turns):
    result = RandomRotation((90 * turns, 90 * turns))(SQUARE, rng())
    np.testing.assert_array_equal(result, np.rot90(SQUARE, turns))


def test_half_a_turn_moves_pixels_as_they_are_whatever_the_shape():
    image = PICTURES["noise"]
    np.testing.assert_array_equal(RandomRotation((180, 180))(image, rng()), image[::-1, ::-1])


# Translation


def test_a_shift_by_whole_pixels_moves_pixels_as_they_are():
    image = noise(40, 50, 3)
    result = RandomTranslation((0.1, 0.1), (-0.2, -0.2), fill_mode="wrap")(image, rng())
    np.testing.assert_array_equal(result, np.roll(image, (4, -10), (0, 1)))


def test_above_zero_is_down_and_right_and_cval_is_shown():
    image = np.full((4, 4, 1), 9, np.uint8)
    shift = RandomTranslation((0.5, 0.5), (0.25, 0.25), fill_mode="constant", cval=3)
    assert shift(image, rng())[..., 0].tolist() == [[3] * 4, [3] * 4, [3, 9, 9, 9], [3, 9, 9, 9]]


# Zoom


def test_a_zoom_out_shows_all_of_the_image_smaller():
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)[..., np.newaxis]
    result = RandomZoom((0.25, 0.25), fill_mode="constant")(board, rng())[..., 0]
    assert (np.abs(result[25:39, 25:39].astype(int) - 127) <= 5).all()
    assert not result[:23].any()


@pytest.mark.parametrize("scale", [0.25, 0.3, 0.4, 0.5])
def test_a_strong_zoom_out_makes_a_checkerboard_gray(scale):
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)[..., np.newaxis]
    result = RandomZoom((scale, scale))(board, rng())
    assert 110 <= result.min() <= result.max() <= 145


def test_a_turned_zoom_to_half_its_size_is_always_averaged():
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)[..., np.newaxis]
    half = Operation(RandomZoom(), {"scale": 0.5, "stretch": 1.0})
    for seed in range(40):
        turn = Operation(RandomRotation(), {"degrees": rng(seed).uniform(-30, 30)})
        result = apply_operations([turn, half], Sample(board)).image
        assert 110 <= result.min() <= result.max() <= 145


@precise
def test_a_zoom_by_two_is_scipys_at_its_edge_too():
    image = noise(16, 16, 3)
    backwards = np.linalg.inv(zoomed({"scale": 2, "stretch": 1}, (16, 16)))
    expected = by_scipy(image, backwards, (16, 16))
    assert farthest(RandomZoom((2, 2))(image, rng()), expected) < 1


def test_a_zoom_is_as_likely_to_double_as_to_halve():
    scales = [RandomZoom((0.5, 2)).draw(SIZE, rng(seed))["scale"] for seed in range(1000)]
    assert 0.45 < np.mean(np.array(scales) > 1) < 0.55
    assert 0.5 <= min(scales) < 0.51 < 1.96 < max(scales) <= 2


# Perspective


def test_perspective_moves_every_corner_inwards_by_no_more_than_its_distortion():
    drawn = [RandomPerspective((0.4, 0.4)).draw(SIZE, rng(seed)) for seed in range(300)]
    ways = np.array([list(one.values()) for one in drawn])
    assert ways.shape == (300, 4, 2)
    assert ways.min() >= 0
    assert 0.19 < ways.max() <= 0.2  # of the side: 0.4 of the way to the middle


def test_perspective_keeps_straight_lines_straight():
    image = np.zeros((80, 80, 1), np.uint8)
    image[:, 40:] = 255
    look = RandomPerspective((0.6, 0.6), fill_mode="nearest")
    result = look(image, rng(9))[..., 0] > 127
    edges = np.argmax(result, axis=1)[10:70]
    line = np.polyfit(np.arange(60), edges, 1)
    assert abs(line[0]) > 0.1
    assert np.abs(np.polyval(line, np.arange(60)) - edges).max() < 1


# Several as one


def five_steps(fill_mode):
    return [
        RandomRotation((-30, 30), fill_mode=fill_mode),
        RandomShear((-20, 20), (-10, 10), fill_mode=fill_mode),
        RandomZoom((0.9, 1.2), (0.9, 1.1), fill_mode=fill_mode),
        RandomTranslation((-0.2, 0.2), (-0.2, 0.2), fill_mode=fill_mode),
        RandomPerspective((0.1, 0.3), fill_mode=fill_mode),
    ]


def drawn_by(steps, seed, size=SIZE):
    return [
        operation
        for number, step in enumerate(steps)
        for operation in step.draw_operations(size, rng([seed, number]))
    ]


def composed(operations, size=SIZE):
    """From the output to the input, by the formulas above."""
    ways = (rotated, sheared, zoomed, shifted, bent)
    forwards = np.eye(3)
    for way, operation in zip(ways, operations, strict=True):
        forwards = way(operation.parameters, size) @ forwards
    return np.linalg.inv(forwards)


@precise
@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("fill_mode", SCIPY_MODES)
def test_five_steps_are_one_resample_through_the_composed_matrix(fill_mode, picture):
    image = PICTURES[picture]
    for seed in range(3):
        operations = drawn_by(five_steps(fill_mode), seed)
        expected = by_scipy(image, composed(operations), SIZE, fill_mode=fill_mode)
        assert farthest(apply_operations(operations, Sample(image)).image, expected) < 1


def test_five_steps_at_once_are_far_sharper_than_one_after_the_other():
    image = PICTURES["noise"]
    operations = drawn_by(five_steps("reflect"), 0)
    sample = Sample(image)
    for operation in operations:
        sample = apply_operations([operation], sample)
    truth = by_scipy(image, composed(operations), SIZE)
    middle = np.s_[20:-20, 20:-20]
    at_once = np.abs(apply_operations(operations, Sample(image)).image - truth)[middle].mean()
    one_by_one = np.abs(sample.image - truth)[middle].mean()
    assert at_once < 2
    assert one_by_one > 10


def test_a_turn_there_and_back_leaves_every_pixel():
    image = PICTURES["noise"]
    there, back = ({"degrees": angle} for angle in (33.0, -33.0))
    turns = [Operation(RandomRotation(), turn) for turn in (there, back)]
    np.testing.assert_array_equal(apply_operations(turns, Sample(image)).image, image)


def test_steps_with_other_fills_are_done_one_after_the_other():
    image = PICTURES["noise"]
    steps = [
        Operation(RandomRotation(), {"degrees": 20.0}),
        Operation(RandomTranslation(fill_mode="constant"), {"height": 0.1, "width": 0.3}),
    ]
    expected = apply_operations(steps[1:], apply_operations(steps[:1], Sample(image)))
    np.testing.assert_array_equal(apply_operations(steps, Sample(image)).image, expected.image)
    assert not expected.image[:, : int(0.3 * SIZE[1]) - 1].any()


def test_a_flip_between_two_turns_is_part_of_the_same_resample():
    image = PICTURES["noise"]
    there = Operation(RandomRotation(fill_mode="wrap"), {"degrees": 33.0})
    flip = Operation(RandomFlip(), {"horizontal": True, "vertical": False})
    # A mirrored image turned back is one that was turned on, then mirrored.
    np.testing.assert_array_equal(
        apply_operations([there, flip, there], Sample(image)).image, image[:, ::-1]
    )


def test_a_flip_before_a_shift_does_not_change_how_the_shift_fills():
    flip = Operation(RandomFlip(), {"horizontal": True, "vertical": False})
    shift = RandomTranslation(fill_mode="constant", cval=7)
    steps = [flip, Operation(shift, {"height": 0.0, "width": 0.5})]
    result = apply_operations(steps, Sample(noise(40, 40, 3))).image
    assert (result[:, :20] == 7).all()


def test_geometry_on_both_sides_of_a_color_is_done_in_order():
    steps = [
        Operation(RandomTranslation(fill_mode="constant", cval=100), {"height": 0.0, "width": 0.5}),
        Operation(RandomBrightness(), {"factor": 0.5}),
        Operation(RandomTranslation(fill_mode="constant", cval=100), {"height": 0.5, "width": 0.0}),
    ]
    result = apply_operations(steps, Sample(noise(40, 40, 3))).image
    assert (result[:20] == 100).all()
    assert (result[20:, :20] == 50).all()


@precise
def test_a_crop_from_a_larger_image_and_what_follows_are_one_resample():
    image, size = noise(120, 150, 3), (64, 64)
    crop = Operation(RandomResizedCrop(), {"top": 11, "left": 20, "height": 90, "width": 100})
    turn = Operation(RandomRotation(), {"degrees": 17.0})
    result = apply_operations([crop, turn], Sample(image), size).image
    window = np.array(
        [[100 / 64, 0, 20 + 50 / 64 - 0.5], [0, 90 / 64, 11 + 45 / 64 - 0.5], [0, 0, 1]]
    )
    backwards = window @ np.linalg.inv(rotated({"degrees": 17.0}, size))
    assert farthest(result, by_scipy(image, backwards, size)) < 1


def test_a_crop_with_a_flip_is_the_flipped_crop():
    image, size = noise(120, 150, 3), (64, 64)
    crop = Operation(RandomResizedCrop(), {"top": 11, "left": 20, "height": 90, "width": 100})
    flip = Operation(RandomFlip(), {"horizontal": True, "vertical": False})
    expected = apply_operations([crop], Sample(image), size).image[:, ::-1]
    np.testing.assert_array_equal(
        apply_operations([crop, flip], Sample(image), size).image, expected
    )


# Masks stay on what they mark

FRAME = (64, 80)


def halves():
    """Half planes: of them alone, the nearest pixel is the linear blend cut at the middle."""
    upright, level = np.zeros(FRAME, np.uint8), np.zeros(FRAME, np.uint8)
    upright[:, 33:], level[29:] = 255, 255
    return upright, level


def overlap(sample):
    shown, marked = sample.image[..., 0] > 127.5, sample.masks[0] > 0
    return (shown & marked).sum() / (shown | marked).sum()


GEOMETRY = [
    RandomFlip("horizontal_and_vertical"),
    RandomRotation((-180, 180)),
    RandomTranslation((-0.3, 0.3), (-0.3, 0.3)),
    RandomShear((-30, 30), (-30, 30)),
    RandomZoom((0.6, 1.7), (0.8, 1.2)),
    RandomPerspective(),
    RandomResizedCrop((0.3, 1.0)),
]


@precise
@pytest.mark.parametrize("half", [0, 1], ids=["upright", "level"])
@pytest.mark.parametrize("step", GEOMETRY, ids=lambda step: step.name)
def test_mask_and_image_show_the_same_pixels(step, half):
    shape = halves()[half]
    for seed in SEEDS:
        operations = step.draw_operations(FRAME, rng(seed)) or []
        result = apply_operations(operations, Sample(shape[..., np.newaxis], (shape,)))
        assert overlap(result) == 1


@precise
@pytest.mark.parametrize("fill_mode", ["reflect", "nearest", "wrap"])
def test_mask_and_image_show_the_same_pixels_after_five_steps(fill_mode):
    for shape in halves():
        for seed in SEEDS:
            operations = drawn_by(five_steps(fill_mode), seed, FRAME)
            result = apply_operations(operations, Sample(shape[..., np.newaxis], (shape,)))
            assert overlap(result) == 1


def draws_of_geometry_alone(step, number):
    """Draws of a policy that move pixels, and leave their values."""
    seed, found = 0, []
    while len(found) < number:
        operations = step.draw_operations(FRAME, rng(seed))
        if operations and all(isinstance(one.op, GeometryOp) for one in operations):
            found.append(operations)
        seed += 1
    return found


@precise
@pytest.mark.parametrize(
    "step", [RandAugment(magnitude=19), TrivialAugment()], ids=lambda step: step.name
)
def test_mask_and_image_show_the_same_pixels_after_a_policy(step):
    for operations in draws_of_geometry_alone(step, len(SEEDS)):
        for shape in halves():
            result = apply_operations(operations, Sample(shape[..., np.newaxis], (shape,)))
            assert overlap(result) == 1


@each_case("fill_mode", SCIPY_MODES)
@each_case("step", [*GEOMETRY[1:6], RandAugment(), TrivialAugment()])
def test_a_mask_gets_no_labels_but_mask_cval(step, fill_mode):
    options = {"fill_mode": fill_mode}
    labels = {0, 7, 200}
    if not isinstance(step, RandAugment | TrivialAugment):
        options |= {"cval": 111, "mask_cval": 7}
    other = type(step)(**options)
    mask = np.array(sorted(labels), np.uint8)[noise(*FRAME, most=2)]
    for seed in SEEDS:
        operations = other.draw_operations(FRAME, rng(seed)) or []
        result = apply_operations(
            operations, Sample(noise(*FRAME, 3), (mask, mask[..., np.newaxis]))
        )
        assert set(np.unique(result.masks[0])) <= labels
        np.testing.assert_array_equal(result.masks[0], result.masks[1][..., 0])


def test_mask_cval_is_shown_beyond_the_edge_of_masks_and_cval_beyond_that_of_images():
    step = RandomTranslation((0, 0), (0.5, 0.5), fill_mode="constant", cval=40, mask_cval=255)
    image, mask = np.full((4, 4, 3), 9, np.uint8), np.ones((4, 4), np.uint16)
    result = apply_operations(step.draw_operations((4, 4), rng()), Sample(image, (mask,)))
    assert result.image[0, :, 0].tolist() == [40, 40, 9, 9]
    assert result.masks[0][0].tolist() == [255, 255, 1, 1]
