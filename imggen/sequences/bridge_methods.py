"""The methods that turn a sequence into a dataset of another library."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from imggen.bridges import to_grain, to_tf_dataset, to_torch
from imggen.errors import ResumeError
from imggen.sequences.process_checks import check_shard, find_shard

if TYPE_CHECKING:
    from imggen.bridges import TorchBatches


class BridgeMethods:
    """A mixin for sequences, which are a ``BatchSource``."""

    @abstractmethod
    def independent_copy(self) -> Any:
        """See ``BatchSource``."""

    @abstractmethod
    def find_position(self) -> tuple[int, int]:
        """Returns the epoch and the first batch of a pass that begins now."""

    def _copy_at_epoch(self, method: str) -> Any:
        _, batch = self.find_position()
        if batch:
            raise ResumeError(
                f"{method}() cannot begin with batch {batch} of an epoch, since each pass over the "
                "dataset has the same length. Set sequence.epoch to begin with a whole epoch; or "
                "pass the sequence itself to fit, or its generator()."
            )
        return self.independent_copy()

    def to_tf_dataset(self) -> Any:
        """Returns a ``tf.data.Dataset`` with the batches of this sequence.

        Each pass over it serves the next epoch, beginning with the sequence's current one; a pass
        that breaks off is repeated. The dataset counts epochs by itself, and ``sequence.epoch``
        does not change; to resume with epoch k, set it to k before this call. The cardinality of
        the dataset is the number of batches, which may differ in their first axis only. Images are
        not copied. Where the sequence has classes, the dataset has the attribute ``class_names``.

        The sequence's workers read ahead, so ``prefetch`` is not needed. Batches in its buffer
        count as served: if all fit, even a look at the first one completes the epoch, as in
        ``fit(class_weight=...)`` with JAX or torch.

        An error while a batch is made, such as an unreadable file, becomes an error of TensorFlow
        (``tf.errors.UnknownError`` or ``InvalidArgumentError``) with the message of imggen's. To
        train without such files, make the sequence with ``on_error="skip"`` or "substitute";
        TensorFlow's ``ignore_errors`` never ends, since batches are missing.

        Raises:
            ResumeError: The sequence was told to begin in the middle of an epoch.
            MissingExtraError: TensorFlow is not installed, or too old.
            ImggenError: No sample can be loaded to find the shapes of the arrays.

        Example:
            >>> dataset = sequence.to_tf_dataset()
            >>> dataset.element_spec[0].shape, len(dataset)
            (TensorShape([None, 32, 32, 3]), 4)
        """
        dataset = to_tf_dataset(self._copy_at_epoch("to_tf_dataset"))
        if hasattr(self, "class_names"):
            dataset.class_names = self.class_names
        return dataset

    def to_torch(self) -> TorchBatches:
        """Returns a map-style dataset of batches, for ``DataLoader(dataset, batch_size=None)``.

        Its items are the batches of this sequence as tensors: ``[x, y]`` or ``[x, y, weights]``
        once a ``DataLoader`` has passed them on. Each pass of a loader serves the next epoch, with
        any ``num_workers``, also with ``persistent_workers=True``; a pass that breaks off is
        repeated, unless ``dataset.set_epoch(epoch)`` is called before the next one. The dataset
        counts epochs by itself, and ``sequence.epoch`` does not change. The sequence shuffles the
        samples, so ``shuffle=True`` of the loader would only reorder whole batches.

        Without workers of the loader, the sequence's own workers read ahead. Worker processes of
        the loader make each batch in one thread, do not share ``cache="ram"``, and do not count
        unreadable files in ``sequence.failures``.

        Where torch has CUDA, set ``KERAS_BACKEND=torch``: triton, which comes with it, ends the
        process if TensorFlow was imported before.

        Raises:
            OptionError: The run has several processes, and the sequence was made without ``shard``.
            ResumeError: The sequence was told to begin in the middle of an epoch.
            MissingExtraError: torch is not installed, or too old.

        Example:
            >>> from torch.utils.data import DataLoader
            >>> for x, y in DataLoader(sequence.to_torch(), batch_size=None):
            ...     pass
            >>> x.shape, x.dtype
            (torch.Size([4, 32, 32, 3]), torch.float32)
        """
        check_shard(find_shard(self))
        return to_torch(self._copy_at_epoch("to_torch"))

    def to_grain(self) -> Any:
        """Returns a ``grain.MapDataset`` of batches; ``dataset.repeat(n)`` serves n epochs.

        Batches are made by the threads or processes of Grain: one thread per usable core, which
        prefetch two batches each. A dataset that Grain derives from it, such as by ``repeat``,
        has Grain's own default: up to 500 batches in memory. There, limit them with
        ``dataset.to_iter_dataset(grain.ReadOptions(num_threads=4, prefetch_buffer_size=8))``.

        To resume, set ``sequence.epoch`` before, or use the state of Grain's own iterators.

        Raises:
            ResumeError: The sequence was told to begin in the middle of an epoch.
            MissingExtraError: Grain is not installed, or too old.

        Example:
            >>> len(sequence.to_grain().repeat(2))
            8
        """
        return to_grain(self._copy_at_epoch("to_grain"))
