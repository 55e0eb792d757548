"""The report of a benchmark: table and picture."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from imggen.benchmark.report import BenchReport
from tests.helpers.benchmarks import bench


def test_the_table_shows_every_number(photos):
    report = dataclasses.replace(
        bench(photos),
        stages={"read": 1.0, "decode": 6.0, "resize": 2.0, "augment": 0.0, "encode": 1.0},
        workers=2,
        cores=2,
        images_per_second=125.0,
        machine_images_per_second=210.4,
        cached_images_per_second=12345.0,
        model_images_per_second=250.0,
        model_timed_by="train_on_batch",
        advice=("Do this.",),
    )
    rows = [line.split() for line in str(report).splitlines()]

    assert report.waiting_share == 0.5
    assert ["decode", "6.00", "ms", "60%", "█" * 18] in rows
    assert ["work", "10.00", "ms"] in [row[:3] for row in rows]
    assert ["served", "8.00", "ms"] in [row[:3] for row in rows]
    assert ["wait", "3.00", "ms"] in [row[:3] for row in rows]  # 8 - 10 / 2
    assert ["now", "125"] in [row[:2] for row in rows]
    assert ["machine", "210"] in [row[:2] for row in rows]
    assert ["cached", "12,300"] in [row[:2] for row in rows]
    assert ["model", "250"] in [row[:2] for row in rows]
    assert rows[-1] == ["-", "Do", "this."]


def test_no_more_workers_than_cores_are_busy_at_once():
    report = BenchReport(
        subject="16 images",
        stages={"decode": 8.0},
        workers=1,
        cores=4,
        num_timed=16,
        unreadable=(),
        images_per_second=125.0,
        machine_images_per_second=500.0,
    )
    for workers, cores, threads in ((0, 4, 1), (1, 4, 1), (3, 4, 3), (8, 4, 4), (8, 2, 2)):
        report = dataclasses.replace(report, workers=workers, cores=cores)
        assert report.threads == threads, (workers, cores)
        assert report.wait == pytest.approx(8 - 8 / threads)


def pixels(report) -> np.ndarray:
    return np.asarray(report.picture())


def columns_of(picture, color):
    """The number of columns of the widest row that have this color."""
    return int((picture == color).all(axis=2).sum(axis=1).max())


def test_the_picture_has_bars_as_long_as_the_stages(photos):
    report = dataclasses.replace(
        bench(photos),
        stages={"read": 0.0, "decode": 6.0, "resize": 2.0, "augment": 1e-9, "encode": 1.0},
        workers=1,
        images_per_second=1000 / 9,
        machine_images_per_second=1.0,
    )
    picture = pixels(report)
    decode, resize, augment = (
        columns_of(picture, color)
        for color in ((0x21, 0x8B, 0xFF), (0x0A, 0x30, 0x69), (0xD4, 0x63, 0x1A))
    )

    assert 200 < resize < 250
    assert augment == 22  # the square of its legend is more than its bar
    top = picture[160:200]  # the first bar
    assert columns_of(top, (0xD4, 0x63, 0x1A)) == 3  # next to nothing, and still seen
    assert columns_of(top, (0x80, 0xCC, 0xFF)) == 0
    assert columns_of(top, (0x21, 0x8B, 0xFF)) == pytest.approx(3 * resize, abs=2)
    assert decode > resize


@pytest.mark.parametrize("value", [1e-4, 0.02, 3.0, 1234.5, 1e6])
def test_nothing_in_the_picture_reaches_its_edge(photos, value):
    report = dataclasses.replace(
        bench(photos, seconds=0.05),
        subject="many words " * 30,
        stages=dict.fromkeys(("read", "decode", "resize", "augment", "encode"), value),
        images_per_second=1 / value,
        machine_images_per_second=1e3 / value,
        cached_images_per_second=1e9,
        model_images_per_second=value,
    )
    picture = pixels(report)
    inner = picture[8:-8, 8:-8]

    assert (picture == 255).all(axis=2).sum() - (inner == 255).all(axis=2).sum() == (
        picture.shape[0] * picture.shape[1] - inner.shape[0] * inner.shape[1]
    )


def test_the_picture_can_be_saved(photos, tmp_path):
    bench(photos).picture().save(tmp_path / "bench.png")

    with Image.open(tmp_path / "bench.png") as picture:
        assert (picture.mode, picture.width) == ("RGB", 1440)
