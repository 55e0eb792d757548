"""Remote stores: a real S3 server and a web server, both on the loopback address."""

import io
import os
import random
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imggen
from imggen import stores
from imggen.errors import (
    ImageError,
    ImggenError,
    ManifestError,
    MissingExtraError,
    ScanError,
    StoreError,
)
from imggen.stores import remote
from tests.helpers.stores import SECRET, serving_files, serving_s3

NAMES = ["cat/a b.jpg", "cat/a%20b.jpg", "cat/a#b?c.jpg", "dog/ü+~.jpg", "dog/5.png", "notes.txt"]


def encode(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


MASK = encode(np.eye(8, 10, dtype=np.uint8))


def picture(number):
    pixels = np.random.default_rng(number).integers(0, 256, (8, 10, 3), np.uint8)
    return encode(pixels)


@pytest.fixture(autouse=True)
def new_stores(monkeypatch):
    """Stores with the settings of each test, and short pauses."""
    monkeypatch.setattr(remote, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(remote, "_LONGEST_PAUSE", 0.05)
    remote._open_store.cache_clear()
    yield
    remote._open_store.cache_clear()


@pytest.fixture(scope="module")
def bucket():
    """A bucket with ``set/`` and a client; the environment leads to it."""
    with pytest.MonkeyPatch.context() as patch, serving_s3(patch) as client:
        client.create_bucket(Bucket="photos")
        client.create_bucket(Bucket="empty")
        for number, name in enumerate(NAMES):
            client.put_object(Bucket="photos", Key=f"set/{name}", Body=picture(number))
        yield client


def count_requests(server):
    count = len(server.requests)
    server.requests.clear()
    return count


def test_32_threads_read_every_byte_from_s3(bucket):
    data = {f"many/{i}.bin": random.Random(i).randbytes(2000 + i) for i in range(64)}
    for name, content in data.items():
        bucket.put_object(Bucket="photos", Key=name, Body=content)
    wanted = [name for name in data for _ in range(4)]
    random.Random(0).shuffle(wanted)
    with ThreadPoolExecutor(32) as threads:
        found = list(threads.map(lambda name: stores.read(f"s3://photos/{name}"), wanted))
    assert found == [data[name] for name in wanted]
    assert stores.read("s3://photos/many/3.bin", (10, 20)) == data["many/3.bin"][10:30]


def test_32_threads_read_every_byte_from_a_slow_server_that_fails_at_times():
    data = {f"{i} #%.bin": random.Random(i).randbytes(2000 + i) for i in range(150)}
    with serving_files(data, delay=0.01, failing=50) as server:
        addresses = [f"{server.url}/{name.replace('%', '%25')}" for name in data]
        stores.start_reading(addresses[::2])
        with ThreadPoolExecutor(32) as threads:
            found = list(threads.map(stores.read, addresses))
        assert found == list(data.values())
        assert 150 < len(server.requests) <= 160


def test_a_bucket_is_scanned_and_its_images_are_served(bucket, tmp_path):
    manifest = imggen.scan(Path("s3://photos/set"))
    assert manifest.root == "s3://photos/set"
    assert sorted(manifest.paths) == sorted(NAMES[:5])
    assert manifest.skipped == {"not an image (.txt)": 1}
    manifest.save(tmp_path / "a.csv")
    loaded = imggen.Manifest.load(tmp_path / "a.csv")
    assert loaded.root == "s3://photos/set"
    assert list(loaded.versions) == list(manifest.versions)
    assert all(loaded.versions)
    sequence = imggen.ImageSequence(
        loaded, image_size=(8, 10), batch_size=2, shuffle=False, rescale=None, dtype="uint8"
    )
    served = np.concatenate([sequence[i][0] for i in range(3)])
    expected = [
        imggen.load_image(picture(NAMES.index(path)), imggen.ImageSpec((8, 10)))
        for path in manifest.paths
    ]
    np.testing.assert_array_equal(served, expected)


def test_archives_in_a_bucket_are_read_by_ranges(bucket, tmp_path):
    from tests.stores.test_archives import write_tar, write_zip

    contents = [(f"cat/{i}.png", picture(i)) for i in range(5)]
    for archive in (
        write_tar(tmp_path / "a.tar", contents),
        write_zip(tmp_path / "a.zip", contents),
    ):
        name = os.path.basename(archive)
        bucket.upload_file(archive, "photos", name)
        assert imggen.scan(f"s3://photos/{name}").class_counts == {"cat": 5}
        for member, data in contents:
            assert stores.read(f"s3://photos/{name}/{member}") == data
    assert stores.read("s3://photos/a.tar/x.png#512+10") == contents[0][1][:10]


def test_a_row_of_a_remote_archive_is_one_request(tmp_path):
    from tests.stores.test_archives import write_tar

    archive = Path(write_tar(tmp_path / "a.tar", [(f"{i}.png", picture(i)) for i in range(9)]))
    with serving_files({"a.tar": archive.read_bytes()}) as server:
        spans = [(512 + 1024 * i, len(picture(i))) for i in range(9)]
        rows = [f"{i}.png#{start}+{size}" for i, (start, size) in enumerate(spans)]
        manifest = imggen.Manifest.from_files(rows, root=f"{server.url}/a.tar")
        imggen.ImageSequence(manifest, image_size=(8, 8), label_mode=None, workers=0)[0]
        assert count_requests(server) == 1 + 9  # the state of the archive, once


def test_what_cannot_be_scanned_is_named(bucket):
    cases = {
        "s3://nobucket/x": "no such bucket.*404",
        "s3://empty": "empty or does not exist",
        "s3://photos/nothing": "empty or does not exist",
        "s4://photos/x": r"not a known scheme.*imggen\[remote\].*s3://, gs://, az://, https://",
        "gcs://photos/x": "write gs://",
        "file:///photos": "without file://",
        "s3:///x": "no bucket",
        "az://box/x": "a setting is missing.*AZURE_STORAGE_ACCOUNT_NAME",
        "s3://": "has no bucket",
        "s3://photos /x": "characters that are not allowed; expected s3://BUCKET/FOLDER",
        "s3://photos?versionId=1": "characters that are not allowed",
        "https://a b/x": "characters that are not allowed; expected https://HOST",
        "abfss://box/x": "write az://",
    }
    for root, reason in cases.items():
        with pytest.raises(ScanError, match=reason) as caught:
            imggen.scan(root)
        assert root.split("/")[2].partition("?")[0] in str(caught.value)


def test_no_message_and_no_table_holds_credentials(bucket, tmp_path):
    secret = "s3cr3t"
    addresses = [
        f"https://me:{secret}@host/photos",
        f"https://host/photos/a.jpg?X-Amz-Signature={secret}",
        f"s3://{secret}@photos/set",
        f"s4://key:{secret}@photos/set?sig={secret}",
    ]
    for address in addresses:
        for use in (
            imggen.scan,
            imggen.load_image,
            lambda root: imggen.Manifest.from_files(["a.jpg"], root=root),
            lambda path: imggen.Manifest.from_files([path]),
            stores.read,
        ):
            with pytest.raises(ImggenError) as caught:
                use(address)
            assert secret not in str(caught.value)
            assert secret not in repr(caught.value.__context__)
    imggen.scan("s3://photos/set").save(tmp_path / "a.csv")
    texts = [file.read_text() for file in tmp_path.iterdir()]
    assert not any(SECRET in text or "testing" in text for text in texts)


def test_errors_name_the_uri_and_the_status():
    with serving_files({}) as server:
        server.status = {"denied.jpg": 403, "broken.jpg": 500}
        for name, status in {
            "denied.jpg": "403",
            "broken.jpg": "500",
            "missing.jpg": "404",
        }.items():
            with pytest.raises(ImageError, match=rf"{server.url}/{name}.*{status}") as caught:
                imggen.load_image(f"{server.url}/{name}")
            assert SECRET not in str(caught.value)  # which the server answers
        assert count_requests(server) == 1 + 6 + 1
        with pytest.raises(ScanError, match=r"does not list files.*table.*root="):
            imggen.scan(server.url)
    with pytest.raises(ImageError, match="refused"):
        imggen.load_image(f"{server.url}/denied.jpg")


def test_an_answer_that_breaks_off_is_asked_for_again():
    with serving_files({"a.png": picture(0)}) as server:
        server.cuts["a.png"] = 2
        assert stores.read(f"{server.url}/a.png") == picture(0)
        server.cuts["a.png"] = 99
        with pytest.raises(StoreError, match="connection was lost during the answer"):
            stores.read(f"{server.url}/a.png")
        assert count_requests(server) == 3 + 6


@pytest.mark.filterwarnings("ignore::imggen.errors.ImggenWarning")
def test_files_are_skipped_for_their_own_sake_and_not_for_the_servers():
    names = ["a.png", "b.png", "c.png"]
    with serving_files({name: picture(0) for name in names}) as server:
        manifest = imggen.Manifest.from_files(names, root=server.url)
        for on_error in ("skip", "substitute"):
            server.status = {"b.png": 404}
            options = {"image_size": (8, 8), "label_mode": None, "workers": 0}
            sequence = imggen.ImageSequence(manifest, batch_size=3, on_error=on_error, **options)
            assert len(sequence[0]) == (2 if on_error == "skip" else 3)
            server.status = {"b.png": 503}
            with pytest.raises(ImageError, match=r"b.png.*503.*Check .*connection") as caught:
                sequence[0]
            assert "on_error" not in str(caught.value)


def test_the_state_of_credentials_and_regions_is_named():
    from imggen.stores.remote_errors import describe_failure

    for status, code, reason in [
        ("400 Bad Request", "ExpiredToken", "credentials have expired"),
        ("403 Forbidden", "InvalidAccessKeyId", "not accepted.*AWS_ACCESS_KEY_ID"),
        ("400 Bad Request", "AuthorizationHeaderMalformed", "another region; set AWS_REGION"),
    ]:
        text = f"Server returned non-2xx status code: {status}: <Code>{code}</Code>{SECRET}"
        failure = describe_failure(OSError(text), "s3", "read")
        assert re.search(reason, failure.reason)
        assert failure.is_outage
        assert SECRET not in failure.reason


def test_a_server_that_does_not_answer_is_given_up(monkeypatch):
    monkeypatch.setattr(remote, "_SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(remote, "_RETRIES", 1)
    slow = serving_files({"a.jpg": b""}, delay=2)
    with slow as server, pytest.raises(ImageError, match="a.jpg.*in time"):
        imggen.load_image(f"{server.url}/a.jpg")


def test_without_obstore_the_pip_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'imggen\[remote\]'"):
        imggen.scan("s3://photos/set")


def make_manifest(server, count=20):
    server.files = {f"set/{i % 2}/{i}.png": picture(i) for i in range(count)}
    names = [name.removeprefix("set/") for name in server.files]
    labels = [i % 2 for i in range(count)]
    return imggen.Manifest.from_files(names, labels, root=f"{server.url}/set")


def test_an_epoch_asks_for_each_file_once_and_a_cached_one_for_none(tmp_path):
    with serving_files({}) as server:
        manifest = make_manifest(server)
        for cache, first in ((None, 20), ("ram", 20), (tmp_path, 40), (tmp_path, 20)):
            options = {"batch_size": 5, "seed": 0, "shuffle": False, "workers": 0}
            sequence = imggen.ImageSequence(manifest, image_size=(8, 8), cache=cache, **options)
            batches = [sequence[i] for i in range(4)]
            assert count_requests(server) == first
            for i in range(4):
                np.testing.assert_array_equal(sequence[i][0], batches[i][0])
            assert count_requests(server) == (0 if cache else 20)


def test_a_saved_manifest_and_a_full_cache_need_no_request(bucket, tmp_path):
    manifest = imggen.scan("s3://photos/set")
    for _ in range(2):
        sequence = imggen.ImageSequence(manifest, image_size=(8, 8), cache=tmp_path / "cache")
        expected = sequence.fill_cache()
        del sequence
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remote.RemoteObject, "_ask", None)
        sequence = imggen.ImageSequence(manifest, image_size=(8, 8), cache=tmp_path / "cache")
        assert sequence[0][0].shape == (5, 8, 8, 3)
        assert sequence.fill_cache() == expected


def test_a_changed_file_is_loaded_again_where_nothing_is_cached(tmp_path):
    with serving_files({}) as server:
        manifest = make_manifest(server, 2)
        for cache in (None, tmp_path):
            name = "set/0/0.png"
            server.files[name] = picture(0)
            options = {"image_size": (8, 10), "cache": cache, "shuffle": False, "seed": 0}
            before = imggen.ImageSequence(manifest, **options)[0][0]
            server.files[name] = picture(77)
            after = imggen.ImageSequence(manifest, **options)[0][0]
            assert (before[0] != after[0]).any()
            np.testing.assert_array_equal(before[1], after[1])


def test_masks_are_read_once_from_beside_the_images():
    with serving_files({}) as server:
        files = {f"images/{i}.png": picture(i) for i in range(4)}
        masks = {f"masks/{i}.png": MASK for i in range(4)}
        server.files = files | masks
        manifest = imggen.Manifest(
            f"{server.url}/images",
            [f"{i}.png" for i in range(4)],
            masks=[f"../masks/{i}.png" for i in range(4)],
        )
        sequence = imggen.ImageSequence(manifest, image_size=(8, 10), label_mode="mask")
        server.requests.clear()
        x, y = sequence[0]
        assert (x.shape, y.shape) == ((4, 8, 10, 3), (4, 8, 10, 1))
        assert sorted(path for _, path in server.requests) == sorted(f"/{n}" for n in server.files)


def test_checks_read_each_file_once(tmp_path):
    with serving_files({}) as server:
        manifest = make_manifest(server, 6)
        expected = imggen.hash_files(manifest).hashes
        assert len(set(expected)) == 6
        assert count_requests(server) == 6
        assert imggen.find_duplicates(manifest).groups == ()
        assert count_requests(server) == 6
        server.files["set/0/0.png"] = b"broken"
        report = imggen.verify(manifest)
        assert [fault.path for fault in report.faults] == ["0/0.png"]
        with pytest.raises(ImggenError, match="not a folder on disk"):
            report.quarantine(tmp_path / "quarantine")


def test_files_that_are_not_on_disk_are_not_moved(bucket, tmp_path):
    for source in ("s3://photos/set", imggen.scan("s3://photos/set")):
        with pytest.raises(ImggenError, match="not files on disk.*--manifest"):
            imggen.split_directory(source, tmp_path / "out")
    made = imggen.augment_directory("s3://photos/set", tmp_path / "more", "light", copies=1)
    assert (made.num_originals, made.num_copies) == (5, 5)


def test_a_forked_process_does_not_wait_forever(bucket):
    assert stores.read(f"s3://photos/set/{NAMES[0]}")
    child = os.fork()
    if not child:
        code = 1
        try:
            stores.read(f"s3://photos/set/{NAMES[0]}")
        except ImggenError as err:
            code = 0 if "spawn" in str(err) else 2
        finally:
            os._exit(code)
    limit = time.monotonic() + 30
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < limit:
        time.sleep(0.01)
    assert ended == (child, 0)


def test_rows_may_be_uris_and_a_root_with_one_is_refused_with_credentials():
    with serving_files({"a.png": picture(0)}) as server:
        manifest = imggen.Manifest.from_files([f"{server.url}/a.png"])
        x = imggen.ImageSequence(manifest, image_size=(8, 10), label_mode=None)[0]
        assert x.shape == (1, 8, 10, 3)
    with pytest.raises(ManifestError, match=r"https://\*\*\*@host"):
        imggen.Manifest.from_files(["a.png"], root="https://me:pw@host/")
