"""Objects of remote stores, which obstore reads: S3, Google Cloud, Azure and web servers."""

from __future__ import annotations

import datetime as dt
import functools
import os
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, final
from urllib.parse import unquote

from imggen.errors import MissingExtraError, StoreError, WorkerError
from imggen.stores.addresses import SCHEMES, check_credentials, find_scheme
from imggen.stores.byte_sources import ByteSource, Identity
from imggen.stores.remote_errors import ADVICE, describe_failure

if TYPE_CHECKING:
    from obstore.store import ObjectStore

T = TypeVar("T")

# A server that is overloaded or restarts answers again after seconds.
_RETRIES = 5
_RETRY_SECONDS = 60.0
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_CONNECT_SECONDS = 10.0
_SILENCE_SECONDS = 60.0  # without a byte
_REQUEST_SECONDS = 900.0  # large files take long where many are read through a slow line
_YES = ("1", "true", "yes", "on")
_OTHER_SPELLINGS = {
    "gcs": "gs",
    "s3a": "s3",
    "s3n": "s3",
    "azure": "az",
    "abfs": "az",
    "abfss": "az",
    "wasb": "az",
    "wasbs": "az",
}
_STORE_KINDS = {"s3": "bucket", "gs": "bucket", "az": "container"}
# obstore makes a part of a URL of any other name, or stops with a panic.
_STORE_NAMES = {
    "s3": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*"),
    "gs": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*"),
    "az": re.compile(r"[A-Za-z0-9$][A-Za-z0-9-]*"),
    "http": re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"),
}


class _Place(NamedTuple):
    scheme: str
    store: str  # the bucket, container or host
    path: str


@final
class RemoteObject(ByteSource):
    """An object of a store, or a file of a web server.

    Raises:
        StoreError: An unknown scheme; credentials or a query in the URI; or no bucket.
        MissingExtraError: obstore is not installed.
        WorkerError: The process was forked from one that had read remote files.
    """

    buffer_size = 1 << 20

    def __init__(self, address: str) -> None:
        self.address = address
        self._scheme, name, self._path = _parse(address)
        self._store = _open_store(self._scheme, name, os.getpid())

    def identity(self) -> Identity:
        """Returns the size and the version, from one request."""
        import obstore

        return _identify(self._ask(lambda: obstore.head(self._store, self._path)))

    def read(self) -> bytes:
        """Returns all bytes, from one request."""
        return self.read_with_identity()[0]

    def read_with_identity(self) -> tuple[bytes, Identity]:
        """Returns all bytes, and the state that they belong to, from one request."""
        import obstore

        def get() -> tuple[bytes, Identity]:
            found = obstore.get(self._store, self._path)
            return bytes(found.bytes()), _identify(found.meta)

        return self._ask(get)

    def read_range(self, offset: int, length: int) -> bytes:
        """Returns a range of bytes, from one request."""
        import obstore

        if length == 0:
            return b""
        data = self._ask(
            lambda: bytes(obstore.get_range(self._store, self._path, start=offset, length=length))
        )
        return self.check_length(data, offset, length)

    def list_objects(self) -> list[tuple[str, Identity]]:
        """Lists the objects below this one as a folder: relative names and states.

        Raises:
            StoreError: They cannot be listed.
        """
        import obstore

        folder = self._path.rstrip("/")
        found = self._ask(lambda: obstore.list(self._store, folder or None).collect(), "list")
        prefix = len(folder) + 1 if folder else 0
        return [
            (meta["path"][prefix:], _identify(meta)) for meta in found if len(meta["path"]) > prefix
        ]

    def _ask(self, request: Callable[[], T], action: str = "read") -> T:
        for attempt in range(_RETRIES + 1):
            try:
                return request()
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as err:  # noqa: BLE001 - a panic is no Exception
                failure = describe_failure(err, self._scheme, action)
            # obstore asks again where there was no answer, or where one with an ETag broke off.
            if not failure.is_cut:
                break
            time.sleep(min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE))
        # Outside of the handler: the text of the library's error may hold credentials.
        error = StoreError.of(self.address, failure.reason, ADVICE)
        error.is_outage = failure.is_outage
        raise error


def _parse(address: str) -> _Place:
    scheme = find_scheme(address) or ""
    if scheme not in SCHEMES:
        similar = _OTHER_SPELLINGS.get(scheme)
        hint = f"; write {similar}://" if similar else ""
        if scheme == "file":
            hint = "; pass the path without file://"
        raise StoreError.of(
            address,
            f"{scheme}:// is not a known scheme{hint}. imggen reads local paths, and with "
            f"`pip install 'imggen[remote]'` {', '.join(f'{known}://' for known in SCHEMES)}",
        )
    store, _, path = address.partition("://")[2].partition("/")
    check_credentials(address)
    kind = _STORE_KINDS.get(scheme, "host")
    if not store:
        raise StoreError.of(address, f"it has no {kind}")
    if not _STORE_NAMES["http" if kind == "host" else scheme].fullmatch(store):
        raise StoreError.of(
            address,
            f"the name of its {kind} has characters that are not allowed; expected "
            f"{scheme}://{kind.upper()}/FOLDER",
        )
    if scheme in ("http", "https"):
        path = unquote(path)
    return _Place(scheme, store, path)


@functools.cache
def _open_store(scheme: str, name: str, process_id: int) -> ObjectStore:
    """Opens a bucket, a container or a host; the settings are those of the environment."""
    del process_id  # part of the key
    address = f"{scheme}://{name}"
    try:
        from obstore import store as stores
    except ImportError as err:
        raise MissingExtraError.of("obstore", "remote", f"reading {scheme}:// addresses") from err
    if not _may_run():
        raise WorkerError(
            "This process was forked from one that had read remote files, whose threads are gone. "
            'Start it by "spawn" or "forkserver", for a torch DataLoader with '
            'multiprocessing_context="spawn".'
        )
    options: dict[str, Any] = {
        "client_options": {
            "allow_http": _allows_http(scheme),
            "connect_timeout": dt.timedelta(seconds=_CONNECT_SECONDS),
            "read_timeout": dt.timedelta(seconds=_SILENCE_SECONDS),
            "timeout": dt.timedelta(seconds=_REQUEST_SECONDS),
        },
        "retry_config": {
            "max_retries": _RETRIES,
            "retry_timeout": dt.timedelta(seconds=_RETRY_SECONDS),
            "backoff": {
                "init_backoff": dt.timedelta(seconds=_FIRST_PAUSE),
                "max_backoff": dt.timedelta(seconds=_LONGEST_PAUSE),
                "base": 2,
            },
        },
    }
    try:
        if scheme == "s3":
            return stores.S3Store(name, **options)
        if scheme == "gs":
            return stores.GCSStore(name, **options)
        if scheme == "az":
            return stores.AzureStore(name, **options)
        return stores.HTTPStore(address, **options)
    except Exception as err:  # noqa: BLE001 - obstore's errors have no common base class
        failure = describe_failure(err, scheme, "open")
    raise StoreError.of(address, failure.reason, ADVICE)


# obstore has threads of its own, which a forked process lacks; it would wait for them forever.
_first_process: list[int] = []


def _may_run() -> bool:
    if not _first_process:
        _first_process.append(os.getpid())
    return _first_process[0] == os.getpid()


def _allows_http(scheme: str) -> bool:
    """Whether requests may be unencrypted: for http://, and where the environment says so."""
    if scheme == "http":
        return True
    prefix = {"s3": "AWS_", "gs": "GOOGLE_", "az": "AZURE_"}.get(scheme)
    return prefix is not None and any(
        (name.endswith("_ALLOW_HTTP") and value.lower() in _YES)
        or ("ENDPOINT" in name and value.lower().startswith("http://"))
        for name, value in os.environ.items()
        if name.startswith(prefix)
    )


def _identify(meta: Any) -> Identity:
    changed = meta["last_modified"]
    # Servers that do not tell the time get that of the epoch.
    time = changed.isoformat() if changed is not None and changed.year > 1970 else ""
    tag = (meta.get("e_tag") or "").strip('"')
    return Identity(int(meta["size"]), meta.get("version") or tag or time)
