"""Batches of imggen for other libraries, and images of other libraries in imggen."""

import functools
from pathlib import Path

from peers.contenders import Job, batch_by_batch, native_sequence


def to_tf_dataset(job: Job) -> functools.partial[int]:
    """The tf.data.Dataset of a sequence."""
    return functools.partial(batch_by_batch, native_sequence(job).to_tf_dataset())


def to_torch(job: Job, workers: int = 0) -> functools.partial[int]:
    """The DataLoader of a sequence."""
    from torch.utils.data import DataLoader

    loader = DataLoader(
        native_sequence(job).to_torch(),
        batch_size=None,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    return functools.partial(batch_by_batch, loader)


def to_grain(job: Job) -> functools.partial[int]:
    """The Grain dataset of a sequence."""
    return functools.partial(batch_by_batch, native_sequence(job).to_grain())


def from_hf(job: Job) -> functools.partial[int]:
    """The same files as a dataset of Hugging Face that holds their bytes."""
    import datasets

    import imggen

    files = imggen.scan(job.directory).to_hf()
    dataset = datasets.Dataset.from_list(
        [
            row | {"image": {"bytes": Path(row["image"]["path"]).read_bytes(), "path": None}}
            for row in files.cast_column("image", datasets.Image(decode=False))
        ],
        features=files.features,
    )
    sequence = imggen.from_hf(dataset, image_size=job.size, batch_size=job.batch_size, seed=7)
    return functools.partial(batch_by_batch, sequence)
