"""``imggen.statistics`` matches NumPy, without augmentation and whatever the settings are."""

import numpy as np
import pytest

import imggen
from imggen.errors import ImageError, OptionError, SampleError

SIZE = (8, 9)


def images_of(sequence):
    rows = range(sequence.samples)
    return np.stack([sequence.whole_images().image(row) for row in rows]).astype(np.float64)


def matches(stats, values):
    axes = tuple(range(values.ndim - 1))
    assert np.abs(np.array(stats.mean) - values.mean(axis=axes)).max() < 1e-12
    assert np.abs(np.array(stats.std) - values.std(axis=axes)).max() < 1e-12


def test_statistics_match_numpy(photos):
    for mode, channels in (("rgb", 3), ("grayscale", 1), ("rgba", 4)):
        for options in (
            {},
            {"rescale": 1 / 255, "data_format": "channels_first", "repeats": 2},
            {
                "cache": "ram",
                "augment": imggen.augment.RandomBrightness((0.5, 0.9)),
                "preprocess": np.abs,
            },
            {"augment": imggen.augment.RandomResizedCrop(), "cache": "ram"},
        ):
            train = imggen.from_directory(photos, image_size=SIZE, color_mode=mode, **options)
            stats = imggen.statistics(train)
            plain = imggen.from_directory(
                photos, image_size=SIZE, color_mode=mode, shuffle=False, batch_size=16
            )[0][0]
            matches(stats, plain.astype(np.float64) / 255)
            assert stats.histogram.shape == (channels, 256)
            assert stats.histogram.dtype == np.int64
            for channel in range(channels):
                counts = np.bincount(plain[..., channel].astype(int).ravel(), minlength=256)
                assert np.array_equal(stats.histogram[channel], counts)
            assert (stats.num_images, stats.num_unreadable) == (16, 0)
            assert imggen.statistics(train) is stats


def test_images_that_are_scaled_by_them_have_mean_0_and_std_1(photos):
    train, val = imggen.from_directory(photos, image_size=SIZE, split=(0.5, 0.25, 0.25))[:2]
    stats = imggen.statistics(train)
    assert stats.num_images == train.samples
    assert stats.mean != imggen.statistics(val).mean
    scaled = imggen.ImageSequence(
        train.manifest, image_size=SIZE, mean=stats.mean, std=stats.std, batch_size=99
    )[0][0]
    assert np.abs(scaled.mean(axis=(0, 1, 2))).max() < 1e-5
    assert np.abs(scaled.std(axis=(0, 1, 2)) - 1).max() < 1e-5


def test_arrays_of_a_loader_are_measured_as_they_are(photos):
    def load(path):
        number = int(path[-7:-4])
        return np.random.default_rng(number).normal(1e4 + number, 0.1, (3 + number, 4, 2))

    sequence = imggen.from_directory(photos, loader=load, batch_size=1)
    values = np.concatenate([load(path).reshape(-1, 2) for path in sequence.filepaths])
    stats = imggen.statistics(sequence)
    assert np.allclose(stats.mean, values.mean(axis=0), rtol=1e-12)
    assert np.allclose(stats.std, values.std(axis=0), rtol=1e-9)
    assert stats.histogram is None
    flat = imggen.from_directory(photos, loader=lambda path: load(path)[:, :, 0], batch_size=1)
    assert np.allclose(imggen.statistics(flat).mean, values[:, :1].mean(), rtol=1e-12)


def test_files_that_cannot_be_read_are_left_out_or_raise(photos):
    complete = imggen.statistics(imggen.from_directory(photos, image_size=SIZE))
    (photos / "cat" / "broken.png").write_bytes(b"broken")
    with pytest.raises(ImageError, match=r"broken\.png"):
        imggen.statistics(imggen.from_directory(photos, image_size=SIZE))
    stats = imggen.statistics(imggen.from_directory(photos, image_size=SIZE, on_error="skip"))
    assert (stats.mean, stats.std) == (complete.mean, complete.std)
    assert (stats.num_images, stats.num_unreadable) == (16, 1)


def test_what_cannot_be_measured_is_refused(photos):
    def load(path):
        return np.zeros((2, 2, 1 + ("dog" in path)), np.uint8)

    with pytest.raises(SampleError, match="has 2 channels, others have 1"):
        imggen.statistics(imggen.from_directory(photos, loader=load, batch_size=1))
    splits = imggen.from_directory(photos, split=(0.5, 0.25, 0.25))
    with pytest.raises(OptionError, match="such as the split train"):
        imggen.statistics(splits)
    for path in photos.rglob("*.png"):
        path.write_bytes(b"broken")
    with pytest.raises(ImageError):
        imggen.statistics(imggen.from_directory(photos, image_size=SIZE, on_error="skip"))
