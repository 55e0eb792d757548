"""Objects of remote stores, which obstore reads: S3, Google Cloud, Azure and web servers."""

from __future__ import annotations

import datetime as dt
import functools
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, final
from urllib.parse import unquote

from imggen.errors import MissingExtraError, StoreError, WorkerError
from imggen.stores.addresses import SCHEMES, check_credentials, find_scheme
from imggen.stores.byte_sources import ByteSource, Identity

if TYPE_CHECKING:
    from obstore.store import ObjectStore

T = TypeVar("T")

# A server that is overloaded or restarts answers again after seconds.
_RETRIES = 5
_RETRY_SECONDS = 60.0
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_CONNECT_SECONDS = 10.0
_REQUEST_SECONDS = 60.0
_YES = ("1", "true", "yes", "on")
_OTHER_SPELLINGS = {
    "gcs": "gs",
    "s3a": "s3",
    "s3n": "s3",
    "azure": "az",
    "abfs": "az",
    "wasb": "az",
}
_SETTINGS = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL; or "
    "AWS_SKIP_SIGNATURE=true for public data",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS; or GOOGLE_SKIP_SIGNATURE=true for public data",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY; or "
    "AZURE_SKIP_SIGNATURE=true for public data",
}
_STATUS = re.compile(r"status code: (\d{3}(?: [A-Z][A-Za-z ]+)?)")
_CODE = re.compile(r"<Code>(\w+)</Code>")


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
        try:
            return request()
        except Exception as err:  # noqa: BLE001 - obstore's errors have no common base class
            reason = _describe(err, self._scheme, action)
        # Outside of the handler: the text of the library's error may hold credentials.
        raise StoreError.of(self.address, reason)


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
    if not store:
        raise StoreError.of(address, f"it has no {'host' if 'http' in scheme else 'bucket'}")
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
        reason = _describe(err, scheme, "open")
    raise StoreError.of(address, reason)


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


def _describe(err: Exception, scheme: str, action: str) -> str:
    """Returns the reason of an error without its URL and answer, which may hold credentials."""
    text = str(err)
    status, code = _STATUS.search(text), _CODE.search(text)
    settings = _SETTINGS.get(scheme)
    hint = f" (obstore reads {settings})" if settings else ""
    if status is not None:
        answer = status[1].strip() + (f", {code[1]}" if code else "")
        if status[1].startswith(("401", "403")):
            return f"access is denied: the server answered {answer}{hint}"
        if status[1].startswith("404"):
            what = "bucket" if code and code[1] == "NoSuchBucket" else "file"
            return f"there is no such {what}: the server answered {answer}"
        if action == "list" and scheme in ("http", "https"):
            return (
                f"the server does not list files (it answered {answer}); pass a table of them, "
                "with this address as root="
            )
        return f"the server answered {answer}"
    if isinstance(err, FileNotFoundError):
        return "there is no such file"
    first = text.partition("\n")[0]
    if "not supported" in first and "ange" in first:
        return "the server does not send parts of a file; unpack the archive, or copy it to disk"
    if "parsing" in first or "empty path segment" in first or "invalid path" in first:
        return (
            "obstore does not read names with empty parts, '.', '..' or control characters"
            + _quote(text)
        )
    if "imed out" in text or "TimedOut" in text:
        return "the server did not answer in time"
    if "Connection refused" in text or "ConnectionRefused" in text:
        return "the connection was refused"
    if "dns error" in text:
        return "the name of the server is not known"
    if "credential" in text.lower() or "metadata" in text.lower():
        return f"there are no credentials{hint}"
    if "error sending request" in text:
        return "the server cannot be reached"
    return f"obstore raised {type(err).__name__}{hint}"


def _quote(text: str) -> str:
    found = re.search(r'(?:Path|path) "([^"]*)"', text)
    return f" ({found[1]!r})" if found else ""
