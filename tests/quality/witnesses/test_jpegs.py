"""JPEGs: damage that decoders pass, and whole files of every kind."""

import random

import numpy as np
import pytest
from PIL import Image

from imggen import verify
from imggen.quality.findings import Problem
from imggen.quality.witnesses.jpeg_entropy import examine_symbols
from imggen.quality.witnesses.jpeg_pixels import examine_jpeg
from imggen.quality.witnesses.jpeg_seams import NO_SEAM, find_seam, measure_steps
from imggen.quality.witnesses.jpeg_structure import examine_structure, parse_jpeg
from tests.helpers.damage import JPEG_DAMAGE, start_of_pixels
from tests.helpers.pictures import data_of, photo, write_photos
from tests.helpers.whole_files import whole_files

PHOTO = data_of(photo(1, side=256), "JPEG", quality=90)
OTHER = data_of(photo(2, side=256), "JPEG", quality=80)
UNITS = (1.0, 1.0, 1.0)


def findings(folder, data: bytes):
    write_photos(folder, {"a.jpg": data})
    return [
        (finding.problem.value, finding.witness, finding.detail)
        for finding in verify(folder).findings
    ]


def facts(data: bytes) -> list[str]:
    return [found.detail for found in examine_structure(data, parse_jpeg(data))]


def silent() -> list[str]:
    return []


# Files as a whole.


@pytest.mark.parametrize("kind", [kind for kind in JPEG_DAMAGE if kind != "damaged header"])
def test_damage_to_the_compressed_data_is_a_fault(tmp_path, kind):
    for seed in range(4):
        data = JPEG_DAMAGE[kind](PHOTO, random.Random(seed), OTHER)
        write_photos(tmp_path, {f"{seed}.jpg": data})
    faults = verify(tmp_path).faults

    # Bits may be flipped in a way that no one can see, and tell.
    assert len(faults) >= (3 if kind == "flipped bits" else 4)


def test_whole_files_are_not_faults(tmp_path):
    for seed in (3, 4):
        for name, data in whole_files(data_of(photo(seed, side=200), "JPEG"), seed):
            write_photos(tmp_path, {f"{seed}-{name}": data})
    report = verify(tmp_path)

    assert report.num_files > 80
    assert report.faults == report.unsupported == ()
    assert set(report.counts) == {"nothing visible", "unusual mode"}


@pytest.mark.parametrize(
    ("change", "problem", "witness", "detail"),
    [
        pytest.param(
            lambda data: data[: len(data) // 2] + b"\xff\xd9",
            "damaged pixels",
            "libjpeg",
            "Corrupt JPEG data: premature end of data segment",
            id="cut and closed",
        ),
        pytest.param(
            lambda data: data[:-2] + b"abcdefgh" * 9 + data[-2:],
            "damaged pixels",
            "libjpeg",
            "extraneous bytes before marker 0xd9",
            id="more data than pixels",
        ),
        pytest.param(
            lambda data: data[:-2] + bytes(40) + data[-2:],
            "extra bytes",
            "libjpeg",
            "extraneous bytes before marker 0xd9",
            id="zeros before the end",
        ),
        pytest.param(
            lambda data: data[: len(data) // 2],
            "truncated",
            "Pillow",
            "image file is truncated",
            id="half",
        ),
    ],
)
def test_a_finding_names_the_witness_and_the_fact(tmp_path, change, problem, witness, detail):
    ((found, who, words),) = findings(tmp_path, change(PHOTO))

    assert (found, who) == (problem, witness)
    assert detail in words


def test_bytes_after_the_end_are_not_reported(tmp_path):
    assert findings(tmp_path, PHOTO + b"trailer" * 100) == []


def test_a_flat_image_is_a_remark(tmp_path):
    gray = data_of(Image.new("RGB", (64, 48), (128, 128, 128)), "JPEG")

    assert findings(tmp_path, gray) == [
        ("nothing visible", "pixels", "all pixels have the color (128, 128, 128)")
    ]


def test_the_stderr_of_this_process_stays_empty(tmp_path, capfd):
    assert findings(tmp_path, PHOTO[: len(PHOTO) // 2] + b"\xff\xd9") != []
    assert capfd.readouterr().err == ""


# The structure.


def test_the_structure_of_a_jpeg_agrees_with_pillow():
    found = parse_jpeg(data_of(photo(0, 100), "JPEG", quality=50, subsampling=2))

    assert (found.frame, found.precision, found.height, found.width) == (0xC0, 8, 100, 100)
    assert found.mcu_size == (16, 16)
    assert found.units == (2.0, 2.125, 2.125)  # 16 and 17 of annex K, over 8
    assert found.is_plain
    assert parse_jpeg(data_of(photo(0).convert("L"), "JPEG")).mcu_size == (8, 8)
    assert not parse_jpeg(data_of(photo(0), "JPEG", progressive=True)).is_plain


def test_a_missing_end_and_a_block_of_zeros_are_facts_of_the_structure():
    start = start_of_pixels(PHOTO) + 500
    zeroed = PHOTO[:start] + bytes(80) + PHOTO[start + 80 :]

    assert facts(PHOTO) == []
    assert facts(PHOTO[:-2]) == ["the file ends without an end-of-image marker"]
    assert facts(zeroed) == [f"its compressed data has a block of zeros at byte {start}"]


def test_zeros_that_encode_flat_blocks_are_not_damage():
    black = data_of(Image.new("RGB", (1024, 1024)), "JPEG", optimize=True)

    assert bytes(64) in black
    assert facts(black) == []


def test_changed_entries_of_standard_tables_are_counted():
    quantization = PHOTO.index(b"\xff\xdb") + 5
    huffman = PHOTO.index(b"\xff\xc4", PHOTO.index(b"\xff\xc4") + 4) + 60
    changed = bytearray(PHOTO)
    for at in (7, 9):
        changed[quantization + at] += 64
    changed[huffman] ^= 1

    assert facts(bytes(changed)) == [
        "2 of 64 entries of the quantization table 0 are damaged",
        "1 bytes of the Huffman table 0 are damaged",
    ]


@pytest.mark.parametrize("options", [{"quality": 30}, {"quality": 97}, {"optimize": True}])
def test_tables_of_any_quality_are_whole(options):
    assert facts(data_of(photo(0), "JPEG", **options)) == []


@pytest.mark.parametrize("length", range(0, 700, 13))
def test_a_header_that_is_cut_anywhere_is_read_as_far_as_it_goes(length):
    found = parse_jpeg(PHOTO[:length])

    assert found.end is None
    assert examine_symbols(PHOTO[:length], found, 10**6) is None or found.scans


# The symbols.


@pytest.mark.parametrize(
    "options",
    [
        {"quality": 100},
        {"quality": 10, "optimize": True},
        {"subsampling": 0},
        {"restart_marker_blocks": 5},
    ],
    ids=str,
)
def test_the_symbols_of_whole_files_are_whole(options):
    for image in (photo(2, 99), photo(2, 99).convert("L")):
        data = data_of(image, "JPEG", **options)
        assert examine_symbols(data, parse_jpeg(data), 10**6) is None


def test_symbols_that_no_encoder_writes_are_found():
    """Noise in place of symbols is never what an encoder writes."""
    details = set()
    for seed in range(30):
        rng = random.Random(seed)
        start = start_of_pixels(PHOTO) + rng.randrange(1000)
        noise = rng.randbytes(200).replace(b"\xff", b"\0")
        data = PHOTO[:start] + noise + PHOTO[start + 200 :]
        found = examine_symbols(data, parse_jpeg(data), 10**6)
        assert found is not None
        assert found.problem is Problem.DAMAGED
        details.add(found.detail.partition(" has ")[2] or found.detail.partition(" is ")[2])

    assert {"more than 64 coefficients", "brighter or darker than pixels can be"} <= details


def test_only_so_many_bytes_are_read():
    cut = PHOTO[: len(PHOTO) // 2] + b"\xff\xd9"

    assert "its data end at block" in examine_symbols(cut, parse_jpeg(cut), 10**6).detail
    assert examine_symbols(cut, parse_jpeg(cut), 100) is None


def test_missing_restart_intervals_are_counted():
    data = data_of(photo(0, 64), "JPEG", restart_marker_blocks=4)
    first, second = data.index(b"\xff\xd0"), data.index(b"\xff\xd1")
    cut = data[:first] + data[second:]

    assert examine_symbols(data, parse_jpeg(data), 10**6) is None
    assert examine_symbols(cut, parse_jpeg(cut), 10**6).detail == (
        "the pixels need 4 restart intervals; it has 3"
    )


# The seams.


def shifted(image: Image.Image, row: int, column: int, levels: int, noise=6) -> np.ndarray:
    """The pixels with all MCUs from one of them on brighter, as after a damaged block."""
    noise = np.random.default_rng(0).integers(0, noise, (*image.size[::-1], 1))
    pixels = np.asarray(image).astype(int) // 2 + 50 + noise
    pixels[16 * row : 16 * row + 16, 16 * column :] += levels
    pixels[16 * row + 16 :] += levels
    return pixels.astype(np.uint8)


def test_a_seam_is_found_where_it_begins():
    steps = measure_steps(shifted(photo(0, 320), 7, 9, 12), (16, 16))
    seam = find_seam(steps, UNITS)

    assert (seam.row, seam.column) == (7, 9)
    assert seam.strength > 14
    assert seam.step == pytest.approx(12, abs=1)


def test_an_image_without_a_seam_or_with_an_edge_along_a_line_has_none():
    whole = find_seam(measure_steps(shifted(photo(0, 320), 0, 0, 12), (16, 16)), UNITS)
    edge = find_seam(measure_steps(shifted(photo(0, 320), 7, 0, 12), (16, 16)), UNITS)

    assert whole.strength < 7
    assert edge.strength < 7


@pytest.mark.parametrize("size", [(8, 8), (320, 16), (16, 320), (90, 90)])
def test_a_small_image_has_no_seam(size):
    pixels = np.asarray(photo(0).resize(size))

    assert find_seam(measure_steps(pixels, (16, 16)), UNITS) == NO_SEAM


def test_a_seam_in_pixels_is_damage_and_the_same_stair_in_a_drawing_is_not():
    seam = data_of(Image.fromarray(shifted(photo(0, 320), 7, 9, 20)), "JPEG", quality=95)
    gray = Image.new("RGB", (320, 320), (90, 90, 90))
    drawing = data_of(Image.fromarray(shifted(gray, 7, 9, 20, noise=1)), "JPEG", quality=95)
    (found,) = examine_jpeg(seam, silent).evidence

    assert found.problem is Problem.DAMAGED
    assert found.detail == (
        "all pixels from row 112, column 144 on are shifted by 20 levels, which a damaged block "
        "causes"
    )
    assert examine_jpeg(drawing, silent).evidence == ()
