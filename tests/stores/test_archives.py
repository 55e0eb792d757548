"""Members of tar and zip archives."""

import io
import os
import random
import struct
import tarfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from imggen import stores
from imggen.errors import StoreError
from imggen.stores.tar_index import TarIndex

NAMES = ["cat/1.jpg", "cat/ü #?%20 b.jpg", "dog/" + "long" * 40 + ".jpg", "e.jpg"]


def write_tar(path, contents, **options):
    """Writes members: bytes, or a TarInfo of another type."""
    with tarfile.open(path, "w", **options) as archive:
        for name, content in contents:
            if isinstance(content, bytes):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                content.name = name
                archive.addfile(content)
    return str(path)


def write_zip(path, contents, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in contents:
            archive.writestr(name, content)
    return str(path)


def special(kind):
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, "cat/1.jpg"
    return info


@pytest.fixture
def contents():
    source = random.Random(0)
    return {name: source.randbytes(3000 + 100 * i) for i, name in enumerate(NAMES)}


@pytest.fixture
def archives(tmp_path, contents):
    """The addresses of archives with the same members."""
    items = contents.items()
    return [
        write_tar(tmp_path / "pax.tar", [(f"./{name}", data) for name, data in items]),
        write_tar(tmp_path / "gnu.TAR", items, format=tarfile.GNU_FORMAT),
        write_zip(tmp_path / "deflated.zip", items),
        write_zip(tmp_path / "stored.ZIP", items, zipfile.ZIP_STORED),
    ]


def test_members_have_the_bytes_that_were_packed(archives, contents):
    for archive in archives:
        listed = {file.name: file.identity.size for file in stores.list_files(archive)}
        assert listed == {name: len(data) for name, data in contents.items()}, archive
        for name, data in contents.items():
            assert stores.read(f"{archive}/{name}") == data
            assert stores.open_file(f"{archive}/{name}").read() == data
            assert stores.read(f"{archive}/{name}", (5, 7)) == data[5:12]
            assert stores.identity(f"{archive}/{name}").size == len(data)
        assert [file.name for file in stores.list_files(f"{archive}/cat")] == [
            name.removeprefix("cat/") for name in NAMES[:2]
        ]


def test_many_threads_read_the_same_archive(archives, contents):
    wanted = [(a, name) for a in archives for name in contents] * 20
    random.Random(1).shuffle(wanted)
    with ThreadPoolExecutor(32) as threads:
        found = list(threads.map(lambda pair: stores.read("/".join(pair)), wanted))
    assert found == [contents[name] for _, name in wanted]


def test_a_range_behind_a_tar_is_one_read_without_an_index(tmp_path, contents, monkeypatch):
    archive = write_tar(tmp_path / "a.tar", contents.items())
    with tarfile.open(archive) as opened:
        places = {m.name: (m.offset_data, m.size) for m in opened if m.isreg()}
    monkeypatch.setattr("imggen.stores.reading._indices", None)
    for name, (offset, size) in places.items():
        address = f"{archive}/{name}#{offset}+{size}"
        assert stores.read(address) == contents[name]
        assert stores.read(address, (10, 20)) == contents[name][10:30]
        assert stores.identity(address).size == size
    for place in ("#1+99999999", "#999999999999999+1", "#99999999+999999999999999"):
        with pytest.raises(StoreError, match=r"a\.tar.*ends before byte"):
            stores.read(f"{archive}/x.jpg{place}")


def test_an_archive_that_was_replaced_is_read_again(archives, contents):
    for archive in archives:
        kind = write_tar if archive.lower().endswith("tar") else write_zip
        before = stores.identity(f"{archive}/e.jpg")
        assert stores.read(f"{archive}/e.jpg") == contents["e.jpg"]
        os.remove(archive)
        kind(archive, [("new.jpg", b"new"), ("e.jpg", b"changed")])
        assert stores.read(f"{archive}/e.jpg") == b"changed"
        assert stores.identity(f"{archive}/e.jpg") != before


def test_an_archive_that_is_replaced_while_it_is_read_gives_no_wrong_bytes(tmp_path, monkeypatch):
    archive = write_tar(tmp_path / "a.tar", [("1.jpg", b"old"), ("2.jpg", b"old 2")])
    write_tar(tmp_path / "new.tar", [("0.jpg", b"x" * 3000), ("2.jpg", b"new")])
    read = TarIndex.read

    def replace_then_read(self, source, name):
        if os.path.exists(tmp_path / "new.tar"):
            os.replace(tmp_path / "new.tar", archive)
        return read(self, source, name)

    monkeypatch.setattr(TarIndex, "read", replace_then_read)
    assert stores.read(f"{archive}/2.jpg") == b"new"


def test_names_of_windows_and_empty_archives_are_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        member = zipfile.ZipInfo("cat\\1.jpg")
        member.create_system = 0
        archive.writestr(member, b"1")
        folder = zipfile.ZipInfo("cat\\")
        folder.create_system = 0
        archive.writestr(folder, b"")
        archive.writestr(zipfile.ZipInfo("dog\\2.jpg"), b"2")  # of Unix, where it is a name
    assert [name for name, _ in stores.list_files(tmp_path / "a.zip")] == [
        "cat/1.jpg",
        "dog\\2.jpg",
    ]
    assert stores.read(tmp_path / "a.zip" / "cat" / "1.jpg") == b"1"
    assert stores.list_files(write_zip(tmp_path / "empty.zip", [])) == []
    (tmp_path / "zero.zip").write_bytes(b"")
    with pytest.raises(StoreError, match="not a complete zip archive: File is not a zip file"):
        stores.list_files(tmp_path / "zero.zip")


def test_a_folder_with_the_name_of_an_archive_is_a_folder(tmp_path):
    folder = tmp_path / "photos.zip"
    folder.mkdir()
    (folder / "1.jpg").write_bytes(b"1")
    assert stores.read(folder / "1.jpg") == b"1"
    write_zip(folder / "in.zip", [("a.jpg", b"2")])
    assert stores.read(folder / "in.zip" / "a.jpg") == b"2"
    with pytest.raises(FileNotFoundError):
        stores.read(folder / "2.jpg")
    (folder / "locked.txt").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        stores.read(folder / "locked.txt" / "2.jpg")


def test_members_that_lead_elsewhere_are_refused_by_name(tmp_path):
    bad = {
        "../up.jpg": b"",
        "a/../../up.jpg": b"",
        "/etc/absolute.jpg": b"",
        "a//empty.jpg": b"",
        "cat/1.jpg#5+10": b"",
        "symbolic.jpg": special(tarfile.SYMTYPE),
        "hard.jpg": special(tarfile.LNKTYPE),
        "device": special(tarfile.CHRTYPE),
        "./twice.jpg": b"1",
    }
    for number, (name, content) in enumerate(bad.items()):
        archive = tmp_path / f"{number}.tar"
        write_tar(archive, [("cat/1.jpg", b"1"), ("twice.jpg", b"2"), (name, content)])
        expected = name.removeprefix("./") if "twice" in name else name
        with pytest.raises(StoreError) as caught:
            stores.read(f"{archive}/cat/1.jpg")
        assert f"{number}.tar" in str(caught.value), name
        assert repr(expected) in str(caught.value), name
    for number, name in enumerate(["../up.jpg", "/absolute.jpg", "link.jpg", "./twice.jpg"]):
        archive = tmp_path / f"{number}.zip"
        info = zipfile.ZipInfo(name)
        info.external_attr = 0o120777 << 16 if name == "link.jpg" else 0o644 << 16
        write_zip(archive, [("twice.jpg", b"2"), (info, b"x")])
        with pytest.raises(StoreError, match=name.removeprefix("./")):
            stores.list_files(str(archive))


def test_truncated_and_damaged_archives_are_refused(tmp_path, archives):
    for archive in archives:
        with open(archive, "rb") as file:
            whole = file.read()
        extension = archive[-4:]
        for length in (0, 100, 700, 5000, len(whole) // 2):
            cut = tmp_path / f"cut{extension}"
            cut.write_bytes(whole[:length])
            with pytest.raises(StoreError, match="(?i)cut.*(truncated|complete|damaged)"):
                stores.list_files(str(cut))
    noisy = bytearray((tmp_path / "gnu.TAR").read_bytes())
    noisy[512 + 3072 : 512 + 3172] = b"\xff" * 100  # the header of the second member
    (tmp_path / "noisy.tar").write_bytes(noisy)
    with pytest.raises(StoreError, match=r"noisy\.tar.*damaged behind its first 1 "):
        stores.list_files(str(tmp_path / "noisy.tar"))


def test_a_tar_whose_names_have_no_end_is_refused(tmp_path):
    def name_header(size):
        header = tarfile.TarInfo("././@LongLink")
        header.type, header.size = tarfile.GNUTYPE_LONGNAME, size
        return header.tobuf(tarfile.GNU_FORMAT) + b"abc".ljust(512, b"\0")

    (tmp_path / "many.tar").write_bytes(name_header(4) * 3000 + bytes(1024))
    (tmp_path / "large.tar").write_bytes(name_header(2**55) + bytes(1024))
    for name in ("many.tar", "large.tar"):
        with pytest.raises(StoreError, match=f"{name}.*not a complete tar archive"):
            stores.list_files(str(tmp_path / name))


def test_a_zip_with_a_nameless_or_misplaced_member_is_refused(tmp_path):
    path = tmp_path / "a.zip"
    write_zip(path, [("1.jpg", b"x")])
    patch_directory(path, 28, "<H", 0)  # the length of the name
    patch_directory(path, 32, "<H", 5)  # that of the comment, which gets its bytes
    with pytest.raises(StoreError, match="its member '' does not have the name of a file"):
        stores.list_files(str(path))
    write_zip(path, [("1.jpg", b"x")])
    data = bytearray(path.read_bytes())
    # The archive would begin before the file.
    struct.pack_into("<I", data, len(data) - 6, data.index(b"PK\x01\x02") + 10)
    path.write_bytes(data)
    with pytest.raises(StoreError, match="a member begins before the file"):
        stores.read(f"{path}/1.jpg")


def test_a_damaged_member_of_a_zip_is_refused(tmp_path):
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        archive = write_zip(tmp_path / "a.zip", [("1.jpg", bytes(range(256)) * 9)], method)
        data = bytearray((tmp_path / "a.zip").read_bytes())
        data[60] ^= 0xFF
        (tmp_path / "a.zip").write_bytes(data)
        with pytest.raises(StoreError, match=r"a\.zip/1\.jpg.*(checksum|damaged)"):
            stores.read(f"{archive}/1.jpg")


def patch_directory(path, offset, layout, value):
    data = bytearray(path.read_bytes())
    struct.pack_into(layout, data, data.index(b"PK\x01\x02") + offset, value)
    path.write_bytes(data)


def test_encrypted_unknown_and_exploding_members_of_a_zip_are_refused(tmp_path):
    path = tmp_path / "a.zip"
    cases = [
        ((8, "<H", 1), "encrypted"),
        ((10, "<H", 99), "method 99"),
        ((24, "<I", 2**31 - 1), "too large"),
        ((24, "<I", 10), "checksum"),
    ]
    for patch, reason in cases:
        write_zip(path, [("1.jpg", bytes(100_000))])
        patch_directory(path, *patch)
        with pytest.raises(StoreError, match=rf"a\.zip/1\.jpg.*{reason}"):
            stores.read(f"{path}/1.jpg")


def test_compressed_archives_are_refused_with_the_way_out(tmp_path):
    for name, mode in (
        ("a.tar.gz", "w:gz"),
        ("a.tgz", "w:gz"),
        ("b.tar", "w:gz"),
        ("c.tar", "w:xz"),
    ):
        with tarfile.open(tmp_path / name, mode) as archive:
            archive.addfile(tarfile.TarInfo("1.jpg"))
        with pytest.raises(StoreError, match="unpack it, or pack it again"):
            stores.read(f"{tmp_path / name}/1.jpg")


def test_a_missing_member_is_named(archives):
    for archive in archives:
        for look in (stores.read, stores.identity):
            with pytest.raises(StoreError, match="nothing.jpg.*no such file in the archive"):
                look(f"{archive}/nothing.jpg")


def test_names_that_are_not_utf8_are_kept(tmp_path):
    name = os.fsdecode(b"caf\xe9.jpg")
    archive = write_tar(tmp_path / "a.tar", [(name, b"1")], format=tarfile.GNU_FORMAT)
    assert [file.name for file in stores.list_files(archive)] == [name]
    assert stores.read(f"{archive}/{name}") == b"1"


def test_an_index_is_built_once_for_all_threads(tmp_path, monkeypatch):
    archive = write_tar(tmp_path / "a.tar", [(f"{i}.jpg", b"%d" % i) for i in range(50)])
    built = []
    from imggen.stores import archives

    build = archives._INDEXERS["tar"]
    barrier = threading.Barrier(8)
    monkeypatch.setitem(archives._INDEXERS, "tar", lambda source: built.append(1) or build(source))

    def read(number):
        barrier.wait(10)
        return stores.read(f"{archive}/{number}.jpg")

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(read, range(8))) == [b"%d" % i for i in range(8)]
    assert len(built) == 1
