"""The checksums, lengths and positions that files state."""

import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from imggen import load_image, verify
from imggen.quality.findings import Problem
from imggen.quality.witnesses import (
    examine_avif,
    examine_bmp,
    examine_gif,
    examine_jpeg_2000,
    examine_png,
    examine_tiff,
    examine_webp,
)
from tests.helpers.damage import PNG_DAMAGE
from tests.helpers.pictures import FRAMES, PICTURE, PIXELS, data_of, photo, write_photos
from tests.helpers.png_files import chunk, png
from tests.helpers.tiff_files import BLACK_IS_ZERO, RGB, tiff

PNG = data_of(PICTURE, "PNG")


def facts(found) -> list[tuple[Problem, str]]:
    return [(evidence.problem, evidence.detail) for evidence in found]


# PNG.


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(
    ("bits", "color_type", "channels"),
    [(1, 0, 1), (2, 0, 1), (4, 3, 1), (8, 0, 1), (16, 0, 1), (8, 2, 3), (16, 4, 2), (16, 6, 4)],
)
def test_whole_pngs_of_every_kind_have_as_many_bytes_as_they_state(
    bits, color_type, channels, interlaced
):
    for height, width in ((1, 1), (3, 5), (9, 17)):
        samples = np.ones((height, width, channels), np.int64)
        palette = np.zeros((16, 3)) if color_type == 3 else None
        data = png(samples, bits, color_type, interlaced=interlaced, palette=palette)
        assert examine_png(data) == []


def test_a_wrong_checksum_of_pixels_is_damage_and_of_a_text_is_not():
    data = bytearray(png(PIXELS, 8, 2, before=chunk(b"tEXt", b"title\0abc")))
    text, pixels = data.index(b"title"), data.index(b"IDAT") + 20
    data[text] ^= 1
    metadata = bytes(data)
    data[pixels] ^= 1
    broken = facts(examine_png(bytes(data)))

    assert facts(examine_png(metadata)) == [
        (
            Problem.DAMAGED_METADATA,
            f"the checksum of the chunk tEXt at byte {text - 8} is wrong",
        )
    ]
    assert (
        Problem.DAMAGED,
        f"the checksum of the chunk IDAT at byte {data.index(b'IDAT') - 4} is wrong",
    ) in broken


def test_too_few_and_too_many_pixels_are_counted():
    header = struct.pack(">IIBBBBB", 50, 41, 8, 2, 0, 0, 0)  # one row more
    start = PNG.index(b"IHDR") - 4
    taller = PNG[:start] + chunk(b"IHDR", header) + PNG[start + 25 :]
    header = struct.pack(">IIBBBBB", 50, 39, 8, 2, 0, 0, 0)
    lower = PNG[:start] + chunk(b"IHDR", header) + PNG[start + 25 :]

    assert facts(examine_png(taller)) == [
        (Problem.DAMAGED, "the pixels have 6040 bytes; the header says 6191")
    ]
    assert facts(examine_png(lower)) == [
        (Problem.EXTRA_BYTES, "the pixels have 6040 bytes; the header says 5889")
    ]


def test_a_missing_end_is_found():
    assert facts(examine_png(PNG[:-12])) == [
        (Problem.TRUNCATED, "the file ends without the chunk IEND")
    ]


@pytest.mark.parametrize("kind", PNG_DAMAGE)
def test_damage_to_a_png_is_a_fault(tmp_path, kind):
    data = data_of(photo(1), "PNG")
    for seed in range(4):
        damaged = PNG_DAMAGE[kind](data, random.Random(seed), PNG)
        write_photos(tmp_path, {f"{seed}.png": damaged})

    assert len(verify(tmp_path).faults) == 4


def test_long_texts_and_wrong_metadata_are_not_faults(tmp_path):
    text = chunk(b"zTXt", b"workflow\0\0" + zlib.compress(bytes(2 << 20)))
    wrong = bytearray(png(PIXELS, 8, 2, before=chunk(b"tEXt", b"title\0abc")))
    wrong[wrong.index(b"title")] ^= 1
    write_photos(tmp_path, {"a.png": png(PIXELS, 8, 2, before=text), "b.png": bytes(wrong)})
    report = verify(tmp_path)

    assert [(finding.path, finding.problem) for finding in report.findings] == [
        ("b.png", Problem.DAMAGED_METADATA)
    ]
    for name in ("a.png", "b.png"):
        assert load_image(tmp_path / name).size


# Other formats.


@pytest.mark.parametrize(
    ("examine", "kind", "options"),
    [
        (examine_webp, "WEBP", {}),
        (examine_webp, "WEBP", FRAMES),
        (examine_avif, "AVIF", {}),
        (examine_bmp, "BMP", {}),
        (examine_gif, "GIF", {}),
        (examine_gif, "GIF", FRAMES),
        (examine_jpeg_2000, "JPEG2000", {}),
        (examine_jpeg_2000, "JPEG2000", {"tile_size": (16, 16)}),
        (examine_tiff, "TIFF", {}),
        (examine_tiff, "TIFF", {"compression": "tiff_lzw"}),
    ],
)
def test_whole_files_end_where_they_say_and_cut_ones_do_not(examine, kind, options):
    data = data_of(PICTURE, kind, **options)

    assert facts(examine(data)) == []
    if options is not FRAMES:  # of which only the first frame matters
        cut = data[: len(data) - len(data) // 3]
        ((problem, _),) = facts(examine(cut))
        assert problem is Problem.TRUNCATED


@pytest.mark.parametrize(
    ("examine", "kind"),
    [
        (examine_webp, "WEBP"),
        (examine_avif, "AVIF"),
        (examine_bmp, "BMP"),
        (examine_gif, "GIF"),
        (examine_jpeg_2000, "JPEG2000"),
        (examine_tiff, "TIFF"),
        (examine_png, "PNG"),
    ],
)
def test_any_change_of_a_file_is_examined_without_an_error(examine, kind):
    data = data_of(photo(0, 32), kind)
    rng = random.Random(0)
    for _ in range(200):
        changed = bytearray(data[: rng.randrange(8, len(data))])
        for _ in range(rng.randrange(8)):
            changed[rng.randrange(4, min(len(changed), 120))] = rng.randrange(256)
        list(examine(bytes(changed)))


def test_the_strip_that_is_outside_of_the_file_is_named():
    data = tiff(np.zeros((9, 8, 3), np.uint8), 8, RGB, rows_per_strip=3)
    assert facts(examine_tiff(data)) == []
    ((problem, detail),) = facts(examine_tiff(data[:-4]))

    assert problem is Problem.TRUNCATED
    assert detail == f"strip 3 of 3 ends at byte {len(data)} of {len(data) - 4}"


def test_a_wrong_checksum_of_a_deflated_tiff_is_damage(tmp_path):
    data = data_of(photo(0, 64), "TIFF", compression="tiff_adobe_deflate")
    start = data.index(zlib.compress(photo(0, 64).tobytes())[:2])
    stream = zlib.decompressobj()
    stream.decompress(data[start:])
    end = len(data) - len(stream.unused_data)
    changed = data[: end - 1] + bytes([data[end - 1] ^ 1]) + data[end:]

    assert facts(examine_tiff(data)) == []
    (fact,) = facts(examine_tiff(changed))
    detail = "strip 1 of 1 does not decompress: incorrect data check"
    assert fact == (Problem.DAMAGED, detail)
    write_photos(tmp_path, {"whole.tif": data, "changed.tif": changed})
    assert [fault.path for fault in verify(tmp_path).faults] == ["changed.tif"]


def test_the_first_frame_of_a_gif_ends_with_a_block():
    data = bytearray(data_of(PICTURE, "GIF"))
    middle = len(data) // 2
    data[middle : middle + 600] = bytes(600)
    ((problem, detail),) = facts(examine_gif(bytes(data)))

    assert problem is Problem.DAMAGED
    assert "where no block begins" in detail


# The second decoder.


def test_whole_tiffs_of_every_layout_are_neither_faults_nor_disputed(tmp_path):
    ramp = np.linspace(0, 1, 16 * 24 * 3).reshape(16, 24, 3)
    for bits in (8, 12, 16):
        samples = np.rint(ramp * (2**bits - 1)).astype(np.uint16)
        for planar in (False, True):
            for order in "<>":
                for name, chosen, photometric in (
                    ("rgb", samples, RGB),
                    ("gray", samples[:, :, :1], BLACK_IS_ZERO),
                ):
                    data = tiff(chosen, bits, photometric, planar=planar, order=order)
                    path = f"{name}{bits}{planar}{'big' if order == '>' else ''}.tif"
                    write_photos(tmp_path, {path: data})
    report = verify(tmp_path)

    assert report.num_files == 24
    assert report.faults == ()
    assert set(report.counts) <= {"unusual mode"}


def test_decoders_that_disagree_are_named(tmp_path, monkeypatch):
    from imggen.quality.witnesses import second_decoder

    write_photos(tmp_path, {"a.tif": photo(0)})
    read = second_decoder.load_image
    factors = np.array([2, 2, 2, 1], np.uint8)
    monkeypatch.setattr(second_decoder, "load_image", lambda *given: read(*given) // factors)
    (found,) = second_decoder.compare_decoders(str(tmp_path / "a.tif"), list)

    assert found.problem is Problem.DISAGREEMENT
    assert found.witness == "OpenCV"
    assert "levels on average" in found.detail


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (bytes(3) + b" ftypheic" + bytes(40), "HEIC"),
        (b"\xff\x0a" + bytes(40), "JPEG XL"),
        (b'<?xml version="1.0"?>\n<svg/>', "SVG"),
    ],
)
def test_kinds_that_are_not_supported_are_named(tmp_path, data, name):
    write_photos(tmp_path, {"a.jpg": data})
    report = verify(tmp_path)
    (finding,) = report.findings

    assert (finding.problem, finding.detail) == (Problem.UNSUPPORTED, f"{name} is not supported")
    assert report.faults == ()
    assert report.quarantine(tmp_path.parent / "aside") == []


def test_an_avif_that_pillow_does_not_open_is_broken_and_not_of_another_kind(tmp_path):
    data = data_of(PICTURE, "AVIF")
    start = data.index(b"mdat")
    write_photos(
        tmp_path,
        {"cut.avif": data[:-40], "header.avif": data[: start - 10]},
    )
    problems = {finding.path: finding.problem for finding in verify(tmp_path).faults}

    assert problems == dict.fromkeys(("cut.avif", "header.avif"), Problem.TRUNCATED)


@pytest.mark.parametrize(
    ("image", "detail"),
    [
        (Image.new("RGBA", (9, 9), (255, 0, 0, 0)), "all pixels are transparent"),
        (Image.new("L", (9, 9), 7), "all pixels have the color (7, 7, 7)"),
        (
            Image.merge("LA", (Image.new("L", (9, 9), 255), photo(0).convert("L").resize((9, 9)))),
            "all pixels are white or transparent, and the background is white",
        ),
    ],
    ids=["transparent", "one color", "white on white"],
)
def test_an_image_that_shows_nothing_is_a_remark(tmp_path, image, detail):
    write_photos(tmp_path, {"a.png": image})
    (finding,) = verify(tmp_path).findings

    assert (finding.problem, finding.detail) == (Problem.NOTHING_VISIBLE, detail)
    assert not finding.problem.is_fault
