"""Fixtures of all tests, and the order in which test files start."""

import gc
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.helpers.images import write_images

# The files that take longest, longest first: pytest-xdist hands files out in this order, so that no
# core is left alone with one of them at the end.
SLOW_FIRST = (
    "test_examples.py",
    "legacy/test_backends.py",
    "docs/test_pages.py",
    "export/test_failures.py",
    "workers/test_pools.py",
    "legacy/test_directory.py",
    "test_call_budgets.py",
    "workers/test_buffer_pool.py",
    "legacy/test_on_tensorflow.py",
    "legacy/test_odd_arguments.py",
    "sequences/test_resume.py",
    "cli/test_main.py",
    "workers/test_prefetcher.py",
    "benchmark/test_run.py",
    "augment/adapters/test_keras.py",
    "legacy/test_read_ahead.py",
    "loading/test_boxes.py",
    "sequences/test_options.py",
    "sequences/test_wrapper_read_ahead.py",
    "cli/test_split.py",
    "studio/test_page.py",
)


# An example takes longer than its 200 ms where the machine is busy. Failed ones would be kept in
# the working directory, which need not be writable.
settings.register_profile("imggen", deadline=None, database=None)
settings.load_profile("imggen")


def pytest_configure(config: pytest.Config) -> None:
    # By itself, pytest-xdist starts with the files that have most tests.
    config.option.loadscopereorder = False
    # Shells start what runs in the background with SIGINT ignored, which the programs that tests
    # interrupt would inherit.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    # Modules live as long as the process. Without them, each of the many collections that tests ask
    # for takes a millisecond instead of a third of a second.
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {name: rank for rank, name in enumerate(SLOW_FIRST)}
    folder = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        if not item.path.is_relative_to(folder):
            return len(ranks)
        return ranks.get(item.path.relative_to(folder).as_posix(), len(ranks))

    items.sort(key=rank)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of eight images: photos/cat/000.png ... photos/dog/007.png."""
    return write_images(tmp_path / "photos", {"cat": 8, "dog": 8})


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty folder on another file system than ``tmp_path``."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other file system")
    folder = Path(tempfile.mkdtemp(dir=memory))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
