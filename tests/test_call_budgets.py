"""What a sample may cost on each path, in calls and in memory: the guard against lost speed.

A timed test fails on a busy machine and passes on a fast one; counts are the same everywhere. A
change that adds a call per sample must either save one elsewhere, or raise a budget here and say
why in its commit.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import imggen
from imggen import augment
from tests.helpers.call_counts import measure_cost
from tests.helpers.images import write_images

SIZE = (32, 32)
LARGE = (160, 160)


class Budget(NamedTuple):
    """The largest cost of a path, per sample but for one, and what it is spent on; see ``Cost``."""

    calls: float
    operations: float
    batch_calls: float  # per batch, in addition
    peak: float  # in images of uint8; half an image is noise
    allocated: float
    reason: str


BUDGETS = {
    "png": Budget(51, 89, 44, 0.5, 2.1, "chunks are checked, OpenCV decodes; one copy"),
    "jpeg": Budget(51, 80, 44, 0.5, 1.2, "the header is parsed once, OpenCV decodes"),
    "cached": Budget(0, 0, 55, 1.5, 1.2, "the whole batch is gathered and scaled at once"),
    "cached in uint8": Budget(0, 0, 54, 0.5, 0.2, "the whole batch is gathered at once"),
    "cached in a folder": Budget(0, 0, 60, 1.5, 1.2, "the same, from the mapped file"),
    "cached, large": Budget(2, 4, 53, 0.5, 0.1, "images are scaled in the processor's cache"),
    "cached, flipped": Budget(
        31, 71, 110, 0.5, 1.0, "one draw, one flip; seeds are hashed per batch"
    ),
    "cached, light": Budget(91, 310, 110, 0.5, 3.5, "six draws, one resample, one matrix"),
    "cached, strong": Budget(114, 340, 130, 0.5, 7.5, "a crop, two random operations, a rectangle"),
    "cached, RandAugment": Budget(66, 180, 110, 0.5, 8.5, "two operations of any kind"),
    "cached, MixUp": Budget(8, 39, 120, 1.5, 5.5, "one draw, one blend in place"),
    "cached, CutMix": Budget(19, 74, 120, 1.5, 1.4, "one draw, one window in place"),
    "masks": Budget(127, 213, 40, 0.8, 3.5, "the mask is decoded too, chunks checked twice"),
    "masks, cached": Budget(19, 26, 45, 0.8, 0.5, "the mask is in memory too"),
    "boxes": Budget(118, 277, 45, 0.5, 4.8, "boxes are scaled, chunks checked twice"),
    "boxes, cached": Budget(25, 46, 45, 0.5, 0.2, "boxes are in memory, in pixels of the array"),
    "keypoints": Budget(106, 267, 45, 0.5, 4.3, "points are scaled, chunks checked twice"),
    "keypoints, cached": Budget(24, 46, 45, 0.5, 1.2, "points are in memory, in pixels"),
    "drop-in": Budget(32, 62, 90, 0.5, 2.2, "chunks of a PNG are checked, OpenCV decodes"),
    "drop-in, jpeg": Budget(29, 50, 90, 0.5, 0.2, "one match, decoded and resized into the batch"),
    "drop-in, cached": Budget(0, 2, 93, 1.5, 1.2, "the whole batch is gathered and scaled"),
    "drop-in, arrays": Budget(0, 0, 80, 4.5, 4.2, "the whole batch is gathered and scaled"),
    "drop-in, function": Budget(
        36, 48, 85, 0.5, 0.2, "one draw, one call of the function, in turn"
    ),
    "drop-in, affine": Budget(11, 33, 160, 0.5, 4.5, "one warp in float32 into the batch"),
    "table": Budget(0, 0, 200, 99, 0.1, "pandas reads the file; rows are never touched one by one"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """32 images in two classes, as PNG and JPEG, with masks, boxes and keypoints."""
    root = tmp_path_factory.mktemp("images")
    write_images(root / "png", {"cat": 16, "dog": 16}, size=SIZE)
    write_images(root / "jpeg", {"cat": 16, "dog": 16}, size=SIZE, suffix=".jpg")
    for path in (root / "png").rglob("*.png"):
        mask = root / "masks" / path.relative_to(root / "png")
        mask.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", SIZE, 1).save(mask)
    for size in (8, 16):
        for number in range(2):
            table = pd.DataFrame(np.arange(3 * size).reshape(size, 3), columns=["a", "b", "y"])
            table.to_csv(root / f"{size}-{number}.csv", index=False)
    return root


def image_bytes(path):
    return 3 * (LARGE if path in ("cached, large", "drop-in, jpeg") else SIZE)[0] ** 2


def batches(folder, path):
    """Returns a function from the number of samples to a function that makes one batch."""

    def native(source="png", **options):
        def make(size):
            chosen = {"image_size": SIZE, "batch_size": size, "rescale": 1 / 255, "seed": 7}
            sequence = imggen.from_directory(folder / source, **{**chosen, "workers": 0, **options})
            for epoch in range(2):  # fills the cache, and finds what is stored
                for number in range(len(sequence)):
                    sequence.batch_maker(epoch, number)
                if "cache" in options:
                    sequence.batch_maker.samples.cache.flush()
            return lambda: sequence.batch_maker(2, 0)

        return make

    def positions(**column):
        manifest = imggen.scan(folder / "png")
        frame = manifest.to_frame().assign(position=[[[1, 2, 9, 8]]] * manifest.num_samples)
        chosen = {"image_size": SIZE, "rescale": 1 / 255, "seed": 7, "workers": 0, "y_col": None}

        def make(size):
            sequence = imggen.from_dataframe(
                frame, root=folder / "png", batch_size=size, **chosen, **column
            )
            sequence.batch_maker(0, 0)
            return lambda: sequence.batch_maker(1, 0)

        return make

    def drop_in(cache=None, source="png", size=SIZE, **options):
        target_size = size

        def make(size):
            generator = imggen.ImageDataGenerator(rescale=1 / 255, **options)
            if cache == "arrays":
                flow = generator.flow(
                    np.ones((32, *SIZE, 3)), np.arange(32), batch_size=size, seed=7, workers=1
                )
            else:
                flow = generator.flow_from_directory(
                    str(folder / source),
                    target_size,
                    batch_size=size,
                    seed=7,
                    workers=1,
                    cache=cache,
                )
            for number in range(len(flow)):
                flow[number]
            # Without the cost of beginning a pass.
            return lambda: flow._get_batches_of_transformed_samples(np.arange(size))

        return make

    def table(size):
        sequence = imggen.TableSequence(
            [folder / f"{size}-{n}.csv" for n in (0, 1)], "y", workers=0
        )
        return lambda: sequence[0]

    one_hot = {"label_mode": "categorical"}
    return {
        "png": lambda: native(),
        "jpeg": lambda: native("jpeg"),
        "cached": lambda: native(cache="ram"),
        "cached in uint8": lambda: native(cache="ram", rescale=None, dtype="uint8"),
        "cached in a folder": lambda: native(cache=str(folder / "cache")),
        "cached, large": lambda: native(cache="ram", image_size=LARGE),
        "cached, flipped": lambda: native(cache="ram", augment=augment.RandomFlip()),
        "cached, light": lambda: native(cache="ram", augment="light"),
        "cached, strong": lambda: native(cache="ram", augment="strong", label_mode="categorical"),
        "cached, RandAugment": lambda: native(cache="ram", augment=augment.RandAugment()),
        "cached, MixUp": lambda: native(cache="ram", augment=augment.MixUp(), **one_hot),
        "cached, CutMix": lambda: native(cache="ram", augment=augment.CutMix(), **one_hot),
        "masks": lambda: native(mask_dir=folder / "masks"),
        "masks, cached": lambda: native(mask_dir=folder / "masks", cache="ram"),
        "boxes": lambda: positions(boxes=imggen.Boxes("position", "pascal_voc")),
        "keypoints": lambda: positions(keypoints=imggen.Keypoints("position", "xyas")),
        "boxes, cached": lambda: positions(
            boxes=imggen.Boxes("position", "pascal_voc"), cache="ram"
        ),
        "keypoints, cached": lambda: positions(
            keypoints=imggen.Keypoints("position", "xyas"), cache="ram"
        ),
        "drop-in": lambda: drop_in(),
        "drop-in, jpeg": lambda: drop_in(source="jpeg", size=LARGE),
        "drop-in, cached": lambda: drop_in("ram"),
        "drop-in, arrays": lambda: drop_in("arrays"),
        "drop-in, function": lambda: drop_in("ram", preprocessing_function=lambda x: x - 1),
        "drop-in, affine": lambda: drop_in("ram", rotation_range=20, zoom_range=0.2),
        "table": lambda: table,
    }[path]()


@pytest.mark.parametrize("path", BUDGETS)
def test_a_sample_costs_no_more_than_its_budget(folder, path):
    cost = measure_cost(batches(folder, path), image_bytes(path))

    over = {
        name: (value, allowed)
        for name, value, allowed in zip(cost._fields, cost, BUDGETS[path], strict=False)
        if value > allowed
    }
    assert not over, (over, BUDGETS[path].reason)


def test_the_count_sees_one_more_call_per_sample(folder, monkeypatch):
    def look_up(self, index):
        return len(self.paths[index])

    from imggen.loading.sample_loader import SampleLoader

    original = SampleLoader.image
    monkeypatch.setattr(
        SampleLoader,
        "image",
        lambda self, row: (look_up(self.manifest, row), original(self, row))[1],
    )

    assert measure_cost(batches(folder, "png"), image_bytes("png")).calls > BUDGETS["png"].calls
