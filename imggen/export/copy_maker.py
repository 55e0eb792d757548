"""Augmented copies: those of one image, and of all images, on this machine or on a cluster."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, final

import numpy as np
import numpy.typing as npt

from imggen.augment import Pipeline, Sample
from imggen.core import Stream, copy_file, step_generators
from imggen.decode import ImageSpec, format_by_extension, read_image
from imggen.errors import ImageError
from imggen.export.copies_plan import CopiesStep, is_record
from imggen.export.encoding import encode_pixels
from imggen.export.journal import Journal
from imggen.loading import Failure
from imggen.stores import local_copy
from imggen.workers import Engine, Progress, SharedFolder, ThreadMap, run_shards

# An image and its copies take about 0.1 s.
_STEPS_PER_SHARD = 16

# The parameters of each copy; or why there is none.
Drawn = list[Any] | Failure


@final
@dataclass(frozen=True)
class CopyMaker:
    """Makes the copies of single images; safe to call from several threads and processes.

    Attributes:
        root: The folder with the originals.
        journal: The journal of the target.
        pipeline: The augmentations.
        spec: The size of the images.
        seed: The random seed.
    """

    root: str
    journal: Journal
    pipeline: Pipeline
    spec: ImageSpec
    seed: int

    def make(self, step: CopiesStep, temporary: str) -> Drawn:
        """Copies and augments an image, and returns the parameters of each copy."""
        paths = [self.journal.locate(name) for name in step.copies]
        original = self.journal.locate(step.original)
        source = os.path.join(self.root, step.source)
        try:
            pixels = read_image(source, self.spec)
        except ImageError as err:
            return Failure(err.path, err.reason)
        if self.spec.image_size is None:
            with local_copy(source) as file:
                copy_file(file, original, temporary)
        else:
            _write_image(original, pixels, temporary)
        drawn = []
        for number, path in enumerate(paths):
            augmented = self.pipeline(
                Sample(pixels),
                step_generators(self.seed, Stream.AUGMENT, number, step.row),
                f"{source!r} (copy {number})",
            )
            _write_image(path, augmented.sample.image, temporary)
            drawn.append([{used.name: used.parameters} for used in augmented.describe()])
        return drawn

    def make_slice(self, scratch: str, steps: Sequence[CopiesStep]) -> list[Drawn]:
        """Makes the copies of several images, with temporary files in ``scratch``."""
        return [self.make(step, os.path.join(scratch, secrets.token_hex(8))) for step in steps]


def make_all_copies(
    maker: CopyMaker,
    steps: list[CopiesStep],
    *,
    engine: Engine,
    address: str | None,
    workers: int | None,
    progress: Progress | None,
) -> list[Drawn]:
    """Makes the copies that do not exist yet, and records their parameters in the journal.

    Raises:
        ExportError, WorkerError: Same as ``augment_directory``.
    """
    records = _Records(maker.journal)
    outputs = [path for step in steps for path in (step.original, *step.copies)]
    if engine == "local":

        def do(step: CopiesStep, temporary: str) -> Drawn:
            drawn = records.find(step)
            return records.add(step, maker.make(step, temporary)) if drawn is None else drawn

        threads = ThreadMap(workers)
        return maker.journal.carry_out(
            "augmenting", do, steps, outputs, threads=threads, progress=progress
        )
    with maker.journal.working(outputs) as folder:
        found = {step.row: records.find(step) for step in steps}
        missing = [step for step in steps if found[step.row] is None]
        starts = range(0, len(missing), _STEPS_PER_SHARD)
        shards = [missing[start : start + _STEPS_PER_SHARD] for start in starts]
        make_slice = partial(maker.make_slice, str(folder))
        made = run_shards(
            SharedFolder.bind(str(folder), SharedFolder.bind(maker.root, make_slice)),
            shards,
            engine=engine,
            address=address,
            workers=workers,
            task="shards of augmenting",
            progress=progress,
            # Here, since not all shared file systems append from several machines.
            on_result=lambda number, drawn: records.add_all(shards[number], drawn),
        )
        new = iter(drawn for slice_drawn in made for drawn in slice_drawn)
        return [next(new) if drawn is None else drawn for drawn in found.values()]


@final
class _Records:
    """The parameters that the journal holds of copies that were made; safe to use from threads."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._recorded: dict[str, list[Any]] = dict(filter(is_record, journal.recorded()))

    def find(self, step: CopiesStep) -> Drawn | None:
        """Returns what was recorded of the copies of an image, if all of them exist."""
        drawn = self._recorded.get(step.original)
        if drawn is None or len(drawn) != step.num_copies:
            return None
        places = map(self._journal.locate, (step.original, *step.copies))
        return drawn if all(map(os.path.exists, places)) else None

    def add(self, step: CopiesStep, drawn: Drawn) -> Drawn:
        """Records the parameters of new copies, and returns them."""
        if not isinstance(drawn, Failure):
            self._journal.record([step.original, drawn])
        return drawn

    def add_all(self, steps: list[CopiesStep], drawn: list[Drawn]) -> None:
        """Records the parameters of new copies of several images."""
        for step, one in zip(steps, drawn, strict=True):
            self.add(step, one)


def _write_image(path: str, pixels: npt.NDArray[np.uint8], temporary: str) -> None:
    with open(temporary, "wb") as file:
        file.write(encode_pixels(pixels, format_by_extension(os.path.splitext(path)[1]) or "PNG"))
    os.replace(temporary, path)
