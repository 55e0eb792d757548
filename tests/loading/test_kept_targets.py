"""What belongs to images in memory is kept with them: masks, boxes and keypoints."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import imggen
from imggen.augment import Sample
from imggen.cache import RamCache
from imggen.errors import ImageError
from imggen.loading import kept_targets
from imggen.loading.kept_targets import KeptTargets
from tests.helpers.images import write_images

SIZE = (4, 4)
NUM = 3
IMAGE_BYTES = NUM * 4 * 4 * 3


@pytest.fixture
def folder(tmp_path):
    """Three images of one class, each with a mask of its own."""
    write_images(tmp_path / "images", {"cat": NUM}, size=(8, 6))
    for number, path in enumerate(sorted((tmp_path / "images").rglob("*.png"))):
        write_mask(mask_of(tmp_path, path), number)
    return tmp_path


def mask_of(folder, path):
    return folder / "masks" / path.relative_to(folder / "images")


def write_mask(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.arange(48, dtype=np.uint8).reshape(8, 6) + number
    Image.fromarray(values).save(path)


def with_masks(folder, **options):
    chosen = {"image_size": SIZE, "batch_size": NUM, "shuffle": False, "workers": 0, "seed": 1}
    return imggen.from_directory(
        folder / "images", mask_dir=folder / "masks", **{**chosen, "cache": "ram", **options}
    )


def with_positions(folder, **options):
    paths = sorted((folder / "images").rglob("*.png"))
    frame = pd.DataFrame(
        {
            "path": [str(path.relative_to(folder / "images")) for path in paths],
            "at": [[], [[1, 2, 5, 6]], [[0, 0, 6, 8], [2, 1, 4, 3]]],
        }
    )
    chosen = {"image_size": SIZE, "batch_size": NUM, "shuffle": False, "workers": 0, "seed": 1}
    return imggen.from_dataframe(
        frame, root=folder / "images", y_col=None, cache="ram", **chosen, **options
    )


def targets(sequence, epoch):
    _, y = sequence.batch_maker(epoch, 0)[1:3]
    return y if isinstance(y, dict) else {"y": y}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def remove_all(folder):
    for path in folder.rglob("*.png"):
        path.unlink()


def test_no_file_is_read_after_the_first_epoch(folder):
    kinds = [
        with_masks(folder),
        with_masks(folder, augment="light"),
        with_positions(folder, boxes=imggen.Boxes("at", "pascal_voc")),
        with_positions(folder, keypoints=imggen.Keypoints("at", "xyas")),
    ]
    expected = [(targets(sequence, 0), targets(sequence, 1)) for sequence in kinds]

    remove_all(folder)

    for sequence, (first, second) in zip(kinds, expected, strict=True):
        assert_same(targets(sequence, 0), first)
        assert_same(targets(sequence, 1), second)


def test_filling_the_cache_loads_masks_too(folder):
    expected = targets(with_masks(folder, cache=None), 0)
    sequence = with_masks(folder)
    assert sequence.fill_cache() == []

    remove_all(folder)

    assert_same(targets(sequence, 0), expected)


def test_masks_take_only_what_images_leave_of_the_limit(folder):
    sequence = with_masks(folder, cache=imggen.Cache("ram", limit=IMAGE_BYTES))
    targets(sequence, 0)

    remove_all(folder)

    with pytest.raises(ImageError, match="masks"):
        targets(sequence, 0)


def test_a_mask_that_changed_is_seen_after_close(folder):
    sequence = with_masks(folder)
    before = targets(sequence, 0)
    path = min((folder / "masks").rglob("*.png"))
    write_mask(path, 100)
    assert_same(targets(sequence, 0), before)

    sequence.close()

    assert int((targets(sequence, 0)["y"] - before["y"]).max()) == 100


class Blot:
    """Writes into the mask that it is given."""

    name = "Blot"

    def augment(self, sample, rng):
        sample.masks[0][...] = 77
        return Sample(sample.image, sample.masks), {}


def test_steps_never_write_into_what_is_kept(folder):
    sequence = with_masks(folder, augment=Blot())
    for epoch in range(2):
        assert (targets(sequence, epoch)["y"] == 77).all()
    kept = sequence.batch_maker.samples(0).masks[0]
    np.testing.assert_array_equal(
        kept, with_masks(folder, cache=None).batch_maker.samples(0).masks[0]
    )


def test_a_loader_may_reuse_its_array(folder):
    buffer = np.zeros((*SIZE, 1), np.uint8)

    def load(path):
        buffer[...] = len(path) if "masks" in path else 1
        buffer[0, 0] = int(path.rpartition(".")[0][-1])
        return buffer

    sequence = with_masks(folder, loader=load, image_size=None)
    first, second = targets(sequence, 0), targets(sequence, 1)

    assert_same(first, second)
    assert len({mask.tobytes() for mask in second["y"]}) == NUM


def test_a_row_that_two_threads_load_is_counted_once(monkeypatch):
    image, mask = np.zeros((4, 4, 3), np.uint8), np.ones((4, 4, 1), np.uint8)
    sample = Sample(image, masks=(mask,))
    once, twice = KeptTargets(RamCache(2)), KeptTargets(RamCache(2))
    once.keep(0, sample)

    copy = kept_targets._copy

    def keep_in_the_meantime(array):
        monkeypatch.setattr(kept_targets, "_copy", copy)
        twice.keep(0, sample)
        return copy(array)

    monkeypatch.setattr(kept_targets, "_copy", keep_in_the_meantime)
    twice.keep(0, sample)
    assert once._bytes_stored == twice._bytes_stored > mask.nbytes
    found = twice.find(0, image)
    assert found is not None
    np.testing.assert_array_equal(found.masks[0], mask)
