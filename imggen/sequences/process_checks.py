"""Checks of the processes and devices of a training run, when Keras begins to read a sequence."""

from __future__ import annotations

import sys
from typing import Any

import keras

from imggen.errors import OptionError
from imggen.loading import Shard


def check_processes(model: Any, shard: Shard | None) -> None:
    """Refuses a sequence that would serve every process of a run the same samples.

    Args:
        model: The model that is trained or evaluated.
        shard: The shard of the sequence; None if it was made without ``shard=``.

    Raises:
        OptionError: There are several processes, and ``shard`` is None; or they are run in a way
            that Keras does not support.
    """
    if _count_workers_of_tensorflow(getattr(model, "_distribute_strategy", None)) > 1:
        raise OptionError(
            "TensorFlow on several processes (MultiWorkerMirroredStrategy and the like) is not "
            "supported by Keras 3. Use the backend JAX with keras.distribution, or torch with "
            "DistributedDataParallel; on one machine, tf.distribute.MirroredStrategy."
        )
    check_shard(shard)
    distribution = keras.distribution.distribution()
    if _find_processes()[0] > 1 and getattr(distribution, "auto_shard_dataset", False):
        raise OptionError(
            "keras.distribution divides tf.data datasets between the processes, and shard= has "
            f"divided this sequence. Pass {type(distribution).__name__}(auto_shard_dataset=False)."
        )


def check_shard(shard: Shard | None) -> None:
    """Refuses a sequence of which the processes of a run serve all samples each, or not all parts.

    Args:
        shard: The shard of the sequence; None if it was made without ``shard=``.

    Raises:
        OptionError: There are several processes, and ``shard`` is None or one of more parts.
    """
    count, numbers = _find_processes()
    if count < 2:
        return
    if shard is None:
        raise OptionError(
            f"This run has {count} processes, and without shard= each of them serves all samples. "
            "Make the sequence with the batch_size of all processes together and "
            f"shard={numbers}; or with shard=(0, 1) if each process is meant to serve all samples."
        )
    if shard.count > count:
        raise OptionError(
            f"shard=({shard.index}, {shard.count}) is one of {shard.count} parts, and this run has "
            f"{count} processes, which would leave some samples out. Pass shard={numbers}."
        )


def find_shard(sequence: Any) -> Shard | None:
    """Returns the shard of a sequence, or of the first one of a pair; None if it has none."""
    shard: Shard | None = getattr(getattr(sequence, "a", sequence), "_shard", None)
    return shard


def count_devices() -> int:
    """Returns the number of equal parts into which the devices of this process divide a batch."""
    distribution = keras.distribution.distribution()
    name = getattr(distribution, "batch_dim_name", None)
    if distribution is None or name is None or keras.backend.backend() != "jax":
        return 1
    mesh = distribution.device_mesh
    if name not in mesh.axis_names:
        return 1
    return max(1, int(mesh.shape[mesh.axis_names.index(name)]) // _find_processes()[0])


def _find_processes() -> tuple[int, str]:
    """Returns the number of processes, and the code of (index, count); looks at what is loaded."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.distributed.is_available():
        distributed = torch.distributed
        if distributed.is_initialized() and distributed.get_world_size() > 1:
            code = "(torch.distributed.get_rank(), torch.distributed.get_world_size())"
            return distributed.get_world_size(), code
    jax = sys.modules.get("jax")
    # Where Keras does not use JAX, the question would start its devices.
    if jax is not None and (keras.backend.backend() == "jax" or jax.distributed.is_initialized()):
        return jax.process_count(), "(jax.process_index(), jax.process_count())"
    return 1, ""


def _count_workers_of_tensorflow(strategy: Any) -> int:
    """Returns the number of processes of a ``tf.distribute`` strategy; TPUs are left to it."""
    resolver = getattr(strategy, "cluster_resolver", None)
    if resolver is None or "TPU" in type(resolver).__name__:
        return 1
    return sum(map(len, resolver.cluster_spec().as_dict().values()))
