"""flow_from_directory of imggen and of Keras: the same batches for arguments drawn at random."""

import random
from collections import Counter

import numpy as np
import pytest

import imggen
from tests.helpers.legacy_oracle import (
    ILLEGAL_CONSTRUCTOR,
    Case,
    Preprocessing,
    check,
    draw_constructor,
    draw_fit,
    draw_script,
    keras_image,
    make_pictures,
    picture,
)

BLOCKS, CASES_A_BLOCK = 20, 20
SIZES = [(12, 9), (8, 15), (16, 16)]
ILLEGAL_FLOW = [
    {"color_mode": "cmyk"},
    {"class_mode": "multi_output"},
    {"subset": "testing"},
    {"interpolation": "bogus"},
    {"seed": -1},
    {"seed": 2**33},
    {"seed": 1.5},
    {"batch_size": 0},
    {"batch_size": 2.5},
    {"target_size": 9},
    {"target_size": (9, -1)},
    {"save_format": "bogus"},
    {"save_format": "jpg", "color_mode": "rgba"},
    {"save_prefix": "no/such/folder"},
]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_pictures(tmp_path_factory.mktemp("oracle") / "pictures")


def draw_case(number: int) -> Case:
    rng = random.Random(number)
    choices = {
        "color_mode": (0.6, ["rgb", "rgba", "grayscale"]),
        "class_mode": (0.7, ["categorical", "binary", "sparse", "input", None]),
        "shuffle": (0.5, [True, False]),
        "seed": (0.6, [0, 7, 123456, 2**32 - 100, None]),
        "save_prefix": (0.2, ["pre"]),
        "save_format": (0.3, ["png", "bmp", "jpeg"]),
        "subset": (0.3, ["training", "validation"]),
        "interpolation": (0.6, ["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"]),
        "keep_aspect_ratio": (0.3, [True]),
        "classes": (0.2, [["emu", "cat"], ["dog"], ["cat", "nowhere"], ("dog", "cat"), []]),
        "follow_links": (0.1, [True]),
    }
    flow = {name: rng.choice(some) for name, (p, some) in choices.items() if rng.random() < p}
    flow |= {"target_size": rng.choice(SIZES), "batch_size": rng.choice([1, 2, 3, 4, 5, 100])}
    case = Case(number, draw_constructor(rng), flow, draw_script(rng))
    if flow["batch_size"] == 100:
        case.script = [0, "epoch", "next"]
    case.preprocessing = rng.choice(Preprocessing.kinds) if rng.random() < 0.4 else None
    case.save = rng.random() < 0.25
    if rng.random() < 0.5:
        height, width = flow["target_size"]
        channels = {"rgb": 3, "rgba": 4, "grayscale": 1}[flow.get("color_mode", "rgb")]
        is_first = case.constructor.get("data_format") == "channels_first"
        shape = (channels, height, width) if is_first else (height, width, channels)
        case.fit = draw_fit(rng, shape)
    if rng.random() < 0.15:
        illegal = rng.choice(ILLEGAL_CONSTRUCTOR + ILLEGAL_FLOW)
        (case.flow if illegal in ILLEGAL_FLOW else case.constructor).update(illegal)
    return case


@pytest.mark.parametrize("block", range(BLOCKS))
def test_batches_files_and_state_are_those_of_keras(block, pictures, tmp_path):
    answers = Counter(
        check("flow_from_directory", [pictures], draw_case(number), tmp_path)
        for number in range(block * CASES_A_BLOCK, (block + 1) * CASES_A_BLOCK)
    )

    assert answers["served"] >= CASES_A_BLOCK // 2, answers


@pytest.mark.parametrize("number", range(len(ILLEGAL_CONSTRUCTOR + ILLEGAL_FLOW)))
def test_what_keras_rejects_is_rejected_with_the_same_type(number, pictures, tmp_path):
    illegal = (ILLEGAL_CONSTRUCTOR + ILLEGAL_FLOW)[number]
    case = Case(number, {}, {"target_size": (12, 9), "seed": 3}, save="save_" in str(illegal))
    (case.constructor if illegal in ILLEGAL_CONSTRUCTOR else case.flow).update(illegal)

    assert check("flow_from_directory", [pictures], case, tmp_path) != "served"


@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
def test_cached_images_come_as_fresh_as_read_ones(color_mode, data_format, pictures, tmp_path):
    """With nothing to transform, what is done in place is done to the image as loaded."""
    flow = {"color_mode": color_mode, "target_size": (8, 11), "batch_size": 100, "seed": 3}
    in_place = {"rescale": 2.0, "samplewise_center": True, "data_format": data_format}
    case = Case(8, in_place, flow, [0, "epoch", 0, "next"], preprocessing="in place")

    said = check("flow_from_directory", [pictures], case, tmp_path, cache="ram")
    assert said == "served"


@pytest.mark.parametrize(
    "directory", ["nowhere", "cat/notes.txt", 5], ids=["missing", "a file", "a number"]
)
def test_a_directory_that_keras_rejects_is_rejected(directory, pictures, tmp_path):
    where = directory if directory == 5 else str(pictures / directory)

    assert check("flow_from_directory", [where], Case(0), tmp_path) != "served"


def test_a_folder_without_images_has_no_batches_in_either(tmp_path):
    (tmp_path / "empty" / "cat").mkdir(parents=True)
    case = Case(1, {}, {"target_size": (8, 9)}, ["epoch", "next", "next", "reset", "next"])

    assert check("flow_from_directory", [tmp_path / "empty"], case, tmp_path) == "served"
    case.script = [0]
    assert check("flow_from_directory", [tmp_path / "empty"], case, tmp_path / "x") == "ValueError"


@pytest.mark.parametrize("index", [99, 12])
def test_an_index_beyond_the_last_is_rejected(index, pictures):
    for module in (keras_image, imggen):
        generator = module.ImageDataGenerator()
        batches = generator.flow_from_directory(pictures, target_size=(8, 9), batch_size=3)
        with pytest.raises(ValueError):
            batches[len(batches) + index - 12]


def test_a_broken_file_raises_what_keras_raises(pictures, tmp_path):
    folder = make_pictures(tmp_path / "broken")
    (folder / "cat" / "00.png").write_bytes(b"no image")
    case = Case(2, {}, {"target_size": (8, 9), "shuffle": False, "batch_size": 100}, [0])

    assert check("flow_from_directory", [folder], case, tmp_path) == "UnidentifiedImageError"


@pytest.mark.filterwarnings("ignore:Palette images with Transparency:UserWarning")
def test_the_images_served_as_targets_are_a_copy(pictures):
    generator = imggen.ImageDataGenerator()
    x, y = generator.flow_from_directory(pictures, target_size=(8, 9), class_mode="input")[0]

    assert np.array_equal(x, y)
    assert not np.shares_memory(x, y)


def test_links_to_folders_are_followed_when_asked(pictures, tmp_path):
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "cat").symlink_to(pictures / "cat")
    (linked / "dog").mkdir()
    (linked / "dog" / "more").symlink_to(pictures / "emu")
    for number, follow_links in enumerate([True, False]):
        case = Case(number, {}, {"follow_links": follow_links, "target_size": (8, 9)})
        assert check("flow_from_directory", [linked], case, tmp_path) == "served"


@pytest.mark.filterwarnings("ignore:Palette images with Transparency:UserWarning")
@pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning")
def test_a_pair_of_generators_with_one_seed_stays_in_step_as_in_keras(pictures):
    """As images and masks are fed: two iterators advanced in turn."""

    def pairs(module, **own):
        augment = {"rotation_range": 40, "zoom_range": 0.2, "horizontal_flip": True}
        flow = {"target_size": (12, 9), "class_mode": None, "seed": 11, "batch_size": 7}
        one = module.ImageDataGenerator(rescale=1 / 255, **augment, **own)
        two = module.ImageDataGenerator(**augment, **own)
        both = zip(
            one.flow_from_directory(pictures, **flow),
            two.flow_from_directory(pictures, color_mode="grayscale", **flow),
            strict=False,
        )
        return [next(both) for _ in range(9)]

    wanted = pairs(keras_image)
    got = pairs(imggen, exact=True)

    assert all(
        np.array_equal(a, b)
        for x, y in zip(wanted, got, strict=True)
        for a, b in zip(x, y, strict=True)
    )


def test_both_say_what_they_found_in_the_same_words(pictures, capsys):
    said = []
    for module in (keras_image, imggen):
        module.ImageDataGenerator().flow_from_directory(pictures, classes=["cat", "emu"])
        said.append(capsys.readouterr())

    files = sum(path.suffix != ".txt" for c in ("cat", "emu") for path in _files(pictures / c))
    assert said[0] == said[1] == (f"Found {files} images belonging to 2 classes.\n", "")


def test_both_warn_of_tiff_files_in_the_same_words(tmp_path):
    (tmp_path / "cat").mkdir()
    picture("RGB", 1).save(tmp_path / "cat" / "one.TIFF")
    said = []
    for module in (keras_image, imggen):
        with pytest.warns(UserWarning, match="Using .*tiff") as caught:
            module.ImageDataGenerator().flow_from_directory(tmp_path)
        said.append([str(warning.message) for warning in caught])

    assert said[0] == said[1]
    assert len(said[0]) == 1


def _files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]
