"""The works to measure, their contenders, and the reference of each ratio."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

from peers.augmenters import (
    POLICY,
    built_ins,
    by_hand,
    by_imggen,
    by_keras,
    by_torchvision,
    in_albumentations,
)
from peers.bridged import from_hf, to_grain, to_tf_dataset, to_torch
from peers.contenders import (
    Make,
    ceiling,
    dali,
    drop_in,
    ffcv,
    grain_dataset,
    legacy,
    native,
    own_sequence,
    tf_data,
    torch_loader,
)
from peers.projects import drop_in_projects, keras_projects
from peers.training import fit, fit_small

Rates = dict[str, float]  # images per second by row


@dataclasses.dataclass(frozen=True)
class Contender:
    """One way to make batches."""

    name: str
    about: str
    make: Make

    @property
    def peer(self) -> str:
        """The package: the first word of the name."""
        return self.name.replace(",", "").split()[0].lower()


@dataclasses.dataclass(frozen=True)
class Work:
    """A task for all contenders, and the rate that each is compared with."""

    title: str
    about: str
    against: str
    reference: Callable[[str, Rates], float | None]
    contenders: tuple[Contender, ...]
    row_by_row: bool = False  # contenders take turns at each row, and not at all rows


def relative_to(name: str) -> Callable[[str, Rates], float | None]:
    """Compares all rows with the row ``name``."""
    return lambda _, rates: rates.get(name)


def relative_to_one_worker(name: str, rates: Rates) -> float | None:
    """Compares rows with the same loader on one worker."""
    return rates.get(name.partition("=")[0] + "=1")


def relative_to_slower(name: str, rates: Rates) -> float | None:
    """Compares ``fit`` with the slower of loader and model."""
    prefix, _, row = name.partition(": ")
    parts = [rates.get(f"{prefix}: {part}") for part in ("loader alone", "model alone")]
    return min(part for part in parts if part) if row == "fit" and all(parts) else None


def relative_to_keras(name: str, rates: Rates) -> float | None:
    """Compares a row of imggen with the same row of Keras."""
    contender, _, row = name.partition(": ")
    return rates.get(f"Keras legacy: {row}") if contender.startswith("imggen") else None


def works(cores: int) -> dict[str, Work]:
    """Returns all works by name; ``threads`` depends on the number of cores."""

    def by(name: str, about: str, make: Any, **options: Any) -> Contender:
        return Contender(name, about, functools.partial(make, **options))

    smooth, ram = "bilinear, antialiased", 'cache="ram"'
    packed = "file of raw pixels, sides up to"
    near, linear = {"interpolation": "nearest"}, {"interpolation": "bilinear"}
    keras = by("Keras legacy", "ImageDataGenerator; nearest", legacy)
    keras_affine = by("Keras legacy", "ImageDataGenerator", legacy, affine=True)
    tf_plain = "image_dataset_from_directory"
    against_keras = ("× Keras legacy", relative_to("Keras legacy"))
    against_own = ("× own PyDataset", relative_to("own PyDataset"))
    once = "Images are decoded and resized in every epoch; float32."
    turned = "Rotated by 20°, shifted by 0.1, sheared by 10°, zoomed by 0.1, flipped; float32."
    drop_in_nearest = by("imggen drop-in", "ImageDataGenerator; nearest", drop_in)
    native_bilinear = by("imggen native", f"from_directory; {smooth}", native)
    own = by("own PyDataset", "OpenCV on one thread; bilinear, not antialiased", own_sequence)
    counts = sorted({*(2**n for n in range(cores.bit_length())), cores})

    plain = (
        by(
            "imggen decoder, nearest",
            "load_image on threads, and no batches; nearest",
            ceiling,
            **near,
        ),
        by("imggen decoder, bilinear", f"load_image on threads, and no batches; {smooth}", ceiling),
        keras,
        own,
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
        by("tf.data, samples", "cache() of samples, reshuffled", tf_data, cache="samples"),
        by("tf.data, batches", "cache() of batches, always the same", tf_data, cache="batches"),
        by("FFCV, 512", f"{packed} 512, center crop resized; uint8", ffcv),
        by(
            "FFCV, small",
            f"{packed} 8/7 of the image size, center crop resized; uint8",
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
    augment = (
        by("albumentations", "Compose called directly; hue in HSV", by_hand),
        by("torchvision", "v2 on uint8; hue in HSV; black outside the image", by_torchvision),
        by("Keras layers", "on batches, one resampling per layer; hue in HSV; float32", by_keras),
        by(
            "imggen, albumentations",
            "the same Compose through the adapter",
            by_imggen,
            policy=in_albumentations,
        ),
        by(
            "imggen built-ins",
            "one resampling, one color matrix; hue by a matrix",
            by_imggen,
            policy=built_ins,
        ),
    )
    tf_bilinear = by("tf.data", f"{tf_plain}; bilinear, not antialiased", tf_data)
    small = (own, keras, tf_bilinear, drop_in_nearest, native_bilinear)
    fits_small = tuple(
        by(each.name, each.about, fit_small, loader=each.make)
        for each in (own, keras, tf_bilinear, drop_in_nearest, native_bilinear)
    )
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
    projects = (
        by("Keras legacy", "ImageDataGenerator", keras_projects),
        by("imggen drop-in", "ImageDataGenerator", drop_in_projects),
    )
    bridges = (
        native_bilinear,
        by("imggen to_tf_dataset", "a loop over the tf.data.Dataset", to_tf_dataset),
        by("imggen to_torch", "a DataLoader without workers", to_torch),
        by("imggen to_torch, 2 workers", "a DataLoader with processes", to_torch, workers=2),
        by("imggen to_grain", "a loop over the MapDataset", to_grain),
        by("imggen from_hf", "the same files, in a Hugging Face dataset", from_hf),
    )
    kept = "From a cache: imggen's holds resized images; FFCV crops and resizes in every epoch."
    crops = "Crops of 8 to 100 % of the area, resized and flipped; uint8."
    shrunk = (
        "The images are reduced to 100 × 100 beforehand, and the loader resizes them to 128 × 128. "
        "First epoch, no augmentation; float32."
    )
    enlarged = "The images are enlarged beforehand. First epoch, no augmentation; float32."
    fitted = "Each step sleeps as long as the loader takes, as if on an accelerator; float32."
    return {
        "plain": Work("First epoch, no augmentation", once, *against_keras, plain),
        "affine": Work("First epoch, affine augmentation", turned, *against_keras, affine),
        "cached": Work("Later epochs, no augmentation", kept, *against_keras, cached),
        "cached-affine": Work("Later epochs, affine", turned, *against_keras, cached_affine),
        "cached-crop": Work(
            "Later epochs, crops", crops, "× FFCV, 512", relative_to("FFCV, 512"), cached_crop
        ),
        "augment": Work(
            "Augmentation alone, affine and color",
            f"{POLICY} Images in RAM; one thread.",
            "× albumentations",
            relative_to("albumentations"),
            augment,
        ),
        "large": Work("Photos of 4000 × 3000", enlarged, *against_keras, large),
        "small": Work("Images of 100 × 100 to 128 × 128", shrunk, *against_own, small),
        "fit-small": Work("Training on small images", shrunk, *against_own, fits_small),
        "projects": Work(
            "Tasks from real projects",
            "The data is made from the images. The first batches of both are compared beforehand.",
            "× Keras legacy",
            relative_to_keras,
            projects,
            row_by_row=True,
        ),
        "bridges": Work("Bridges", once, "× imggen native", relative_to("imggen native"), bridges),
        "threads": Work("More threads", once, "× one worker", relative_to_one_worker, threads),
        "fit": Work("Training", fitted, "× slower part", relative_to_slower, fits),
    }
