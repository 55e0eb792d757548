"""Cache(where, pack, quality, limit): legal options."""

import itertools
import pickle
from pathlib import Path

import pytest

import imggen
from imggen import Cache, ImageSequence
from imggen.cache import as_cache
from imggen.errors import OptionError
from tests.helpers.cases import case

# Options


def test_an_invalid_location_is_refused():
    for where in ["RAM", "Ram", "disk", "DISK", "", None, 7, True, b"kept", ["ram"], Path("Ram")]:
        with (
            case(where),
            pytest.raises(OptionError, match=r"^cache=.* is neither|^where=.*expected a path"),
        ):
            Cache(where)


def test_an_invalid_pack_is_refused():
    for pack in ["JPEG", "jpg", "png", "", None, 1, True]:
        with (
            case(pack),
            pytest.raises(OptionError, match=r"^pack=.* is not one of 'raw', 'jpeg'\."),
        ):
            Cache("ram", pack=pack)


def test_an_invalid_quality_is_refused():
    for quality in [0, 101, -1, 90.0, "90", None, True, [90]]:
        with (
            case(quality),
            pytest.raises(OptionError, match=r"^quality=.* whole number from 1 to 100"),
        ):
            Cache("ram", pack="jpeg", quality=quality)


def test_an_invalid_limit_is_refused():
    for limit in [0, -1, 2.0**30, "2GB", float("inf"), True, False]:
        with (
            case(limit),
            pytest.raises(OptionError, match=r"^limit=.* whole number of 1 or more, or None"),
        ):
            Cache("ram", limit=limit)


@pytest.mark.parametrize("field", [{"pack": "jepg"}, {"quality": 0}, {"limit": 0}], ids=str)
def test_invalid_options_are_refused_for_a_folder_too(tmp_path, field):
    with pytest.raises(OptionError, match=f"^{next(iter(field))}="):
        Cache(tmp_path / "kept", **field)
    assert not (tmp_path / "kept").exists()


def test_the_bounds_of_options_are_legal():
    for limit, quality in itertools.product([None, 1, 2**50], [1, 100]):
        with case(limit, quality):
            cache = Cache("ram", pack="jpeg", quality=quality, limit=limit)
            assert (cache.quality, cache.limit) == (quality, limit)


@pytest.mark.parametrize("where", ["ram", "kept", "./disk", Path("kept")], ids=repr)
def test_a_location_is_short_for_a_cache(where):
    assert as_cache(where) == Cache(where) == Cache(where, "raw", 90, None)
    assert as_cache(where).is_in_memory == (where == "ram")


def test_no_cache_stays_none_and_a_cache_stays_itself():
    cache = Cache("kept", pack="jpeg")
    assert as_cache(None) is None
    assert as_cache(cache) is cache


def test_caches_are_equal_if_all_of_their_fields_are():
    fields = ["kept", "jpeg", 80, 1000]
    caches = [
        Cache(*fields),
        *(
            Cache(*fields[:at], other, *fields[at + 1 :])
            for at, other in enumerate(["ram", "raw", 81, 1001])
        ),
    ]
    assert len({*caches, Cache(*fields)}) == 5
    assert Cache(*fields) == caches[0]
    assert hash(Cache(*fields)) == hash(caches[0])


def test_a_cache_can_be_pickled_and_not_changed():
    cache = Cache(Path("kept"), "jpeg", 80, 1000)
    assert pickle.loads(pickle.dumps(cache)) == cache
    with pytest.raises(AttributeError):
        cache.quality = 1


def test_memory_is_refused_with_processes_in_any_spelling(photos):
    with pytest.raises(OptionError, match="not shared between processes"):
        ImageSequence(imggen.scan(photos), cache=Cache("ram", "jpeg"), use_multiprocessing=True)


def test_an_unknown_word_is_refused_by_a_sequence(photos):
    with pytest.raises(OptionError, match=r"^cache='RAM'"):
        ImageSequence(imggen.scan(photos), cache="RAM")
