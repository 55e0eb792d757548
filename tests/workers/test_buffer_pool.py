"""Memory of batches: used again when nobody holds it, and never a moment sooner."""

import gc
import os
import pickle
import subprocess
import sys
import threading
import warnings
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest

from imggen import from_directory
from imggen.workers.buffer_pool import BufferPool
from tests.helpers.cases import each_case

SHAPE = (4, 6, 5, 3)


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def empty(buffers: BufferPool, shape=SHAPE, dtype="float32") -> np.ndarray:
    return buffers.empty(shape, dtype)


def is_in_use(holder_of) -> bool:
    """Whether memory stays untouched as long as ``holder_of(array)`` is there."""
    buffers = BufferPool(capacity=3)
    first = empty(buffers)
    first[:] = 1
    place, holder = address(first), holder_of(first)
    del first
    gc.collect()
    others = [empty(buffers) for _ in range(5)]
    used_again = place in map(address, others)
    del holder
    return not used_again


HOLDERS = {
    "the array": lambda array: array,
    "a row": lambda array: array[2],
    "every other value": lambda array: array[..., ::-2],
    "a view of a view": lambda array: array[1:][:, 2:].T,
    "a reshaped view": lambda array: array.reshape(-1),
    "other bytes": lambda array: array.view(np.uint8),
    "moved axes": lambda array: np.moveaxis(array, -1, 1),
    "a broadcast": lambda array: np.broadcast_to(array, (2, *array.shape)),
    "a memory view": memoryview,
    "a part of a memory view": lambda array: memoryview(array).cast("B")[3:9],
    "an array of a memory view": lambda array: np.asarray(memoryview(array)),
    "an array from a buffer": lambda array: np.frombuffer(array, dtype=np.uint8),
    "an iterator over rows": iter,
    "flat values": lambda array: array.flat,
    "a DLPack capsule": lambda array: array.__dlpack__(),
    "an array by DLPack": np.from_dlpack,
    "a masked array": np.ma.MaskedArray,
    "a list of rows": list,
    "its base": lambda array: array.base,
    "the pointer of ctypes": lambda array: array.ctypes.data_as(np.ctypeslib.ctypes.c_void_p),
}


@each_case("holder", HOLDERS)
def test_memory_is_not_used_again_while_there_is(holder):
    assert is_in_use(HOLDERS[holder])


@pytest.mark.parametrize(
    "make",
    [
        lambda torch, array: torch.from_numpy(array),
        lambda torch, array: torch.as_tensor(array)[1:].transpose(0, 1),
        lambda torch, array: torch.from_dlpack(array),
        lambda torch, array: torch.from_numpy(array).numpy(),
    ],
    ids=["from_numpy", "a part of as_tensor", "from_dlpack", "and back"],
)
def test_memory_is_not_used_again_while_there_is_a_tensor_of_torch(make):
    torch = pytest.importorskip("torch")

    assert is_in_use(lambda array: make(torch, array))


@pytest.mark.parametrize("make", ["convert_to_tensor", "constant", "from_dlpack"])
def test_a_tensor_of_tensorflow_keeps_its_values(make):
    tensorflow = pytest.importorskip("tensorflow")
    buffers = BufferPool(capacity=2)
    first = empty(buffers)
    first[:] = 1
    tensor = (
        tensorflow.experimental.dlpack.from_dlpack(first.__dlpack__())
        if make == "from_dlpack"
        else getattr(tensorflow, make)(first)
    )
    del first
    for _ in range(5):
        empty(buffers)[:] = 2

    assert (tensor.numpy() == 1).all()


@pytest.mark.parametrize("make", ["asarray", "array", "from_dlpack"])
def test_an_array_of_jax_keeps_its_values(make):
    jax = pytest.importorskip("jax")
    buffers = BufferPool(capacity=2)
    # Only what is aligned as JAX has it is taken without a copy, and NumPy promises no alignment.
    for shape in [SHAPE, (64, 64, 3), (1 << 20,)]:
        first = empty(buffers, shape)
        first[:] = 1
        held = getattr(jax.numpy, make)(first)
        del first
        for _ in range(5):
            empty(buffers, shape)[:] = 2
        assert (np.asarray(held) == 1).all()


def test_memory_that_nobody_holds_is_used_again():
    buffers = BufferPool(capacity=3)

    assert len({address(empty(buffers)) for _ in range(50)}) == 1


def test_memory_is_used_again_once_the_last_holder_is_gone():
    buffers = BufferPool(capacity=3)
    first = empty(buffers)
    place, row, tail = address(first), first[1], first[2:].view(np.uint8)
    del first
    assert address(empty(buffers)) != place
    del row
    assert place not in {address(one) for one in [empty(buffers) for _ in range(2)]}
    del tail
    assert place in {address(one) for one in [empty(buffers) for _ in range(3)]}


def test_every_array_is_writable_and_of_the_shape_and_dtype_asked_for():
    buffers = BufferPool(capacity=3)
    for shape in [(), (0,), (3,), (2, 0, 4), (2, 3), (6,), (3, 2)] * 2:
        for dtype in ("float32", "uint8", np.dtype("<f8"), np.float16, "int32"):
            array = empty(buffers, shape, dtype)
            assert (array.shape, array.dtype) == (shape, np.dtype(dtype))
            assert array.flags.writeable
            assert array.flags.c_contiguous
            array[...] = 1


@pytest.mark.parametrize(
    ("shape", "dtype"), [((6, 4, 5, 3), "float32"), (SHAPE, "int32"), ((4, 6, 5, 2), "float32")]
)
def test_memory_of_another_shape_or_dtype_is_not_used(shape, dtype):
    buffers = BufferPool(capacity=3)
    place = address(empty(buffers))
    other = empty(buffers, shape, dtype)
    again = empty(buffers)

    assert address(other) != place
    assert address(again) == place


def test_one_reshaped_in_place_leaves_the_next_one_alone():
    buffers = BufferPool(capacity=1)
    first = empty(buffers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        first.shape = (-1,)
    del first

    assert empty(buffers).shape == SHAPE


def test_no_more_buffers_are_known_of_than_was_said():
    buffers = BufferPool(capacity=3)
    held = [empty(buffers) for _ in range(10)]
    places = set(map(address, held))
    assert len(places) == 10
    del held
    again = [empty(buffers) for _ in range(10)]

    assert len(buffers._buffers) == 3
    assert len(set(map(address, again))) == 10


def test_one_buffer_at_most_is_one():
    buffers = BufferPool(capacity=1)
    first, second = empty(buffers), empty(buffers)

    assert address(first) != address(second)
    assert len(buffers._buffers) == 1


def test_shapes_that_come_no_more_make_way():
    buffers = BufferPool(capacity=3)
    for number in range(1, 40):
        empty(buffers, (number, 7))
    assert len(buffers._buffers) == 3


def test_what_is_cleared_is_forgotten_and_its_arrays_live_on():
    buffers = BufferPool(capacity=3)
    first = empty(buffers)
    first[:] = 5
    buffers.clear()
    for _ in range(5):
        empty(buffers)[:] = 6

    assert (first == 5).all()
    assert buffers._buffers[0] is not first.base


@pytest.mark.parametrize("is_free_threaded", [0, 1, None])
def test_memory_is_not_used_again_where_reference_counts_are_not_exact(
    monkeypatch, is_free_threaded
):
    monkeypatch.setattr("sysconfig.get_config_var", {"Py_GIL_DISABLED": is_free_threaded}.get)
    buffers = BufferPool(capacity=3)
    first = empty(buffers)

    assert (first.shape, first.dtype, first.flags.writeable) == (SHAPE, np.float32, True)
    assert len(buffers._buffers) == (0 if is_free_threaded else 1)
    assert first.flags.owndata == bool(is_free_threaded)  # memory of its own, which no pool knows


def test_threads_never_share_the_memory_of_what_is_alive():
    buffers = BufferPool(capacity=6)
    start, wrong, places = threading.Barrier(8), [], Counter()

    def hammer(number):
        rng = np.random.default_rng(number)
        kept = []
        start.wait()
        for turn in range(1500):
            array = empty(buffers, (40,), "int64")
            array[:] = mark = number * 10_000 + turn
            kept.append((array[rng.integers(30) :], mark))
            places[address(array)] += 1
            del array
            while len(kept) > rng.integers(4):
                part, expected = kept.pop(int(rng.integers(len(kept))))
                if not (part == expected).all():
                    wrong.append((number, turn))

    threads = [threading.Thread(target=hammer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert max(places.values()) > 1  # some was used again, or nothing was shown


def test_a_pickled_copy_is_empty_and_of_the_same_limit():
    buffers = BufferPool(capacity=2)
    held = [empty(buffers) for _ in range(2)]
    copy = pickle.loads(pickle.dumps(buffers))

    assert copy._capacity == 2
    assert address(empty(copy)) not in map(address, held)


FORK = """
import os, signal, threading
from imggen.workers.buffer_pool import BufferPool

buffers = BufferPool(capacity=2)
first = buffers.empty((4, 5), "float32")
first[:] = 1
held, wait = threading.Event(), threading.Event()

def hold():
    with buffers._lock:
        held.set()
        wait.wait(30)

thread = threading.Thread(target=hold)
thread.start()
assert held.wait(30)
child = os.fork()
if child == 0:
    signal.alarm(20)
    second = buffers.empty((4, 5), "float32")
    apart = second.ctypes.data != first.ctypes.data
    first[:] = 2
    del first
    buffers.empty((4, 5), "float32")[:] = 3
    os._exit(0 if apart else 1)
wait.set()
thread.join()
assert os.waitpid(child, 0)[1] == 0
assert (first == 1).all()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_a_lock_and_memory_of_its_own():
    done = subprocess.run(
        [sys.executable, "-c", FORK],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr


# In a sequence


def add_noise(image, rng):
    return image // 2 + rng.integers(0, 100, image.shape, dtype=np.uint8)


def sequence_of(folder, **options):
    return from_directory(
        folder,
        **{"image_size": (20, 24), "batch_size": 3, "augment": add_noise, "seed": 5, **options},
    )


OPTIONS = [
    {"workers": 0},
    {"workers": 3},
    {"workers": 3, "max_queue_size": 1},
    {"workers": 2, "label_mode": "input"},
    {"workers": 2, "label_mode": None, "data_format": "channels_first"},
    {"workers": 2, "drop_remainder": True, "dtype": "uint8"},
]


def flat(batch):
    return batch if isinstance(batch, tuple) else (batch,)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_batches_that_are_kept_stay_what_they_were(photos, options):
    with sequence_of(photos, **options) as sequence:
        kept = [batch for _ in range(3) for batch in sequence]
        for _ in range(3):
            for _ in sequence:
                pass
    with sequence_of(photos, **options) as fresh:
        copies = [[part.copy() for part in flat(batch)] for _ in range(3) for batch in fresh]

    for batch, copy in zip(kept, copies, strict=True):
        for part, expected in zip(flat(batch), copy, strict=True):
            np.testing.assert_array_equal(part, expected)


def test_a_part_of_a_batch_that_is_kept_stays_what_it_was(photos):
    with sequence_of(photos, workers=3, label_mode=None) as sequence:
        kept, copies = [], []
        for _ in range(4):
            for x in sequence:
                kept.append(x[0, ::2, :, 0])
                copies.append(kept[-1].copy())
                del x
    np.testing.assert_array_equal(np.stack(kept), np.stack(copies))


def test_what_a_user_writes_into_a_batch_shows_in_no_other(photos):
    with sequence_of(photos, workers=2) as plain:
        wanted = [x.copy() for _ in range(3) for x, _ in plain]
    with sequence_of(photos, workers=2) as sequence:
        came = []
        for _ in range(3):
            for x, _ in sequence:
                came.append(x.copy())
                x[:] = -1
    for x, expected in zip(came, wanted, strict=True):
        np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("on_error", ["skip", "substitute"])
def test_rows_of_an_earlier_batch_never_show_where_files_are_broken(photos, on_error):
    for name in ("cat/001.png", "dog/002.png", "dog/003.png"):
        (photos / name).write_bytes(b"broken")

    def served(keep):
        with sequence_of(photos, workers=2, on_error=on_error) as sequence:
            kept, copies = [], []
            for epoch in range(3):
                for index in range(len(sequence)):
                    sequence.epoch = epoch
                    x, _ = sequence[index]
                    copies.append(x.copy())
                    kept.append(x if keep else None)
                    del x
            return copies

    for one, other in zip(served(True), served(False), strict=True):
        np.testing.assert_array_equal(one, other)


def test_training_while_memory_is_used_again_gives_the_weights_of_copies(photos):
    def tiny_model():
        keras.utils.set_random_seed(1)
        layers = [keras.Input((20, 24, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]
        model = keras.Sequential(layers)
        model.compile(keras.optimizers.SGD(1e-4), "mse")
        return model

    options = {"workers": 2, "rescale": 1 / 255, "max_queue_size": 1}
    with sequence_of(photos, **options) as sequence:
        batches = [tuple(np.copy(part) for part in batch) for _ in range(3) for batch in sequence]
    with sequence_of(photos, **options) as sequence:
        model = tiny_model()
        model.fit(sequence, epochs=3, verbose=0)
    other = tiny_model()
    before = other.get_weights()
    for batch in batches:
        other.train_on_batch(*batch)

    for came, wanted, start in zip(model.get_weights(), other.get_weights(), before, strict=True):
        assert np.abs(wanted - start).max() > 1e-3
        np.testing.assert_allclose(came, wanted, atol=1e-6)


def test_the_buffer_that_was_used_last_comes_back_first():
    buffers = BufferPool(capacity=8)
    several = [buffers.empty((4, 4), np.uint8) for _ in range(5)]
    del several
    addresses = set()
    for _ in range(10):
        addresses.add(buffers.empty((4, 4), np.uint8).ctypes.data)
    assert len(addresses) == 1
