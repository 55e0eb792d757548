"""Batches of Keras's ImageDataGenerator, frozen in a file, against those of imggen."""

import warnings

import numpy as np
import pytest

import imggen
from tests.legacy.golden.make_legacy import CASES, FILE, pixels, serve, serve_all, write_pictures

# Where this file was made, imggen's values are Keras's bit for bit. Elsewhere a sine or cosine, or
# the order in which a mean adds up, may differ in its last bit; float32 then differs by 1e-7.
LAST_BITS = {"rtol": 1e-6, "atol": 1e-5}


@pytest.fixture(scope="module")
def frozen():
    with np.load(FILE) as file:
        return dict(file)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("golden"))


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_batches_are_those_that_keras_served_when_it_still_could(name, exact, frozen, pictures):
    tolerance = dict(LAST_BITS) if exact else {"rtol": 1e-6, "atol": 0.02}
    if "rescale" in CASES[name][0]:
        tolerance["atol"] *= CASES[name][0]["rescale"]

    got = serve(imggen.ImageDataGenerator, name, pictures, exact=exact)

    wanted = {key: value for key, value in frozen.items() if key.startswith(f"{name}/")}
    assert got.keys() == wanted.keys()
    for key, value in wanted.items():
        assert (got[key].dtype, got[key].shape) == (value.dtype, value.shape)
        if key.endswith("/x"):
            np.testing.assert_allclose(got[key], value, **tolerance)
        else:
            assert np.array_equal(got[key], value)


def test_the_file_is_what_keras_serves_today(frozen):
    image = pytest.importorskip("keras.src.legacy.preprocessing.image")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Please import `affine_transform`", DeprecationWarning)
        served = serve_all(image.ImageDataGenerator)

    assert served.keys() == frozen.keys()
    for key, value in served.items():
        np.testing.assert_allclose(value, frozen[key], **LAST_BITS)


def test_the_pictures_come_back_from_their_files_as_they_were(frozen):
    """The first case does nothing to them, so the file holds pixels that can be checked by hand."""
    first = int(frozen["plain/order"][0, 0])
    image = frozen["plain/x"][: pixels()[0].size]

    assert image.tolist() == pixels()[first].ravel().tolist()
    assert FILE.stat().st_size < 60_000
