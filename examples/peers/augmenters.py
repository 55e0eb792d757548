"""imggen and its peers: one function per way to augment images in RAM, on one thread.

Only the standard library is imported at module level: this file also runs in environments of the
peers, which lack imggen and Keras.
"""

import itertools
import math
from collections.abc import Callable
from typing import Any

from peers.contenders import Epoch, Job

DEGREES, SHIFT, LEAN = 20, 0.1, 10
ZOOM = (0.9, 1.1)
BRIGHTNESS, CONTRAST, SATURATION, HUE = (0.8, 1.2), (0.8, 1.2), (0.7, 1.3), 10  # degrees
POLICY = (
    f"Flipped, rotated by {DEGREES}°, shifted by {SHIFT}, sheared by {LEAN}°, zoomed by 0.1; "
    f"brightness and contrast by 0.2, saturation by 0.3, hue by {HUE}°."
)


def load_images(job: Job) -> list[Any]:
    """Loads and resizes all images: uint8, shape (height, width, 3)."""
    import numpy as np
    from PIL import Image

    images = []
    for file in job.files:
        with Image.open(file) as image:
            small = image.convert("RGB").resize(job.size, Image.Resampling.BILINEAR)
        images.append(np.asarray(small).copy())
    return images


def built_ins() -> Any:
    """The policy in imggen's own augmentations."""
    import imggen

    return [
        imggen.augment.RandomFlip(),
        imggen.augment.RandomRotation((-DEGREES, DEGREES)),
        imggen.augment.RandomTranslation((-SHIFT, SHIFT), (-SHIFT, SHIFT)),
        imggen.augment.RandomShear((-LEAN, LEAN)),
        imggen.augment.RandomZoom(ZOOM),
        imggen.augment.RandomBrightness(BRIGHTNESS),
        imggen.augment.RandomContrast(CONTRAST),
        imggen.augment.RandomSaturation(SATURATION),
        imggen.augment.RandomHue((-HUE, HUE)),
    ]


def in_albumentations() -> Any:
    """The policy in albumentations."""
    import albumentations
    import cv2

    cv2.setNumThreads(1)
    return albumentations.Compose(
        [
            albumentations.HorizontalFlip(p=0.5),
            albumentations.Affine(
                rotate=(-DEGREES, DEGREES),
                translate_percent={"x": (-SHIFT, SHIFT), "y": (-SHIFT, SHIFT)},
                shear={"x": (-LEAN, LEAN), "y": (0, 0)},
                scale=ZOOM,
                keep_ratio=True,
                border_mode=cv2.BORDER_REFLECT,
                p=1,
            ),
            albumentations.ColorJitter(
                brightness=BRIGHTNESS,
                contrast=CONTRAST,
                saturation=SATURATION,
                hue=(-HUE / 360, HUE / 360),
                p=1,
            ),
        ],
        seed=7,
    )


def by_imggen(job: Job, *, policy: Callable[[], Any]) -> Epoch:
    """Runs imggen's Pipeline as for batches, with random generators per epoch and image."""
    import cv2

    from imggen.augment import Pipeline, Sample, adapt

    try:
        from imggen.core.rng import Stream, step_generators
    except ModuleNotFoundError:  # imggen 0.1, to compare with
        from imggen.rng import Stream, step_generators

    images, epochs = load_images(job), itertools.count()
    pipeline = Pipeline(adapt(policy()))
    cv2.setNumThreads(1)

    def epoch() -> int:
        number = next(epochs)
        return len(
            [
                pipeline(
                    Sample(image),
                    step_generators(7, Stream.AUGMENT, number, index),
                    f"image {index} (epoch {number})",
                ).sample.image.shape
                for index, image in enumerate(images)
            ]
        )

    return epoch


def by_hand(job: Job) -> Epoch:
    """The policy in albumentations, without imggen."""
    images, compose = load_images(job), in_albumentations()
    return lambda: len([compose(image=image)["image"].shape for image in images])


def by_torchvision(job: Job) -> Epoch:
    """The policy in torchvision's transforms v2, image by image."""
    import torch

    try:
        from torchvision.transforms import v2
    except RuntimeError as err:  # torchvision was built for another version of torch
        raise ImportError(str(err), name="torchvision") from err

    torch.set_num_threads(1)
    torch.manual_seed(7)
    images = [torch.from_numpy(image).movedim(-1, 0).contiguous() for image in load_images(job)]
    transform = v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomAffine(
                DEGREES,
                translate=(SHIFT, SHIFT),
                scale=ZOOM,
                shear=LEAN,
                interpolation=v2.InterpolationMode.BILINEAR,
            ),
            v2.ColorJitter(BRIGHTNESS, CONTRAST, SATURATION, HUE / 360),
        ]
    )
    return lambda: len([transform(image).shape for image in images])


def by_keras(job: Job) -> Epoch:
    """The policy in Keras layers on whole batches, as a TensorFlow graph."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    import keras
    import numpy as np

    layers, shear = keras.layers, math.tan(math.radians(LEAN))
    augment = keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(DEGREES / 360, fill_mode="reflect"),
            layers.RandomTranslation(SHIFT, SHIFT, fill_mode="reflect"),
            layers.RandomShear(shear, 0.0, fill_mode="reflect"),
            layers.RandomZoom(ZOOM[1] - 1, fill_mode="reflect"),
            layers.RandomColorJitter(
                value_range=(0, 255),
                brightness_factor=BRIGHTNESS[1] - 1,
                contrast_factor=CONTRAST[1] - 1,
                saturation_factor=tuple(factor / (1 + factor) for factor in SATURATION),
                hue_factor=HUE / 180,
            ),
        ]
    )
    images = np.stack(load_images(job))
    starts = range(0, len(images), job.batch_size)
    batches = [tf.constant(images[start : start + job.batch_size]) for start in starts]
    augmented = tf.function(lambda batch: augment(batch, training=True), reduce_retracing=True)
    return lambda: sum(len(augmented(batch).numpy()) for batch in batches)
