"""imggen and its peers: one function per way to make batches.

Only the standard library is imported at module level: this file also runs in environments of the
peers, which lack imggen and Keras.
"""

import dataclasses
import functools
import glob
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

AFFINE: dict[str, Any] = {
    "rotation_range": 20,
    "width_shift_range": 0.1,
    "height_shift_range": 0.1,
    "shear_range": 10,
    "zoom_range": 0.1,
    "horizontal_flip": True,
}
SCALE, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)  # of the random-resized crop
CLOSE = "close"  # ends the names of rows that are run but not reported


@dataclasses.dataclass(frozen=True)
class Job:
    """The options of every contender; a turn lasts whole epochs, for at least ``seconds``."""

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


Epoch = Callable[[], int]  # makes all images and returns their number
Make = Callable[[Job], Epoch | dict[str, Epoch]]


def ceiling(job: Job, interpolation: str = "bilinear") -> Epoch:
    """The decoder of imggen on threads, without batches: the upper limit."""
    from imggen import ImageSpec, load_image

    spec = ImageSpec(job.size, interpolation=interpolation)
    threads = ThreadPoolExecutor(job.cores)
    shares = [job.files[start : start + 4] for start in range(0, len(job.files), 4)]

    def load(share: list[str]) -> int:
        return len([load_image(file, spec) for file in share])

    def epoch() -> int:
        return sum(threads.map(load, shares))

    return epoch


def flow_from(
    job: Job, *, ours: bool, affine: bool = False, exact: bool = False, **options: Any
) -> Any:
    """Builds an iterator of Keras's ImageDataGenerator, or of imggen's."""
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
    """Runs one epoch of an endless iterator."""
    return sum(len(next(flow)[0]) for _ in range(len(flow)))


def legacy(job: Job, **options: Any) -> functools.partial[int]:
    """Keras's ImageDataGenerator."""
    return functools.partial(next_by_next, flow_from(job, ours=False, **options))


def drop_in(job: Job, **options: Any) -> functools.partial[int]:
    """The drop-in ImageDataGenerator of imggen."""
    return functools.partial(next_by_next, flow_from(job, ours=True, **options))


def native_sequence(
    job: Job, *, augment: str = "", cache: str | None = None, **options: Any
) -> Any:
    """Builds a sequence; ``cache="folder"`` is a folder in the scratch folder."""
    import imggen

    if augment == "affine":
        options["augment"] = albumentations_affine()
    elif augment == "crop":
        options["augment"] = [imggen.augment.RandomResizedCrop(scale=SCALE, ratio=RATIO), flip]
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
    """Runs one epoch of an imggen sequence."""
    return sum(len(x) for x, _ in sequence)


def native(job: Job, **options: Any) -> functools.partial[int]:
    """imggen.from_directory, read in a loop."""
    return functools.partial(batch_by_batch, native_sequence(job, **options))


def own_sequence(job: Job) -> functools.partial[int]:
    """What many people write themselves: a PyDataset over OpenCV, on one thread."""
    import cv2
    import keras
    import numpy as np

    class OwnSequence(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is untyped
        def __init__(self) -> None:
            super().__init__()
            names = sorted(os.listdir(job.directory))
            self.files = np.array(job.files)
            self.labels = np.array(
                [names.index(os.path.basename(os.path.dirname(file))) for file in job.files]
            )
            self.one_hot = np.eye(len(names), dtype="float32")
            self.order = np.random.default_rng(7).permutation(len(self.files))

        def __len__(self) -> int:
            return math.ceil(len(self.files) / job.batch_size)

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            rows = self.order[index * job.batch_size : (index + 1) * job.batch_size]
            images = [cv2.imread(file)[:, :, ::-1] for file in self.files[rows]]
            x = np.stack([cv2.resize(image, job.size) for image in images]).astype("float32")
            return x, self.one_hot[self.labels[rows]]

    sequence = OwnSequence()
    return functools.partial(
        lambda data: sum(len(data[number][0]) for number in range(len(data))), sequence
    )


def flip(image: Any, rng: Any) -> Any:
    """Flips half of the images."""
    return image[:, ::-1] if rng.random() < 0.5 else image


def albumentations_affine() -> Any:
    """The augmentation of AFFINE in albumentations."""
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
    """keras.utils.image_dataset_from_directory with the usual tf.data steps."""
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
    return functools.partial(lambda data: sum(int(x.shape[0]) for x, _ in data), dataset)


class Samples:
    """A dataset as torch's DataLoader and FFCV's writer expect it: a length, and items by index."""

    def __init__(self, items: list[Any], make: Callable[[Any], Any]) -> None:
        self.items = items
        self.make = make

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.make(self.items[index])


def torch_loader(job: Job, *, augment: str = "") -> Epoch:
    """A torch DataLoader with one process per core and albumentations."""
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
    center = (side / 2, side / 2)

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
            matrix = fn.transforms.rotation(angle=angle, center=center)
            matrix = fn.transforms.shear(matrix, angles=between(10), center=center)
            matrix = fn.transforms.scale(matrix, scale=between(0.1, 1), center=center)
            matrix = fn.transforms.translation(matrix, offset=between(0.1 * side))
            images = fn.warp_affine(images, matrix, inverse_map=False, dtype=types.FLOAT)
            images = fn.flip(images, horizontal=fn.random.coin_flip())
        return images, labels

    built = pipeline()
    built.build()
    num_batches = math.ceil(built.epoch_size("reader") / job.batch_size)

    def epoch() -> int:
        # The last batch is filled with images of the next epoch, which count as well.
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
