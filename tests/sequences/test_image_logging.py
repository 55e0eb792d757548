"""LogImages: the pixels of each epoch, read back from TensorBoard."""

import io
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import imggen
from imggen import ImageSequence, LogImages, Splits
from imggen.errors import (
    ExportError,
    ImggenWarning,
    MissingExtraError,
    OptionError,
    OptionTypeError,
)
from tests.helpers.images import write_images


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> imggen.Manifest:
    return imggen.scan(write_images(tmp_path_factory.mktemp("images"), {"a": 5, "b": 5}))


def make_sequence(manifest: imggen.Manifest, **options: Any) -> ImageSequence:
    given = {"augment": "light", "rescale": "-1to1", "seed": 5, **options}
    return ImageSequence(manifest, image_size=(8, 8), batch_size=4, workers=0, **given)


def make_model() -> Any:
    keras.utils.set_random_seed(1)
    layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    model.compile("sgd", "mse")
    return model


def fit(sequence: ImageSequence, *callbacks: Any, **options: Any) -> npt.NDArray[Any]:
    """Trains a model; returns its weights."""
    model = make_model()
    model.fit(sequence, callbacks=list(callbacks), verbose=0, **options)
    weights: npt.NDArray[Any] = np.asarray(model.get_weights()[0])
    return weights


def expected_picture(manifest: imggen.Manifest, epoch: int) -> npt.NDArray[Any]:
    sequence = make_sequence(manifest)
    sequence.epoch = epoch
    return np.asarray(sequence.show_batch(0))


def read_pictures(folder: Path) -> dict[tuple[str, int], npt.NDArray[Any]]:
    """The pictures in a folder of TensorBoard, by tag and step."""
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return {
        (tag, event.step): np.asarray(Image.open(io.BytesIO(event.tensor_proto.string_val[2])))
        for tag in events.PluginTagToContent("images")
        for event in events.Tensors(tag)
    }


# Keras copies the learning rate that its own callback logs.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_tensorboard_gets_the_pixels_of_the_chosen_epochs(
    manifest: imggen.Manifest, tmp_path: Path
) -> None:
    plain = fit(make_sequence(manifest), epochs=3)
    for name in ("folder", "callback"):
        sequence, folder = make_sequence(manifest), tmp_path / name
        board = keras.callbacks.TensorBoard(folder, write_graph=False)
        log, callbacks = (folder, []) if name == "folder" else (board, [board])
        weights = fit(sequence, LogImages(sequence, log, epochs=(0, 2)), *callbacks, epochs=3)
        np.testing.assert_array_equal(weights, plain)
        assert sequence.epoch == 3
        pictures = read_pictures(folder / "train")
        assert sorted(pictures) == [("images", 0), ("images", 2)]
        for (_, epoch), picture in pictures.items():
            np.testing.assert_array_equal(picture, expected_picture(manifest, epoch))


def test_a_function_gets_the_picture_of_each_epoch_and_sequence(manifest: imggen.Manifest) -> None:
    logged: dict[tuple[str, int], Any] = {}

    def log(name: str, picture: Image.Image, epoch: int) -> None:
        logged[name, epoch] = np.asarray(picture)

    train, val = make_sequence(manifest), make_sequence(manifest, augment=None, shuffle=False)
    splits = Splits([train, val], ("train", "val"))
    callback = LogImages(splits, log)
    fit(train, callback, validation_data=val, epochs=1)
    # A run that is resumed: with initial_epoch, the epoch is that of fit.
    fit(train, callback, validation_data=val, initial_epoch=1, epochs=2)
    train.epoch = 7
    fit(train, callback, initial_epoch=4, epochs=5)
    assert list(logged) == [(f"images/{name}", k) for k in (0, 1, 4) for name in ("train", "val")]
    for epoch, of_sequence in ((0, 0), (1, 1), (4, 4)):
        expected = expected_picture(manifest, of_sequence)
        np.testing.assert_array_equal(logged["images/train", epoch], expected)
    shown = make_sequence(manifest, augment=None, shuffle=False).show_batch(0)
    for epoch in (0, 1, 4):
        np.testing.assert_array_equal(logged["images/val", epoch], np.asarray(shown))
    logged.clear()
    fit(train, LogImages({"x": train}, log, num_images=1, cell=16), epochs=1)
    assert logged["images/x", 0].shape[0] < shown.height


def test_a_sequence_that_fit_does_not_read_is_reported(manifest: imggen.Manifest) -> None:
    sequence = make_sequence(manifest)
    callback = LogImages(sequence, lambda *_: None, epochs=[0])
    model = make_model()
    generator = sequence.generator()
    options = {"steps_per_epoch": 3, "epochs": 2, "shuffle": False, "verbose": 0}
    with pytest.warns(ImggenWarning, match="epoch 0 of 'images' again: fit does not read"):
        model.fit(generator, callbacks=[callback], **options)
    # Parts of an epoch, in several epochs of fit, are no reason to warn.
    fit(sequence, callback, steps_per_epoch=1, epochs=3)
    sequence.close()


def test_arguments_are_checked(
    manifest: imggen.Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence = make_sequence(manifest)
    for options, error, message in (
        ({"epochs": [-1]}, OptionError, "epochs=-1"),
        ({"epochs": 3}, OptionTypeError, "epochs=3"),
        ({"epochs": "all"}, OptionTypeError, "epochs='all' is of type str"),
        ({"num_images": 0}, OptionError, "num_images=0"),
        ({"cell": 0}, OptionError, "cell=0"),
        ({"sequence": {"a": 1}}, OptionTypeError, "sequence={'a': 1} is of type dict"),
        ({"sequence": Splits(["b"], ("a",))}, OptionTypeError, r"sequence\['a'\]='b' is of type"),
        ({"sequence": {}}, OptionError, "sequence={} is empty"),
        ({"log": 3}, OptionTypeError, "log=3"),
        ({"log": b"logs"}, OptionTypeError, r"log=b'logs' .*os\.fsdecode"),
        ({"log": ""}, ExportError, "path of the folder is empty"),
        ({"log": Path(__file__)}, ExportError, "is not a folder"),
        ({"log": Path(__file__) / "logs"}, ExportError, "Not a directory"),
    ):
        with pytest.raises(error, match=message):
            LogImages(**{"sequence": sequence, "log": print, **options})
    board = keras.callbacks.TensorBoard(tmp_path)
    with pytest.raises(OptionError, match=r"Pass both: callbacks=\[board"):
        fit(sequence, LogImages(sequence, board), epochs=1)
    for package in ("tensorboard", "tensorflow"):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(MissingExtraError, match=rf"{package}.*pip install 'imggen\[tensorb"):
            LogImages(sequence, tmp_path)
    LogImages(sequence, print)
