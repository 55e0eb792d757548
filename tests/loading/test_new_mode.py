"""A label mode that imggen does not know: all that it takes is one subclass of LabelMode."""

import numpy as np
import pytest
from PIL import Image

import imggen
from imggen.augment import MixUp, RandomBrightness, RandomFlip, Sample
from imggen.errors import OptionError
from imggen.loading import LabelMode


class BrightnessMode(LabelMode):
    """The mean of each augmented image, and how much of it a mask of its left half still covers."""

    name = "brightness"
    moves_with_image = True
    target_noun = "brightness"

    def check_manifest(self, manifest):
        if manifest.num_samples > 100:
            raise OptionError("Too many samples to measure.")

    def load(self, image):
        left = np.zeros((*image.array.shape[:2], 1), np.uint8)
        left[:, : left.shape[1] // 2] = 1
        return Sample(image.array, (left,))

    def sample_targets(self, sample, manifest, *, channels_first):
        return {
            "mean": np.array(sample.image.mean(), np.float32),
            "left": np.array(sample.masks[0][:, :4].mean(), np.float32),
        }

    def batch_targets(self, batch):
        return np.stack([batch.arrays["mean"], batch.arrays["left"]], axis=1)

    def explain(self, manifest, shares, *, is_mixed):
        return {"row": float(shares[0][0])}

    def show(self, pixels, targets, position, manifest, *, channels_first):
        return Sample(pixels), f"mean {targets[position, 0]:.0f}"

    def prediction_columns(self, output, manifest, unread, *, meaning):
        return {"brightness": output[:, 0]}


class LengthMode(LabelMode):
    """The length of each path: the least that a mode has to say."""

    name = "length"

    def check_manifest(self, manifest):
        pass

    def batch_targets(self, batch):
        return np.array([len(batch.manifest.paths[row]) for row in batch.rows], np.float32)


@pytest.fixture
def manifest(tmp_path):
    rng = np.random.default_rng(0)
    for row in range(10):
        pixels = rng.integers(0, 25 * (row + 1), (10, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{'x' * (row % 3)}{row}.png")
    return imggen.scan(tmp_path, labels=None)


def sequence_of(manifest, mode, **options):
    chosen = {"image_size": (10, 8), "batch_size": 4, "seed": 3, "workers": 0, **options}
    return imggen.ImageSequence(manifest, label_mode=mode, **chosen)


def network():
    import keras  # not above: worker processes import this module

    return keras.Sequential([keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])


AUGMENT = [RandomFlip("horizontal"), RandomBrightness((0.5, 1.5))]


@pytest.mark.parametrize(
    "options",
    [{}, {"workers": 2}, {"workers": 1, "use_multiprocessing": True}, {"cache": "ram"}],
    ids=str,
)
def test_targets_are_made_of_what_was_loaded_and_moved(manifest, options):
    with sequence_of(manifest, BrightnessMode(), augment=AUGMENT, **options) as sequence:
        rows = iter(sequence.served(0).tolist())
        for x, y in sequence:
            assert (y.dtype, y.shape) == (np.float32, (len(x), 2))
            np.testing.assert_allclose(y[:, 0], x.mean(axis=(1, 2, 3)), rtol=1e-5)
            for (_, left), row in zip(y, rows, strict=False):
                flip = sequence.explain(0, row).steps[0].parameters
                was_flipped = flip is not None and flip["horizontal"]
                assert left == (0 if was_flipped else 1)


def test_a_model_is_trained_on_it(manifest):
    sequence = sequence_of(manifest, BrightnessMode(), augment=AUGMENT, rescale=1 / 255)
    model = network()
    model.compile("adam", "mse")
    history = model.fit(sequence, epochs=2, verbose=0)

    assert np.isfinite(history.history["loss"]).all()


def test_it_says_what_explanations_batches_and_predictions_show(manifest):
    sequence = sequence_of(manifest, BrightnessMode(), augment=AUGMENT)
    model = network()

    assert str(sequence.explain(1, 7)).splitlines()[1] == "brightness: row 7.00"
    assert sequence.show_batch(num_images=3, cell=32).size[0] > 32
    assert list(sequence.predict(model).columns) == ["path", "brightness"]
    assert "label_mode='brightness'" in repr(sequence)


def test_its_own_requirements_are_checked_first(manifest):
    with pytest.raises(OptionError, match="Too many samples"):
        sequence_of(manifest.take(list(range(10)) * 11), BrightnessMode())


def test_what_moves_with_images_is_not_blended_unless_the_mode_says_so(manifest):
    with pytest.raises(OptionError, match=r"^MixUp .*label_mode='brightness' cannot be blended"):
        sequence_of(manifest, BrightnessMode(), augment=MixUp())


def test_two_methods_are_enough_for_a_mode_that_depends_on_rows_alone(manifest):
    sequence = sequence_of(manifest, LengthMode(), shuffle=False, batch_size=10)
    lengths = [len(path) for path in manifest.paths]

    assert sequence[0][1].tolist() == lengths
    mixed = sequence_of(manifest, LengthMode(), shuffle=False, batch_size=10, augment=MixUp(1.0))
    y = mixed[0][1]
    assert min(lengths) <= y.min() <= y.max() <= max(lengths)
    assert not set(y.tolist()) <= set(map(float, lengths))


def test_a_mode_without_both_methods_cannot_be_made():
    class Incomplete(LabelMode):
        name = "incomplete"

    with pytest.raises(TypeError, match="abstract"):
        Incomplete()
