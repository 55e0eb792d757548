"""The connection to a Ray cluster: an existing one, or one that is started on this machine."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from imggen.core import import_library
from imggen.errors import OptionError, WorkerError, shorten
from imggen.workers.options import usable_cores

_OLDEST = "2.40"
_SECONDS_TO_CONNECT = 5.0
_SECONDS_TO_ANSWER = 15.0
_ADDRESS_VARIABLE = "RAY_ADDRESS"
_ADDRESS = re.compile(r"(?P<client>ray://)?(?P<host>\[[0-9a-fA-F:]+\]|[^\s/:]+):(?P<port>\d{1,5})")

# Ray's own switch between loopback and all interfaces; its default on Linux is the latter.
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
# The priority that threads of this process would have; its default lets other programs go first.
_PRIORITY = {"RAY_worker_niceness": "0"}
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


@contextlib.contextmanager
def connect_ray(address: str | None, workers: int | None) -> Iterator[Any]:
    """Provides Ray's module, connected to a cluster; ends only a connection made here.

    Args:
        address: See ``run_shards``.
        workers: The number of CPUs of a cluster that is started here. None: one per usable core.

    Raises:
        MissingExtraError: Ray is not installed, or too old.
        OptionError: The address is not one, or Ray is connected to another cluster.
        WorkerError: The cluster cannot be reached, or not be started.
    """
    chosen = _check_address(address)
    with _no_warnings():
        ray = import_library("ray", _OLDEST, "engine='ray'")
    if ray.is_initialized():
        _check_connected(ray, address)
        yield ray
        return
    chosen = chosen or os.environ.get(_ADDRESS_VARIABLE) or None
    if chosen is None:
        _start(ray, workers or usable_cores())
    else:
        _join(ray, chosen)
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_address(address: str | None) -> str | None:
    if address is None or address == "auto":
        return address
    found = _ADDRESS.fullmatch(address)
    if found is None or int(found["port"]) > 65535:
        raise OptionError(
            f"address={shorten(address)} is not the address of a Ray cluster. Pass 'host:port' "
            "(`ray start --head` prints it), 'ray://host:port' for a Ray client, or 'auto' for a "
            "cluster that runs on this machine."
        )
    return address


def _check_connected(ray: Any, address: str | None) -> None:
    """Checks that the connection of the program is to the cluster that was asked for."""
    if address is None or address == "auto":
        return
    connected = str(ray.get_runtime_context().gcs_address)
    if address != connected and not address.startswith("ray://"):
        raise OptionError(
            f"address={shorten(address)} is another Ray cluster than {connected!r}, which this "
            "program is connected to. Omit address=, or call ray.shutdown() first."
        )


def _start(ray: Any, num_cpus: int) -> None:
    """Starts a cluster on this machine, which accepts connections of this machine only."""
    # What the variable has set when Ray was imported; its other processes read the variable.
    constants, name = ray._private.ray_constants, "ENABLE_RAY_CLUSTER"
    before = getattr(constants, name, None)
    try:
        setattr(constants, name, False)
        with _environment({**_QUIET, **_LOOPBACK, **_PRIORITY}):
            _init(
                ray,
                _not_started,
                address="local",
                num_cpus=num_cpus,
                include_dashboard=False,
                _node_ip_address="127.0.0.1",
            )
    finally:
        setattr(constants, name, before)


def _join(ray: Any, address: str) -> None:
    found = _ADDRESS.fullmatch(address)
    if found is not None:  # not "auto", nor what only Ray knows
        _check_listener(address, found["host"].strip("[]"), int(found["port"]))
        if not found["client"]:
            _check_answer(ray, address)
    with _environment(_QUIET):
        _init(ray, partial(_not_reached, address), address=address)


def _check_listener(address: str, host: str, port: int) -> None:
    """Checks that a program listens at an address.

    Raises:
        WorkerError: None does.
    """
    try:
        socket.create_connection((host, port), _SECONDS_TO_CONNECT).close()
    except OSError as err:
        raise _not_reached(address, err) from err


def _check_answer(ray: Any, address: str) -> None:
    """Checks that a cluster answers; ``ray.init`` would try for 13 minutes.

    Raises:
        WorkerError: None does, or it asks for a token that this program does not send.
    """
    failures: list[Exception] = []

    def connect() -> None:
        try:
            ray._raylet.GcsClient(address=address)
        except AttributeError:  # of a version that has moved it; "ray.init" finds out
            pass
        except Exception as err:  # noqa: BLE001 - raised below
            failures.append(err)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(_SECONDS_TO_ANSWER)
    if thread.is_alive():
        raise _not_reached(address, f"it has not answered in {_SECONDS_TO_ANSWER:g} s")
    if failures:
        raise _not_reached(address, failures[0]) from failures[0]


def _not_reached(address: str, reason: object) -> WorkerError:
    advice = "Start a cluster with `ray start --head`, or omit the address to use this machine."
    if "AuthMode" in str(reason) or "AuthToken" in str(reason):
        reason = "it asks for a token"
        advice = (
            "Set RAY_AUTH_MODE=token, and copy ~/.ray/auth_token from the head node unless this "
            "machine has the same file."
        )
    return WorkerError(f"Cannot connect to Ray at {address!r}: {_first_line(reason)}. {advice}")


def _not_started(err: Exception) -> WorkerError:
    return WorkerError(f"Cannot start Ray on this machine: {_first_line(err)}.")


def _first_line(reason: object) -> str:
    lines = str(reason).strip().splitlines() or [type(reason).__name__]
    return lines[0].rstrip(".")


def _init(ray: Any, explain: Callable[[Exception], WorkerError], **options: Any) -> None:
    try:
        with _no_warnings():
            ray.init(log_to_driver=False, logging_level="ERROR", **options)
    except Exception as err:
        ray.shutdown()  # of what it has begun
        raise explain(err) from err


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets variables that are not set, for Ray and its processes."""
    new = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)


@contextlib.contextmanager
def _no_warnings() -> Iterator[None]:
    """Suppresses warnings of Ray about its own future."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
