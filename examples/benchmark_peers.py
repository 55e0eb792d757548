"""How fast imggen and its peers make batches of your own images, measured in turns.

python examples/benchmark_peers.py DIR [--works plain affine ...] [--output assets]

DIR holds one folder of JPEGs a class. Each contender has a process of its own, which lives through
all rounds. They take turns: while one makes its images, all others are stopped. Ratios are taken
within a round, so that a machine that slows down slows all. What is not installed is said to be
missing. Peers that live in another environment get its Python: --python ffcv=other/bin/python.

Writes OUTPUT/benchmark.md and OUTPUT/benchmark.png.
"""

import argparse
import dataclasses
import datetime as dt
import functools
import glob
import importlib.metadata
import json
import math
import os
import platform
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

# Nothing but the standard library up here: this file also runs in environments of the peers.

AFFINE: dict[str, Any] = {
    "rotation_range": 20,
    "width_shift_range": 0.1,
    "height_shift_range": 0.1,
    "shear_range": 10,
    "zoom_range": 0.1,
    "horizontal_flip": True,
}
SCALE, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)  # of the random-resized crop
LARGE = (4000, 3000)
CLOSE = "close"  # ends the name of a row that is run and not reported
PEERS = ("imggen", "keras", "tf.data", "torch", "grain", "dali", "ffcv")
REPORTED = ("imggen", "keras", "tensorflow", "torch", "grain", "nvidia.dali", "ffcv", "numpy")
REPORTED += ("scipy", "cv2", "PIL", "albumentations")


@dataclasses.dataclass(frozen=True)
class Job:
    """What every contender of a work is given; a turn is whole epochs, ``seconds`` at least."""

    directory: str
    image_size: int
    batch_size: int
    cores: int
    scratch: str
    seconds: float

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.image_size, self.image_size

    @property
    def files(self) -> list[str]:
        """The paths of all images."""
        return sorted(glob.glob(os.path.join(glob.escape(self.directory), "*", "*")))


Epoch = Callable[[], int]  # makes all images, and returns their number
Make = Callable[[Job], Epoch | dict[str, Epoch]]
Rates = dict[str, float]  # images per second by row


@dataclasses.dataclass(frozen=True)
class Contender:
    """One way to make batches."""

    name: str
    about: str
    make: Make

    @property
    def peer(self) -> str:
        """What it is a way of: the first word of its name."""
        return self.name.replace(",", "").split()[0].lower()


@dataclasses.dataclass(frozen=True)
class Work:
    """What all contenders have to do, and which rate each is compared with."""

    title: str
    about: str
    against: str
    reference: Callable[[str, Rates], float | None]
    contenders: tuple[Contender, ...]


# ---------------------------------------------------------------------------------- contenders


def ceiling(job: Job, interpolation: str = "bilinear") -> Epoch:
    """The decoder of imggen on threads: no batches, no order, nothing else."""
    from imggen import ImageSpec, load_image

    load = functools.partial(load_image, spec=ImageSpec(job.size, interpolation=interpolation))

    def epoch() -> int:
        with ThreadPoolExecutor(job.cores) as threads:
            return sum(1 for _ in threads.map(load, job.files))

    return epoch


def flow_from(
    job: Job, *, ours: bool, affine: bool = False, exact: bool = False, **options: Any
) -> Any:
    """An iterator of Keras's ImageDataGenerator, or of imggen's."""
    if ours:
        from imggen import ImageDataGenerator
    else:
        from keras.src.legacy.preprocessing.image import ImageDataGenerator
    generator = ImageDataGenerator(
        **(AFFINE if affine else {}), **({"exact": True} if exact else {})
    )
    return generator.flow_from_directory(
        job.directory, target_size=job.size, batch_size=job.batch_size, seed=7, **options
    )


def next_by_next(flow: Any) -> int:
    """One epoch of an endless iterator."""
    return sum(len(next(flow)[0]) for _ in range(len(flow)))


def legacy(job: Job, **options: Any) -> functools.partial[int]:
    """Keras's ImageDataGenerator."""
    return functools.partial(next_by_next, flow_from(job, ours=False, **options))


def drop_in(job: Job, **options: Any) -> functools.partial[int]:
    """The drop-in for it."""
    return functools.partial(next_by_next, flow_from(job, ours=True, **options))


def native_sequence(
    job: Job, *, augment: str = "", cache: str | None = None, **options: Any
) -> Any:
    """imggen.from_directory; ``cache="folder"`` is one in the scratch folder."""
    import imggen

    if augment == "affine":
        options["augment"] = albumentations_affine()
    elif augment == "crop":
        if not hasattr(imggen, "RandomResizedCrop"):
            raise ImportError("not in this version", name="imggen.RandomResizedCrop")
        options["augment"] = [imggen.RandomResizedCrop(scale=SCALE, ratio=RATIO), flip]
    if cache == "folder":
        cache = os.path.join(job.scratch, "cache")
    return imggen.from_directory(
        job.directory,
        image_size=job.size,
        batch_size=job.batch_size,
        cache=cache,
        seed=7,
        **options,
    )


def batch_by_batch(sequence: Any) -> int:
    """One epoch of an imggen sequence."""
    return sum(len(x) for x, _ in sequence)


def native(job: Job, **options: Any) -> functools.partial[int]:
    """imggen.from_directory, read in a loop."""
    return functools.partial(batch_by_batch, native_sequence(job, **options))


def flip(image: Any, rng: Any) -> Any:
    """Mirrors half of the images."""
    return image[:, ::-1] if rng.random() < 0.5 else image


def albumentations_affine() -> Any:
    """What AFFINE asks for, in albumentations' words."""
    import albumentations
    import cv2

    affine = albumentations.Affine(
        rotate=(-20, 20),
        translate_percent={"x": (-0.1, 0.1), "y": (-0.1, 0.1)},
        shear={"x": (-10, 10), "y": (0, 0)},
        scale={"x": (0.9, 1.1), "y": (0.9, 1.1)},
        border_mode=cv2.BORDER_REPLICATE,
        p=1,
    )
    return albumentations.Compose([affine, albumentations.HorizontalFlip(p=0.5)])


def tf_data(
    job: Job, *, interpolation: str = "bilinear", affine: bool = False, cache: str = ""
) -> Epoch:
    """keras.utils.image_dataset_from_directory, with what users chain to it."""
    import keras
    import tensorflow as tf

    dataset = keras.utils.image_dataset_from_directory(
        job.directory,
        label_mode="categorical",
        image_size=job.size,
        batch_size=None if cache == "samples" else job.batch_size,
        interpolation=interpolation,
        seed=7,
        verbose=False,
    )
    parallel = tf.data.AUTOTUNE
    if cache == "samples":
        dataset = dataset.cache().shuffle(len(job.files))
        dataset = dataset.batch(job.batch_size, num_parallel_calls=parallel).prefetch(parallel)
    elif cache == "batches":
        dataset = dataset.cache().shuffle(1000).prefetch(parallel)
    if affine:
        shear = math.tan(math.radians(AFFINE["shear_range"]))
        layers = keras.layers
        augment = keras.Sequential(
            [
                layers.RandomRotation(AFFINE["rotation_range"] / 360, fill_mode="nearest"),
                layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"),
                layers.RandomShear(shear, 0.0, fill_mode="nearest"),
                layers.RandomZoom(0.1, 0.1, fill_mode="nearest"),
                layers.RandomFlip("horizontal"),
            ]
        )
        dataset = dataset.map(
            lambda x, y: (augment(x, training=True), y), num_parallel_calls=parallel
        ).prefetch(parallel)
    return lambda: sum(int(x.shape[0]) for x, _ in dataset)


class Samples:
    """A dataset as torch's DataLoader and FFCV's writer take it: a length, and items by number."""

    def __init__(self, items: list[Any], make: Callable[[Any], Any]) -> None:
        self.items = items
        self.make = make

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.make(self.items[index])


def torch_loader(job: Job, *, augment: str = "") -> Epoch:
    """A DataLoader of torch, one process a core, with albumentations."""
    import albumentations
    import cv2
    import numpy as np
    import torch

    cv2.setNumThreads(0)
    read = functools.partial(cv2.imread, flags=cv2.IMREAD_COLOR_RGB)
    resize = albumentations.Resize(*job.size)
    affine = albumentations_affine()
    crop = albumentations.Compose(
        [
            albumentations.RandomResizedCrop(job.size, scale=SCALE, ratio=RATIO),
            albumentations.HorizontalFlip(p=0.5),
        ]
    )

    def make(file: str) -> Any:
        image = resize(image=read(file))["image"]
        if augment == "affine":
            image = affine(image=image)["image"]
        return torch.from_numpy(image).float()

    def make_crop(image: Any) -> Any:
        return torch.from_numpy(np.ascontiguousarray(crop(image=image)["image"]))

    if augment == "crop":
        samples = Samples([read(file) for file in job.files], make_crop)
    else:
        samples = Samples(job.files, make)
    loader = torch.utils.data.DataLoader(
        samples,
        batch_size=job.batch_size,
        shuffle=True,
        num_workers=job.cores,
        persistent_workers=True,
        multiprocessing_context="fork",
    )
    return lambda: sum(len(batch) for batch in loader)


def grain_dataset(job: Job) -> Epoch:
    """PyGrain on threads, with Pillow."""
    import grain.python as grain
    import numpy as np
    from PIL import Image

    def load(file: str) -> Any:
        with Image.open(file) as image:
            resized = image.convert("RGB").resize(job.size, Image.Resampling.BILINEAR)
        return np.asarray(resized, np.float32)

    images = grain.MapDataset.source(job.files).shuffle(seed=7).map(load)
    options = grain.ReadOptions(num_threads=job.cores, prefetch_buffer_size=4 * job.batch_size)
    batches = images.to_iter_dataset(options).batch(job.batch_size)
    return lambda: sum(len(batch) for batch in batches)


def dali(job: Job, *, affine: bool = False) -> Epoch:
    """A DALI pipeline on the CPU."""
    import numpy as np
    from nvidia.dali import fn, pipeline_def, types

    side = job.image_size
    centre = (side / 2, side / 2)

    def between(limit: float, middle: float = 0.0) -> Any:
        return fn.random.uniform(range=(middle - limit, middle + limit), shape=[2])

    @pipeline_def(batch_size=job.batch_size, num_threads=job.cores, device_id=None)
    def pipeline() -> Any:
        files, labels = fn.readers.file(
            file_root=job.directory, random_shuffle=True, name="reader", seed=7
        )
        images = fn.decoders.image(files, device="cpu", output_type=types.RGB)
        dtype = types.UINT8 if affine else types.FLOAT
        images = fn.resize(images, resize_x=side, resize_y=side, dtype=dtype)
        if affine:
            angle = fn.random.uniform(range=(-20, 20))
            matrix = fn.transforms.rotation(angle=angle, center=centre)
            matrix = fn.transforms.shear(matrix, angles=between(10), center=centre)
            matrix = fn.transforms.scale(matrix, scale=between(0.1, 1), center=centre)
            matrix = fn.transforms.translation(matrix, offset=between(0.1 * side))
            images = fn.warp_affine(images, matrix, inverse_map=False, dtype=types.FLOAT)
            images = fn.flip(images, horizontal=fn.random.coin_flip())
        return images, labels

    built = pipeline()
    built.build()
    num_batches = math.ceil(built.epoch_size("reader") / job.batch_size)

    def epoch() -> int:
        # The last batch is filled up with images of the next epoch; they count, being made.
        return sum(len(np.asarray(built.run()[0].as_tensor())) for _ in range(num_batches))

    return epoch


def ffcv(job: Job, *, crop: bool = False, small: bool = False) -> Epoch:
    """FFCV from its own file of raw pixels, written before the first turn."""
    import numpy as np
    from ffcv.fields import IntField, RGBImageField
    from ffcv.fields.decoders import CenterCropRGBImageDecoder, RandomResizedCropRGBImageDecoder
    from ffcv.loader import Loader, OrderOption
    from ffcv.transforms import RandomHorizontalFlip
    from ffcv.writer import DatasetWriter
    from PIL import Image

    def load(file: str) -> Any:
        with Image.open(file) as image:
            return np.asarray(image.convert("RGB")), 0

    packed = os.path.join(job.scratch, f"small-{small}.beton")
    side = job.image_size * 8 // 7 if small else 512
    fields = {"image": RGBImageField(write_mode="raw", max_resolution=side), "label": IntField()}
    DatasetWriter(packed, fields, num_workers=job.cores).from_indexed_dataset(
        Samples(job.files, load)
    )
    steps = [CenterCropRGBImageDecoder(job.size, ratio=1)]
    if crop:
        decoder = RandomResizedCropRGBImageDecoder(job.size, scale=SCALE, ratio=RATIO)
        steps = [decoder, RandomHorizontalFlip()]
    loader = Loader(
        packed,
        batch_size=job.batch_size,
        num_workers=job.cores,
        order=OrderOption.RANDOM,
        pipelines={"image": steps, "label": None},
        drop_last=False,
    )
    return lambda: sum(len(images) for (images,) in loader)


def fit(job: Job, *, loader: Callable[[Job], functools.partial[int]]) -> dict[str, Epoch]:
    """A model about as fast as its loader: the loader alone, the model alone, and ``fit``."""
    import keras

    load, data = loader(job), loader(job).args[0]
    batch, num_batches, num_images = data[0], len(data), len(job.files)
    num_repeated = num_batches * len(batch[0])

    class Repeated(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is untyped
        def __len__(self) -> int:
            return num_batches

        def __getitem__(self, index: int) -> Any:
            return batch

    def train(model: keras.Model, dataset: Any, images: int, epochs: int = 0) -> int:
        epochs = epochs or max(2, 60 // num_batches)  # begin and end are to count for little
        model.fit(dataset, epochs=epochs, verbose=0)
        return epochs * images

    def build(width: int) -> Epoch:
        layers = keras.layers
        model = keras.Sequential(
            [
                keras.Input((*job.size, 3)),
                layers.Rescaling(1 / 255),
                layers.Conv2D(width, 3, strides=2, activation="relu"),
                layers.Conv2D(2 * width, 3, strides=2, activation="relu"),
                layers.GlobalAveragePooling2D(),
                layers.Dense(batch[1].shape[1], activation="softmax"),
            ]
        )
        model.compile("adam", "categorical_crossentropy")
        return functools.partial(train, model)

    def close() -> int:
        # What was begun for a next epoch must not run beside the next row.
        for sequence in (data, load.args[0]):
            getattr(sequence, "close", int)()
        return 0

    @functools.cache  # in the first turn, which is not counted, when nothing else runs
    def calibrated() -> Any:
        load()
        wanted = rate(load, job.seconds)
        close()
        best: tuple[float, Any] = (math.inf, None)
        for width in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128):
            trained = build(width)
            alone = functools.partial(trained, Repeated(), num_repeated, epochs=1)
            alone()
            reached = rate(alone, 0)
            best = min(best, (abs(math.log(reached / wanted)), trained), key=lambda pair: pair[0])
            if reached < wanted:
                break
        return best[1]

    return {
        "loader alone": load,
        f"loader {CLOSE}": close,
        "model alone": lambda: calibrated()(Repeated(), num_repeated),
        "fit": lambda: calibrated()(data, num_images),
        f"fit {CLOSE}": close,
    }


# --------------------------------------------------------------------------------------- works


def beside(name: str) -> Callable[[str, Rates], float | None]:
    """All rows are compared with the row ``name``."""
    return lambda _, rates: rates.get(name)


def beside_one_worker(name: str, rates: Rates) -> float | None:
    """Rows are compared with the same loader on one worker."""
    return rates.get(name.partition("=")[0] + "=1")


def beside_the_slower(name: str, rates: Rates) -> float | None:
    """``fit`` is compared with the slower of its two parts."""
    prefix, _, row = name.partition(": ")
    parts = [rates.get(f"{prefix}: {part}") for part in ("loader alone", "model alone")]
    return min(part for part in parts if part) if row == "fit" and all(parts) else None


def works(cores: int) -> dict[str, Work]:
    """All works by name; ``threads`` depends on the number of cores."""

    def by(name: str, about: str, make: Any, **options: Any) -> Contender:
        return Contender(name, about, functools.partial(make, **options))

    smooth, ram = "bilinear, antialiased", 'cache="ram"'
    packed = "file of raw pixels, sides up to"
    near, linear = {"interpolation": "nearest"}, {"interpolation": "bilinear"}
    keras = by("Keras legacy", "ImageDataGenerator; nearest", legacy)
    keras_affine = by("Keras legacy", "ImageDataGenerator", legacy, affine=True)
    tf_plain = "image_dataset_from_directory"
    against_keras = ("× Keras legacy", beside("Keras legacy"))
    once = "Images are decoded and resized in every epoch; float32."
    turned = "Turned by 20°, shifted by 0.1, sheared by 10°, zoomed by 0.1, mirrored; float32."
    drop_in_nearest = by("imggen drop-in", "ImageDataGenerator; nearest", drop_in)
    native_bilinear = by("imggen native", f"from_directory; {smooth}", native)
    counts = sorted({*(2**n for n in range(cores.bit_length())), cores})

    plain = (
        by(
            "imggen decoder, nearest",
            "the ceiling: load_image on threads; nearest",
            ceiling,
            **near,
        ),
        by("imggen decoder, bilinear", f"the ceiling: load_image on threads; {smooth}", ceiling),
        keras,
        by("tf.data, nearest", f"{tf_plain}; nearest", tf_data, **near),
        by("tf.data, bilinear", f"{tf_plain}; bilinear, not antialiased", tf_data),
        by("torch", "DataLoader, albumentations; bilinear, not antialiased", torch_loader),
        by("grain", f"MapDataset on threads, Pillow; {smooth}", grain_dataset),
        by("DALI", f"pipeline on the CPU; {smooth}", dali),
        by("imggen drop-in, nearest", "ImageDataGenerator; nearest", drop_in),
        by("imggen drop-in, bilinear", f"ImageDataGenerator; {smooth}", drop_in, **linear),
        by("imggen native, nearest", "from_directory; nearest", native, **near),
        by("imggen native, bilinear", f"from_directory; {smooth}", native),
    )
    affine = (
        keras_affine,
        by("tf.data", "Keras layers, each of which resamples", tf_data, affine=True),
        by("torch", "DataLoader, albumentations", torch_loader, augment="affine"),
        by("DALI", "warp_affine and flip on the CPU", dali, affine=True),
        by("imggen drop-in", "ImageDataGenerator", drop_in, affine=True),
        by("imggen drop-in, exact", "Keras's bits: exact=True", drop_in, affine=True, exact=True),
        by("imggen native", "from_directory, albumentations", native, augment="affine"),
    )
    cached = (
        dataclasses.replace(keras, about="ImageDataGenerator; has no cache"),
        by("tf.data, samples", "cache() of samples, shuffled anew", tf_data, cache="samples"),
        by("tf.data, batches", "cache() of batches, always the same", tf_data, cache="batches"),
        by("FFCV, 512", f"{packed} 512, centre crop resized; uint8", ffcv),
        by(
            "FFCV, small",
            f"{packed} 8/7 of the image size, centre crop resized; uint8",
            ffcv,
            small=True,
        ),
        by("imggen drop-in", ram, drop_in, cache="ram"),
        by("imggen native", ram, native, cache="ram"),
        by("imggen native, uint8", f"{ram}; uint8", native, cache="ram", dtype="uint8"),
        by("imggen native, folder", "cache=FOLDER; uint8", native, cache="folder", dtype="uint8"),
    )
    cached_affine = (
        dataclasses.replace(keras_affine, about="ImageDataGenerator; has no cache"),
        by("imggen drop-in", ram, drop_in, affine=True, cache="ram"),
        by("imggen native", f"{ram}, albumentations", native, augment="affine", cache="ram"),
    )
    in_ram = {"augment": "crop", "cache": "ram", "dtype": "uint8"}
    cached_crop = (
        by("FFCV, 512", f"{packed} 512", ffcv, crop=True),
        by("FFCV, small", f"{packed} 8/7 of the image size", ffcv, crop=True, small=True),
        by("torch", "DataLoader, albumentations; images in RAM", torch_loader, augment="crop"),
        by("imggen native", f"RandomResizedCrop, {ram}", native, **in_ram),
    )
    tf_bilinear = by("tf.data", f"{tf_plain}; bilinear, not antialiased", tf_data)
    large = (keras, tf_bilinear, drop_in_nearest, native_bilinear)
    threads = tuple(
        by(f"{each.name}, workers={count}", each.about, each.make, workers=count)
        for each in (drop_in_nearest, native_bilinear)
        for count in counts
    )
    fits = tuple(
        by(each.name, each.about, fit, loader=each.make.func)
        for each in (keras, drop_in_nearest, native_bilinear)
    )
    kept = "Out of a cache where there is one; float32 where nothing else is said."
    crops = "Crops of 8 to 100 % of the area, resized and mirrored; uint8."
    enlarged = "Made from yours by enlarging. First epoch, no augmentation; float32."
    fitted = "A model about as fast as its loader; on a CPU both share the cores; float32."
    return {
        "plain": Work("First epoch, no augmentation", once, *against_keras, plain),
        "affine": Work("First epoch, affine augmentation", turned, *against_keras, affine),
        "cached": Work("Later epochs, no augmentation", kept, *against_keras, cached),
        "cached-affine": Work("Later epochs, affine", turned, *against_keras, cached_affine),
        "cached-crop": Work(
            "Later epochs, crops", crops, "× FFCV, 512", beside("FFCV, 512"), cached_crop
        ),
        "large": Work("Photos of 4000 × 3000", enlarged, *against_keras, large),
        "threads": Work("More threads", once, "× one worker", beside_one_worker, threads),
        "fit": Work("Training", fitted, "× slower part", beside_the_slower, fits),
    }


# -------------------------------------------------------------------------- the child's process


def rate(epoch: Epoch, seconds: float) -> float:
    """Images per second over whole epochs, one at least, for so many seconds at least."""
    started, images = time.perf_counter(), 0
    while True:
        images += epoch()
        elapsed = time.perf_counter() - started
        if elapsed >= seconds:
            return images / elapsed


def versions() -> dict[str, str]:
    """The versions of what this process has loaded."""
    found = {"Python": platform.python_version()}
    for name in REPORTED:
        if name in sys.modules:
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:  # imported by another name
                found[name] = sys.modules[name].__version__
    return found


def serve(work: str, name: str, job: Job) -> None:
    """Takes a turn for every line of standard input, and answers each with a line of JSON."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer

    def answer(**message: Any) -> None:
        print(json.dumps(message), file=answers, flush=True)

    contender = next(one for one in works(job.cores)[work].contenders if one.name == name)
    try:
        made = contender.make(job)
        rows = made if isinstance(made, dict) else {"": made}
        epochs = {f"{name}: {row}" if row else name: epoch for row, epoch in rows.items()}
        answer(versions=versions())
        for _ in sys.stdin:
            rates = {}
            for row, epoch in epochs.items():
                if row.endswith(CLOSE):
                    epoch()
                else:
                    rates[row] = rate(epoch, job.seconds)
            answer(rates=rates)
    except ImportError as err:
        answer(problem=f"missing: {err.name} ({err})")
    except Exception as err:  # noqa: BLE001 - peers raise what they like
        traceback.print_exc()
        answer(problem=f"failed: {type(err).__name__}: {err}")


# ------------------------------------------------------------------------- the parent's process


class Child:
    """A contender in its process, stopped while it is not its turn.

    Args:
        work: The name of the work.
        contender: Who.
        job: What.
        python: The interpreter.
        timeout: Seconds that an answer may take.
    """

    def __init__(
        self, work: str, contender: Contender, job: Job, python: str, timeout: float
    ) -> None:
        self.contender = contender
        self.problem = ""
        self._timeout = timeout
        self._log = tempfile.TemporaryFile("w+", dir=job.scratch)  # noqa: SIM115
        self._process = subprocess.Popen(  # noqa: S603 - this very script
            [
                *(python, os.path.abspath(__file__), "--contender", work, contender.name),
                json.dumps(dataclasses.asdict(job)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1", "TF_CPP_MIN_LOG_LEVEL": "2"},
            # Not a session of its own: if this process is killed, the system ends the stopped ones.
            **({"process_group": 0} if hasattr(os, "killpg") else {}),
        )

    def ready(self) -> dict[str, str]:
        """Waits until the contender could start; the versions that it has loaded."""
        return self._answer().get("versions", {})

    def turn(self) -> Rates:
        """Lets the contender take its turn; nothing if it failed."""
        self._signal("SIGCONT")
        try:
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, and the answer says so
        return self._answer().get("rates", {})

    def close(self) -> None:
        """Ends the process, and those that it has started."""
        self._signal("SIGKILL")
        self._process.communicate()
        self._log.close()

    def _answer(self) -> dict[str, Any]:
        late = threading.Timer(self._timeout, self._signal, ["SIGKILL"])
        late.start()
        line = self._process.stdout.readline()
        late.cancel()
        answer: dict[str, Any] = {"problem": "failed: ended, or had to be, with no answer"}
        if line:
            answer = json.loads(line)
        self._signal("SIGSTOP")
        self.problem = " ".join(answer.get("problem", "").split())
        if self.problem:
            print(f"{self.contender.name}: {self.problem}", file=sys.stderr)
        if self.problem.startswith("failed"):
            self._log.seek(0)
            print(self._log.read()[-3000:], file=sys.stderr)
        return answer

    def _signal(self, name: str) -> None:
        """Signals the process and those that it has started; on Windows it can only be ended."""
        if self._process.poll() is None and hasattr(os, "killpg"):
            os.killpg(self._process.pid, getattr(signal, name))
        elif name == "SIGKILL":
            self._process.kill()


@dataclasses.dataclass
class Row:
    """A line of a table, and a bar of the chart."""

    name: str
    contender: Contender
    rates: list[float] = dataclasses.field(default_factory=list)
    ratios: list[float] = dataclasses.field(default_factory=list)
    problem: str = ""

    @property
    def cells(self) -> tuple[str, str, str]:
        """Images per second, from where to where, and the ratio."""
        if self.problem:
            return self.problem.replace("|", "/")[:160], "", ""
        low, high = number(min(self.rates)), number(max(self.rates))
        ratio = f"{statistics.median(self.ratios):.2f}" if self.ratios else ""
        return number(statistics.median(self.rates)), f"{low} to {high}", ratio


def number(value: float) -> str:
    """Three figures or more, with commas."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def measure(
    name: str, job: Job, args: argparse.Namespace, used: dict[str, set[str]]
) -> tuple[Work, list[Row]]:
    """Lets all contenders of a work take turns; a round that is not counted comes first."""
    work = works(job.cores)[name]
    pythons = dict(args.python)
    rounds: list[Rates] = []
    children: list[Child] = []
    by_child: dict[str, list[str]] = {}
    try:
        for contender in work.contenders:
            python = pythons.get(contender.peer, sys.executable)
            children.append(Child(name, contender, job, python, args.timeout))
        for child in children:
            for package, version in child.ready().items():
                used.setdefault(package, set()).add(version)
        for done in range(args.rounds + 1):
            print(f"{name}: round {done} of {args.rounds}", file=sys.stderr)
            rates: Rates = {}
            first = done % len(children)
            for child in children[first:] + children[:first]:
                if not child.problem:
                    served = child.turn()
                    rates |= served
                    by_child[child.contender.name] = list(served)
            if done > 0:
                rounds.append(rates)
    finally:
        for child in children:
            child.close()
    rows = []
    for child in children:
        names = by_child.get(child.contender.name) or [child.contender.name]
        for row_name in names:
            row = Row(row_name, child.contender, problem=child.problem)
            for rates in rounds:
                reference = work.reference(row_name, rates)
                if row_name in rates:
                    row.rates.append(rates[row_name])
                    row.ratios += [rates[row_name] / reference] if reference else []
            rows.append(row)
    return work, rows


def link_images(directory: str, folder: str, limit: int | None) -> list[str]:
    """Links JPEGs into ``folder/<class>``, so that all contenders find the same ones."""
    found = [
        (class_name, path)
        for class_name in sorted(os.listdir(directory))
        for path in sorted(
            glob.glob(os.path.join(glob.escape(directory), class_name, "**", "*"), recursive=True)
        )
        if path.lower().endswith((".jpg", ".jpeg"))
    ]
    if not found:
        raise SystemExit(f"{directory} holds no JPEGs in class folders: {directory}/<class>/*.jpg")
    step = len(found) / min(limit or len(found), len(found))
    links = []
    for index in range(round(len(found) / step)):
        class_name, path = found[int(index * step)]
        links.append(os.path.join(folder, class_name, f"{index:07d}.jpg"))
        os.makedirs(os.path.dirname(links[-1]), exist_ok=True)
        os.symlink(os.path.abspath(path), links[-1])
    return links


def make_large(files: list[str], folder: str, count: int, cores: int) -> None:
    """Writes ``count`` photos as large as a camera's, made from ``files``."""
    from PIL import Image

    def write(index: int) -> None:
        path = files[index * len(files) // count % len(files)]
        class_folder = os.path.join(folder, os.path.basename(os.path.dirname(path)))
        os.makedirs(class_folder, exist_ok=True)
        with Image.open(path) as image:
            large = image.convert("RGB").resize(LARGE, Image.Resampling.LANCZOS)
        large.save(os.path.join(class_folder, f"{index}.jpg"), quality=90)

    with ThreadPoolExecutor(cores) as threads:
        list(threads.map(write, range(count)))


# ---------------------------------------------------------------------------------- the report


def machine(cores: int) -> str:
    """The processor, the cores that may be used, and the system."""
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
        name = names[0] if names else name
    return f"{name}, {cores} usable cores, {platform.system()} {platform.release()}"


def report(facts: dict[str, str], tables: Iterable[tuple[Work, list[Row]]]) -> str:
    """The Markdown."""
    lines = ["# Images per second", ""]
    lines += [f"- {name}: {value}" for name, value in facts.items()]
    for work, rows in tables:
        lines += ["", f"## {work.title}", "", work.about, ""]
        lines += [f"| contender | what it does | images/s | from, to | {work.against} |"]
        lines += ["|---|---|--:|--:|--:|"]
        lines += [
            f"| {row.name} | {row.contender.about} | {' | '.join(row.cells)} |" for row in rows
        ]
    return "\n".join(lines) + "\n"


def chart(facts: dict[str, str], tables: list[tuple[Work, list[Row]]], path: str) -> None:
    """Draws a bar for each row; each work has a scale of its own."""
    from PIL import Image, ImageDraw, ImageFont

    scale, width, left, right, line, head = 2, 900, 230, 150, 22, 66
    ink, faint, peer_colour, our_colour = "#1f2328", "#656d76", "#c4cad1", "#0969da"
    rule = "#d8dee4"
    title, heading, text, small = (
        ImageFont.load_default(size * scale) for size in (22, 15, 12.5, 11)
    )
    caption = textwrap.wrap("  ·  ".join(facts.values()), 150)
    height = 86 + sum(head + line * len(rows) for _, rows in tables) + 26 + 16 * len(caption) + 14
    picture = Image.new("RGB", (width * scale, height * scale), "#ffffff")
    draw = ImageDraw.Draw(picture)

    def write(x: float, y: float, words: str, colour: str, font: Any, anchor: str = "lm") -> None:
        words = words.replace("×", "x")  # which Pillow's own font does not have
        draw.text((x * scale, y * scale), words, colour, font, anchor=anchor)

    def box(x: float, y: float, to_x: float, to_y: float, colour: str, radius: float = 0) -> None:
        corners = [round(value * scale) for value in (x, y, to_x - 1 / scale, to_y - 1 / scale)]
        draw.rounded_rectangle(corners, radius * scale, colour)

    write(24, 34, "Images per second", ink, title)
    box(24, 60, 36, 72, our_colour, 2)
    write(42, 66.5, "imggen", faint, text)
    box(104, 60, 116, 72, peer_colour, 2)
    write(122, 66.5, "others", faint, text)
    write(width - 24, 66.5, "median; the thin line: slowest to fastest round", faint, small, "rm")
    y = 86.0
    for work, rows in tables:
        write(24, y + 22, work.title, ink, heading)
        write(width - 24, y + 22, work.against, faint, small, "rm")
        write(24, y + 42, work.about.rstrip("."), faint, small)
        y += head - 10
        unit = (width - left - right) / max([1e-9, *(max(row.rates or [0]) for row in rows)])
        box(left, y, left + 1, y + line * len(rows), rule)
        for row in rows:
            middle = y + line / 2
            ours = row.contender.peer == "imggen"
            write(left - 8, middle, row.name, ink, text, "rm")
            rate_cell, _, ratio = row.cells
            if row.problem:
                write(left + 8, middle, row.problem.partition(":")[0], faint, text)
            else:
                end = left + max(1, unit * statistics.median(row.rates))
                low, high = (left + unit * pick(row.rates) for pick in (min, max))
                box(left, middle - 7, end, middle + 7, our_colour if ours else peer_colour, 2)
                box(low, middle - 0.5, max(high, low + 1), middle + 0.5, ink)
                write(max(end, high) + 6, middle, rate_cell, ink, text)
                write(width - 24, middle, f"× {ratio}" if ratio else "", faint, text, "rm")
            y += line
        y += 10
    box(24, y + 16, width - 24, y + 17, rule)
    for index, words in enumerate(caption):
        write(24, y + 34 + 16 * index, words, faint, small)
    picture.save(path, optimize=True)


def python_of_peer(value: str) -> tuple[str, str]:
    """``ffcv=other/bin/python`` as a pair."""
    peer, _, path = value.partition("=")
    if peer not in PEERS or not path:
        raise argparse.ArgumentTypeError(f"{value!r} is not NAME=PATH, NAME of {', '.join(PEERS)}")
    if shutil.which(path) is None:
        raise argparse.ArgumentTypeError(f"{path!r} is no interpreter")
    return peer, path


def main() -> None:
    """Measures, and writes the report."""
    if sys.argv[1:2] == ["--contender"]:
        serve(sys.argv[2], sys.argv[3], Job(**json.loads(sys.argv[4])))
        return
    from PIL import Image

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cores = cores or 1
    names = list(works(cores))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--works", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--images", type=int, help="images an epoch; all, if not given")
    parser.add_argument("--seconds", type=float, default=1, help="a turn is whole epochs, so long")
    parser.add_argument("--timeout", type=float, default=900, help="seconds that a turn may take")
    parser.add_argument("--python", type=python_of_peer, action="append", default=[])
    parser.add_argument("--output", default="assets")
    args = parser.parse_args()
    if not os.path.isdir(args.directory):
        parser.error(f"{args.directory!r} is no folder")

    used: dict[str, set[str]] = {}
    tables = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        files = link_images(args.directory, os.path.join(scratch, "photos"), args.images)
        sizes = []
        for file in files:
            with Image.open(file) as image:
                sizes.append(image.size)
        for name in args.works:
            job = Job(
                os.path.join(scratch, "photos"),
                args.image_size,
                args.batch_size,
                cores,
                os.path.join(scratch, name),
                args.seconds,
            )
            os.makedirs(job.scratch)
            if name == "large":
                # For threads that make a batch each, and for those that share one.
                batch_size = min(args.batch_size, max(2, cores))
                folder = os.path.join(scratch, "large-photos")
                make_large(files, folder, batch_size * max(12, 2 * cores), cores)
                job = dataclasses.replace(job, directory=folder, batch_size=batch_size)
            tables.append(measure(name, job, args, used))

    width, height = (statistics.median(sides) for sides in zip(*sizes, strict=True))
    command = shlex.join(["python", *sys.argv]).replace(os.path.expanduser("~"), "~")
    facts = {
        "images": f"{len(files)} JPEGs, median size {width:g} × {height:g}, made {args.image_size} "
        f"× {args.image_size}, {args.batch_size} a batch",
        "machine": machine(cores),
        "versions": ", ".join(
            f"{name} {' and '.join(sorted(found))}" for name, found in used.items()
        ),
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "command": f"`{command}`",
        "how": f"medians of rounds taken in turns, {args.rounds} in all; ratios within a round",
    }
    os.makedirs(args.output, exist_ok=True)
    text = report(facts, tables)
    with open(os.path.join(args.output, "benchmark.md"), "w", encoding="utf-8") as file:
        file.write(text)
    shown = {name: facts[name] for name in ("images", "machine", "versions", "date")}
    chart(shown, tables, os.path.join(args.output, "benchmark.png"))
    print(text)


if __name__ == "__main__":
    main()
