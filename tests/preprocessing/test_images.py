"""``Preprocessing`` called with new images gives the bits that the sequence serves."""

import io
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

import imggen
from imggen import Preprocessing
from imggen.errors import ImageError, OptionError, SampleError

SIZE = (8, 10)
vgg16 = keras.applications.vgg16.preprocess_input
OPTIONS = [
    {},
    {"interpolation": "nearest", "rescale": 1 / 255, "dtype": "float64"},
    {"color_mode": "grayscale", "mean": 0.5, "std": 0.25, "interpolation": "bicubic"},
    {"color_mode": "rgba", "data_format": "channels_first", "dtype": "uint8"},
    {"crop_to_aspect_ratio": True, "preprocess": vgg16, "data_format": "channels_first"},
    {"pad_to_aspect_ratio": True, "rescale": "-1to1", "exif_orientation": False},
    {"augment": imggen.augment.RandomResizedCrop(), "mean": "imagenet", "std": "imagenet"},
    {"augment": imggen.augment.RandomCrop(source_size=12), "rescale": 1 / 255},
    {"augment": imggen.augment.CenterCrop()},
    {"interpolation": "area", "preprocess": keras.applications.resnet_v2.preprocess_input},
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """JPEG, PNG, gray, RGBA, CMYK, EXIF 6, 16-bit, palette and two colors, of other sizes."""
    folder = tmp_path_factory.mktemp("files")
    pixels = np.random.default_rng(0).integers(0, 256, (13, 14, 4), dtype=np.uint8)
    rgba = Image.fromarray(pixels).resize((15, 14), Image.Resampling.BICUBIC)
    rgb = rgba.convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb.save(folder / "a.jpg")
    rgb.save(folder / "b.png")
    rgb.convert("L").save(folder / "c.png")
    rgba.save(folder / "d.png")
    rgb.convert("CMYK").save(folder / "e.jpg")
    rgb.save(folder / "f.jpg", exif=exif)
    rgb.save(folder / "g.png", exif=exif)
    wide = np.random.default_rng(1).integers(0, 65536, (14, 15), dtype=np.uint16)
    Image.fromarray(wide).save(folder / "h.png")
    rgb.quantize(7).save(folder / "i.png", transparency=3)
    rgb.convert("1").save(folder / "j.png")
    rgb.resize((64, 52)).save(folder / "k.jpg")  # decoded at reduced size
    rgba.convert("LA").save(folder / "l.png")
    return sorted(map(str, folder.iterdir()))


def sequence_of(files, **options):
    return imggen.from_files(
        files, image_size=SIZE, batch_size=99, shuffle=False, workers=0, **options
    )


def served(sequence):
    """The batch without augmentation, as ``predict`` sees it."""
    seen = []

    class Model:
        def predict(self, x, verbose):
            seen.extend(x[index] for index in range(len(x)))
            return np.zeros((sum(map(len, seen)), 2))

    sequence.predict(Model(), from_logits=False)
    return np.concatenate(seen)


@pytest.mark.parametrize("number", range(len(OPTIONS)))
def test_all_forms_of_an_image_give_what_the_sequence_serves(files, number):
    sequence = sequence_of(files, **OPTIONS[number])
    expected = served(sequence)
    prep = sequence.preprocessing
    together = prep(files)
    assert together.dtype == expected.dtype
    assert np.array_equal(together, expected)
    for index, file in enumerate(files):
        with open(file, "rb") as opened:
            data = opened.read()
        one = expected[index : index + 1]
        assert np.array_equal(prep(file), one), file
        assert np.array_equal(prep(data), one), file
        assert np.array_equal(prep(memoryview(data)), one), file
        with Image.open(file) as image:
            size = image.size
            assert np.array_equal(prep(image), one), file  # not loaded yet
            assert image.size == size
            if not file.endswith("k.jpg"):
                image.load()
                assert np.array_equal(prep(image), one), file
        with Image.open(io.BytesIO(data)) as image:
            assert np.array_equal(prep([image]), one), file


def test_arrays_give_what_their_files_give(files):
    for options in OPTIONS:
        prep = sequence_of(files, **options).preprocessing
        for file in files:
            with Image.open(file) as image:
                if file[-5] in "bcd":  # PNG files of RGB, gray, RGBA
                    array = np.asarray(image)
                    assert np.array_equal(prep(array), prep(file)), file
                    assert np.array_equal(prep([array.astype(float)]), prep(file)), file
                    assert np.array_equal(prep([array, file]), prep([file, file])), file


def test_edited_images_are_not_read_from_their_files(files):
    prep = sequence_of(files).preprocessing
    with Image.open(files[1]) as image:
        image.paste((0, 0, 0), (0, 0, *image.size))
        assert not prep(image).any()
    with Image.open(files[0]) as image:
        assert np.array_equal(prep(image.rotate(180)), prep(np.asarray(image)[::-1, ::-1]))


def test_the_callers_arrays_are_not_written_to(files):
    array = np.full((*SIZE, 3), 7, np.uint8)
    for options in OPTIONS:
        if "color_mode" not in options:
            prep = sequence_of(files, **options).preprocessing
            x = prep(array)
            x[:] = 1
            assert (array == 7).all()
            assert min(x.strides) > 0


def test_a_fresh_process_gives_the_same_bits(files, tmp_path):
    expected = {}
    for number, options in enumerate(OPTIONS):
        sequence = sequence_of(files, **options)
        sequence.preprocessing.save(tmp_path / f"{number}.json")
        expected[number] = served(sequence)
    code = (
        "import sys, json, numpy, imggen\n"
        "files = json.loads(sys.argv[2])\n"
        f"for number in range({len(OPTIONS)}):\n"
        "    prep = imggen.Preprocessing.load(f'{sys.argv[1]}/{number}.json')\n"
        "    numpy.save(f'{sys.argv[1]}/{number}.npy', prep(files))\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), json.dumps(files)],
        check=True,
        timeout=120,
        env={**os.environ, "KERAS_BACKEND": "numpy"},
    )
    for number, batch in expected.items():
        assert np.array_equal(np.load(tmp_path / f"{number}.npy"), batch), OPTIONS[number]


def test_what_is_not_an_image_is_refused(files, tmp_path):
    prep = sequence_of(files).preprocessing
    unit = np.random.default_rng(0).random((8, 8, 3), np.float32)
    cases = [
        (unit, OptionError, r"values from .*; expected whole numbers from 0 to 255.*rescale"),
        (unit.round(), OptionError, "expected whole numbers"),
        (unit * 300, OptionError, "expected whole numbers"),
        (unit - 0.5, OptionError, "expected whole numbers"),
        (np.full((8, 8, 3), 300), OptionError, "expected whole numbers|values from"),
        (np.zeros((3, 8, 8), np.uint8), OptionError, "channels, which come last"),
        (np.zeros((0, 8, 3), np.uint8), OptionError, "no pixels"),
        (np.zeros(8, np.uint8), OptionError, "expected"),
        (None, OptionError, "of type NoneType; expected a path"),
        (3, OptionError, "of type int; expected a path"),
        ([], OptionError, "list of images is empty"),
        ([files[0], 3.0], OptionError, "of type float"),
        (str(tmp_path / "no.png"), ImageError, "no such file"),
        (b"", ImageError, "empty|cannot identify|Cannot read"),
        (b"broken", ImageError, "Cannot read"),
        (Image.new("F", (8, 8)), SampleError, "has the mode 'F'"),
        ("", (ImageError, OptionError), "Cannot read|empty"),
    ]
    for value, error, message in cases:
        with pytest.raises(error, match=message):
            prep(value)


def test_a_custom_loader_is_called_for_paths_and_not_saved(files, tmp_path):
    sequence = sequence_of_loader(files)
    prep = sequence.preprocessing
    assert np.array_equal(prep(files[:2]), sequence[0][:2])
    assert np.array_equal(prep(np.ones((2, 3))), [[[0.5, 0.5, 0.5]] * 2])
    assert (prep.image_size, prep.input_shape) == (None, None)
    for value in (b"bytes", Image.new("L", (3, 2))):
        with pytest.raises(SampleError, match="have a custom loader, which takes paths"):
            prep(value)
    with pytest.raises(SampleError, match="one shape"):
        prep([np.ones((2, 3)), np.ones((3, 3))])
    with pytest.raises(imggen.errors.PreprocessingError, match="A custom loader= cannot be saved"):
        prep.save(tmp_path / "prep.json")
    assert not list(tmp_path.iterdir())


def sequence_of_loader(files):
    def load(path):
        return np.full((2, 3), len(path))

    return imggen.from_files(files, loader=load, rescale=0.5, batch_size=2, shuffle=False)


def test_settings_are_frozen_and_comparable(files):
    one, other = (sequence_of(files, **OPTIONS[4]).preprocessing for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert len({sequence_of(files, **options).preprocessing for options in OPTIONS}) == len(OPTIONS)
    with pytest.raises(AttributeError):
        one.dtype = "float16"
    assert isinstance(one, Preprocessing)


def test_batches_of_any_array_and_collections_without_an_order():
    class Tensor:
        """A batch of another library, as far as NumPy uses it."""

        def __init__(self, values):
            self.values, self.ndim = values, values.ndim

        def __array__(self, dtype=None, copy=None):
            return self.values

        def __iter__(self):
            return iter(self.values)

    pixels = np.random.default_rng(0).integers(0, 256, (3, 9, 10, 3), dtype=np.uint8)
    prep = imggen.from_arrays(pixels, label_mode=None).preprocessing
    np.testing.assert_array_equal(prep(Tensor(pixels)), prep(list(pixels)))
    for images in ({"a.png": 1}, {"a.png"}):
        with pytest.raises(OptionError, match="images=.* is of type (dict|set)"):
            prep(images)
