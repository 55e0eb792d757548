"""torchvision's transforms, version 2: torch seeded for each sample and put back as it was."""

import pickle

import numpy as np
import pytest

import imggen
from imggen.augment import Pipeline, Sample, adapt, find_nondeterministic_steps
from imggen.errors import AugmentationError, OptionError
from tests.helpers.augmenting import (
    HALF,
    PIXELS,
    WHERE,
    applied,
    augmented,
    check_mask_shows_what_is_bright,
    global_state,
    half_plane,
    in_threads,
    one_after_the_other,
    rngs,
)

torch = pytest.importorskip("torch")
try:
    pytest.importorskip("torchvision")
except RuntimeError as err:  # its compiled part was made for another torch
    pytest.skip(f"torchvision does not go with this torch: {err}", allow_module_level=True)
from torchvision import transforms as v1  # noqa: E402
from torchvision.transforms import v2  # noqa: E402

TRANSFORMS = {
    "RandomAffine": v2.RandomAffine(30, (0.2, 0.2)),
    "ColorJitter": v2.ColorJitter(0.5, 0.5, 0.5, 0.3),
    "Compose": v2.Compose([v2.RandomResizedCrop((24, 32)), v2.RandomHorizontalFlip()]),
    "RandomApply": v2.RandomApply([v2.RandomRotation(90)], p=0.9),
    "TrivialAugmentWide": v2.TrivialAugmentWide(),
    "Sequential": torch.nn.Sequential(v2.RandomRotation(90), v2.RandomVerticalFlip()),
}
all_transforms = pytest.mark.parametrize("augment", TRANSFORMS.values(), ids=TRANSFORMS)


# Chance


@all_transforms
def test_the_same_generator_gives_the_same_image_and_another_another(augment):
    pipeline = Pipeline(adapt(augment))
    results = [
        pipeline(Sample(PIXELS), rngs(seed), WHERE).sample.image.tobytes()
        for seed in (*range(10), *range(10))
    ]

    assert results[:10] == results[10:]
    assert len(set(results)) >= 7


@all_transforms
def test_threads_give_what_they_give_alone(augment):
    assert in_threads(augment, 80) == one_after_the_other(augment, 80)


def test_threads_with_transforms_of_their_own_do_not_disturb_each_other():
    rotation, jitter = TRANSFORMS["RandomAffine"], TRANSFORMS["ColorJitter"]
    both = [rotation, jitter]

    assert in_threads(both, 80) == one_after_the_other(both, 80)


@all_transforms
def test_the_same_comes_after_pickling(augment):
    steps = adapt(augment)
    copied = pickle.loads(pickle.dumps(steps))
    got = Pipeline(copied)(Sample(PIXELS), rngs(6), WHERE).sample.image

    np.testing.assert_array_equal(got, augmented(augment, 6))
    assert copied[0].name == steps[0].name


@all_transforms
def test_global_random_state_is_neither_read_nor_touched(augment):
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state().tolist()
        with global_state(seed):
            results.append(augmented(augment).tobytes())
        assert torch.get_rng_state().tolist() == before

    assert results[0] == results[1]


def test_the_global_state_of_torch_is_put_back_after_a_transform_that_raises():
    before = torch.get_rng_state().tolist()
    with pytest.raises(AugmentationError):
        augmented(v2.Lambda(explode))

    assert torch.get_rng_state().tolist() == before
    augmented(v2.RandomRotation(90))  # and no lock is kept


def explode(image):
    raise KeyError("no such thing")


def test_transforms_of_a_compose_draw_independently_of_each_other():
    twice = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomHorizontalFlip()])
    mirrored = sum(np.array_equal(augmented(twice, seed), PIXELS[:, ::-1]) for seed in range(60))

    assert 15 <= mirrored <= 45  # one of two; alike, they would undo each other


def test_a_transform_in_another_place_of_a_list_draws_anew():
    flip = v2.RandomHorizontalFlip()
    drawn = {np.array_equal(augmented([flip, flip], seed), PIXELS) for seed in range(12)}

    assert drawn == {True, False}


def test_transforms_are_repeatable():
    pipeline = Pipeline(adapt(list(TRANSFORMS.values())))

    assert find_nondeterministic_steps(pipeline, Sample(PIXELS), seed=1) == []


# Pixels


def test_pixels_are_those_of_the_transform():
    np.testing.assert_array_equal(augmented(v2.RandomHorizontalFlip(1.0)), PIXELS[:, ::-1])
    np.testing.assert_array_equal(augmented(v2.RandomInvert(1.0)), 255 - PIXELS)


@pytest.mark.parametrize("name", ["RandomAffine", "Compose", "RandomApply", "Sequential"])
def test_grayscale_keeps_its_channel(name):
    gray = np.ascontiguousarray(PIXELS[:, :, :1])
    got = augmented(TRANSFORMS[name], 1, gray)

    assert (got.shape, got.dtype) == (gray.shape, np.uint8)
    assert not np.array_equal(got, gray)


def test_a_view_that_runs_backwards_goes_through():
    got = augmented([lambda image: image[:, ::-1], v2.RandomVerticalFlip(1.0)])

    np.testing.assert_array_equal(got, PIXELS[::-1, ::-1])


def test_a_transform_that_writes_to_its_image_does_not_reach_what_was_given():
    given = PIXELS.copy()
    got = applied(v2.Lambda(lambda image: image.fill_(77)), Sample(given)).sample.image

    assert (got == 77).all()
    np.testing.assert_array_equal(given, PIXELS)


# Masks and further images


MOVING = {
    "RandomHorizontalFlip": v2.RandomHorizontalFlip(),
    "RandomAffine": v2.RandomAffine(40, (0.2, 0.2)),
    "Compose": v2.Compose([v2.RandomResizedCrop((24, 32), (0.6, 1.0)), v2.RandomVerticalFlip()]),
}


@pytest.mark.parametrize("channels", [None, 1])
@pytest.mark.parametrize("name", MOVING)
def test_a_mask_follows_its_image(name, channels):
    mask = HALF if channels is None else HALF[:, :, np.newaxis]
    for seed in range(6):
        got = applied(MOVING[name], half_plane(masks=(mask,)), seed).sample
        check_mask_shows_what_is_bright(got)
        assert got.masks[0].shape == mask.shape


def test_several_masks_and_further_images_follow_alike():
    sample = Sample(PIXELS, (HALF, HALF[:, :, np.newaxis]), (PIXELS, 255 - PIXELS))
    moved = [applied(v2.RandomRotation((90, 270)), sample, seed).sample for seed in range(4)]
    for each in moved:
        np.testing.assert_array_equal(each.masks[0], each.masks[1][:, :, 0])
        np.testing.assert_array_equal(each.images[0], each.image)

    assert len({each.image.tobytes() for each in moved}) == 4


def test_a_further_image_is_told_from_the_first_one():
    sample = Sample(PIXELS, (), (255 - PIXELS,))
    got = applied(v2.RandomHorizontalFlip(1.0), sample).sample

    np.testing.assert_array_equal(got.image, PIXELS[:, ::-1])
    np.testing.assert_array_equal(got.images[0], 255 - PIXELS[:, ::-1])


def test_colors_are_changed_in_the_image_and_not_in_the_mask():
    got = applied(v2.RandomInvert(1.0), half_plane(masks=(HALF,))).sample

    np.testing.assert_array_equal(got.image, 255 - half_plane().image)
    np.testing.assert_array_equal(got.masks[0], HALF)


def test_a_mask_does_not_change_what_the_image_becomes():
    for name, transform in MOVING.items():
        with_mask = applied(transform, half_plane(masks=(HALF,)), 3).sample.image
        alone = applied(transform, half_plane(), 3).sample.image
        np.testing.assert_array_equal(with_mask, alone, err_msg=name)


def test_a_transform_that_takes_no_masks_is_named():
    with pytest.raises(AugmentationError, match="RandAugment' raised TypeError on .*Mask are not"):
        applied(v2.RandAugment(), half_plane(masks=(HALF,)))


# What is refused


def test_a_compose_of_the_first_version_is_refused_with_the_second():
    with pytest.raises(OptionError, match=r"^augment=Compose is of the first .*v2\.Compose\("):
        adapt(v1.Compose([]))


@pytest.mark.parametrize(
    "transform",
    [v1.RandomHorizontalFlip(), v1.ColorJitter(0.2), v1.RandAugment(), v1.RandomRotation(9)],
    ids=lambda transform: type(transform).__name__,
)
def test_a_transform_of_the_first_version_is_refused_with_the_second(transform):
    name = type(transform).__name__
    with pytest.raises(OptionError, match=rf"^augment={name} is of the first .*v2\.{name}\("):
        adapt(transform)


def test_a_class_in_place_of_a_transform_is_refused():
    with pytest.raises(OptionError, match="augment=RandomInvert is a class"):
        adapt(v2.RandomInvert)


def test_a_module_of_the_user_gets_the_image():
    class Mirror(torch.nn.Module):
        def forward(self, image):
            return image.flip(-1)

    np.testing.assert_array_equal(augmented(Mirror()), PIXELS[:, ::-1])


BREAKERS = {
    "resize": (
        v2.Resize((8, 8)),
        r"'torchvision\.Resize' returned uint8 of shape \(8, 8, 3\) for .*Resize the result",
    ),
    "gray": (v2.Grayscale(), r"'torchvision\.Grayscale' returned uint8 of shape \(24, 32, 1\)"),
    "float": (
        v2.ToDtype(torch.float32, scale=True),
        r"'torchvision\.ToDtype' returned float32 of shape \(24, 32, 3\) for .*Scale values",
    ),
    "normalize": (
        v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5], [0.5])]),
        r"'torchvision\.Compose' returned float32 .*Scale values",
    ),
    "picture": (v2.ToPILImage(), r"'torchvision\.ToPILImage' returned a PIL\.Image\.Image for"),
    "raises": (v2.Lambda(explode), r"'torchvision\.Lambda' raised KeyError on .*no such thing"),
}


@pytest.mark.parametrize("name", BREAKERS)
def test_a_transform_that_breaks_the_contract_is_named_with_the_file_and_what_came(name):
    transform, result = BREAKERS[name]
    with pytest.raises(AugmentationError, match=result) as caught:
        augmented([np.flipud, transform])

    assert WHERE in str(caught.value)


# In a pipeline


def test_transforms_go_with_others_in_one_list_in_order():
    augment = [
        imggen.augment.RandomFlip(p=1.0),
        v2.RandomInvert(1.0),
        np.flipud,
        imggen.augment.RandomBrightness((2, 2)),
    ]
    expected = (2 * (255 - PIXELS[::-1, ::-1].astype(int))).clip(0, 255)

    np.testing.assert_array_equal(augmented(augment), expected)


def test_a_transform_is_named_by_its_class_and_says_nothing_of_what_it_drew():
    described = applied([v2.RandomInvert(), v2.Compose([v2.Identity()])], Sample(PIXELS))

    assert described.describe() == (("torchvision.RandomInvert", {}), ("torchvision.Compose", {}))


def test_a_sequence_serves_the_same_from_threads_as_from_its_own(photos):
    def served(**options):
        with imggen.ImageSequence(
            imggen.scan(photos),
            image_size=(24, 32),
            augment=TRANSFORMS["Compose"],
            seed=3,
            **options,
        ) as sequence:
            return np.concatenate([batch[0] for batch in sequence])

    np.testing.assert_array_equal(served(workers=0), served(workers=4))
