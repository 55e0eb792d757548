"""Sequences and the drop-in serve the same images with a cache."""

import numpy as np
import pytest

import imggen
from tests.helpers.images import through_jpeg, write_images


def bits(sequence, epochs=2):
    return [x.tobytes() + y.tobytes() for _ in range(epochs) for x, y in sequence]


@pytest.mark.parametrize(
    "workers",
    [{"workers": 0}, {"workers": 3}, {"workers": 2, "use_multiprocessing": True}],
    ids=str,
)
def test_a_sequence_serves_the_same_bits(photos, tmp_path, workers):
    options = {"image_size": (16, 16), "batch_size": 5, "seed": 3, "augment": np.flipud}
    expected = bits(imggen.ImageSequence(imggen.scan(photos), **options))
    for _ in range(2):
        with imggen.ImageSequence(
            imggen.scan(photos), **options, cache=tmp_path / "kept", **workers
        ) as sequence:
            assert bits(sequence) == expected


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("color_mode", ["rgb", "grayscale"])
def test_the_drop_in_serves_the_same_bits(photos, tmp_path, exact, color_mode):
    write_images(photos, {"emu": 3}, suffix=".jpg")

    def served(cache):
        generator = imggen.ImageDataGenerator(rotation_range=30, rescale=1 / 255, exact=exact)
        batches = generator.flow_from_directory(
            photos, (16, 16), color_mode, batch_size=4, seed=5, cache=cache
        )
        got = []
        for _ in range(2):
            got += [x.tobytes() + y.tobytes() for x, y in (batches[at] for at in range(5))]
            batches.on_epoch_end()
        return got

    expected = served(None)
    assert served(tmp_path / "kept") == expected
    assert served(tmp_path / "kept") == expected


# The drop-in with its images packed


def from_drop_in(photos, cache, color_mode="rgb", epochs=2, **options):
    """The images of each epoch, in the order of the files."""
    batches = imggen.ImageDataGenerator(**options).flow_from_directory(
        photos, (16, 12), color_mode, batch_size=5, shuffle=False, cache=cache
    )
    got = []
    for _ in range(epochs):
        got.append(np.concatenate([batches[at][0] for at in range(len(batches))]))
        batches.on_epoch_end()
    return got


@pytest.mark.parametrize("where", ["ram", "folder"])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_the_drop_in_serves_its_own_images_through_a_jpeg(tmp_path, where, suffix):
    photos = write_images(tmp_path / "photos", {"cat": 8, "dog": 5}, suffix=suffix)
    (plain,) = from_drop_in(photos, None, epochs=1)
    expected = [through_jpeg(image.astype(np.uint8), 70) for image in plain]
    assert not np.array_equal(plain, expected)

    cache = imggen.Cache("ram" if where == "ram" else tmp_path / "kept", "jpeg", 70)
    for _ in range(2):
        for epoch in from_drop_in(photos, cache):
            assert epoch.dtype == np.float32
            assert np.array_equal(epoch, expected)


def test_the_drop_in_augments_the_decoded_jpeg(photos, tmp_path):
    options = {"rescale": 1 / 255, "preprocessing_function": np.flipud}
    (plain,) = from_drop_in(photos, None, epochs=1)
    packed = np.stack([through_jpeg(image.astype(np.uint8)) for image in plain])
    for epoch in from_drop_in(photos, imggen.Cache(tmp_path / "kept", "jpeg"), **options):
        np.testing.assert_allclose(epoch, packed[:, ::-1] / 255, atol=1e-6)


def test_grayscale_floats_of_the_drop_in_are_kept_as_they_are(photos, tmp_path):
    expected = from_drop_in(photos, None, "grayscale")
    for _ in range(2):
        got = from_drop_in(photos, imggen.Cache(tmp_path / "kept", "jpeg", 5), "grayscale")
        assert np.array_equal(got, expected)


def test_the_drop_in_refuses_to_pack_transparency(photos):
    with pytest.raises(imggen.errors.OptionError, match="cannot keep the transparency"):
        from_drop_in(photos, imggen.Cache("ram", "jpeg"), "rgba")


@pytest.mark.parametrize("where", ["ram", "folder"])
def test_the_drop_in_refuses_a_set_larger_than_its_limit(photos, tmp_path, where):
    cache = imggen.Cache("ram" if where == "ram" else tmp_path / "kept", limit=16 * 16 * 12 * 3 - 1)
    with pytest.raises((imggen.errors.OptionError, imggen.errors.CacheError), match="limit="):
        from_drop_in(photos, cache)


@pytest.mark.parametrize("where", ["ram", "folder"])
def test_the_drop_in_continues_beyond_the_limit_of_packed_images(photos, tmp_path, where):
    expected = from_drop_in(photos, imggen.Cache("ram", "jpeg"), epochs=3)
    place = "ram" if where == "ram" else tmp_path / "kept"
    cache = imggen.Cache(place, "jpeg", limit=5000)  # of about 14,000
    with pytest.warns(imggen.errors.ImggenWarning) as told:
        got = from_drop_in(photos, cache, epochs=3)
    assert len(told) == 1
    assert np.array_equal(got, expected)
