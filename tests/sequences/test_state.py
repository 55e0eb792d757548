"""The position of training as a small value: what it holds, refuses, and how passes go on."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import imggen
from imggen import errors
from imggen.core import StringColumn
from imggen.sequences.state import digest_manifest
from tests.helpers.cases import case
from tests.helpers.images import write_images


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> imggen.Manifest:
    root = write_images(tmp_path_factory.mktemp("photos"), {"cat": 5, "dog": 5}, size=(8, 8))
    return imggen.scan(root)


def make_sequence(source: Any, **options: Any) -> imggen.ImageSequence:
    defaults = {"image_size": 8, "batch_size": 3, "seed": 7, "workers": 0}
    return imggen.ImageSequence(source, **{**defaults, **options})


def write_tables(folder: Path, num: int = 3) -> list[Path]:
    files = [folder / f"{number}.csv" for number in range(num)]
    for number, file in enumerate(files):
        file.write_text(f"a,y\n{number},1\n")
    return files


def batch_of(sequence: imggen.ImageSequence, epoch: int, index: int) -> npt.NDArray[Any]:
    return sequence.batch_maker(epoch, index).x.copy()


def test_a_state_is_small_json_and_does_not_mention_workers(manifest: imggen.Manifest) -> None:
    sequence = make_sequence(manifest)
    state = sequence.state_dict(epoch=2, batch=1)
    assert json.loads(json.dumps(state)) == state
    assert len(json.dumps(state)) < 400
    assert (state["version"], state["epoch"], state["batch"]) == (1, 2, 1)
    assert (state["seed"], state["batch_size"], state["samples"]) == (7, 3, 10)
    others = make_sequence(manifest, workers=3, use_multiprocessing=True, max_queue_size=2)
    assert others.state_dict(epoch=2, batch=1) == state
    assert sequence.state_dict()["epoch"] == sequence.state_dict()["batch"] == 0
    complete = sequence.state_dict(epoch=2, batch=4)
    assert (complete["epoch"], complete["batch"]) == (3, 0)
    sequence.load_state_dict(state)
    assert sequence.state_dict() == state
    assert sequence.state_dict(epoch=2)["batch"] == 0


def test_numbers_of_numpy_are_saved_as_those_of_json(manifest: imggen.Manifest) -> None:
    sequence = make_sequence(manifest)
    for epoch, batch in ((np.int64(2), np.int32(3)), (np.int64(1), sequence.num_batches)):
        state = json.loads(json.dumps(sequence.state_dict(epoch=epoch, batch=batch)))
        sequence.load_state_dict({**state, "epoch": np.int64(state["epoch"])})
        assert sequence.find_position() == (2, batch % 4)
        assert type(sequence.epoch) is int


def test_each_kind_of_pass_goes_on_with_the_batch_of_the_state(manifest: imggen.Manifest) -> None:
    sequence = make_sequence(manifest)
    state = sequence.state_dict(epoch=5, batch=2)
    expected = [batch_of(sequence, *key) for key in ((5, 2), (5, 3), (6, 0), (6, 1))]

    def by_iteration() -> list[Any]:
        return [x for x, _ in sequence] + [x for x, _ in sequence][:2]

    def by_next() -> list[Any]:
        return [next(sequence)[0] for _ in range(4)]

    def by_generator() -> list[Any]:
        generator = sequence.generator()
        return [next(generator)[0] for _ in range(4)]

    def by_index() -> list[Any]:
        return [sequence[index][0].copy() for index in (2, 3, 0, 1)]

    def by_copy() -> list[Any]:
        other = sequence.independent_copy()
        return [x for x, _ in other] + [x for x, _ in other][:2]

    for loop in (by_iteration, by_next, by_generator, by_index, by_copy):
        with case(loop.__name__):
            sequence.load_state_dict(state)
            np.testing.assert_array_equal(np.concatenate(loop()), np.concatenate(expected))
    sequence.load_state_dict(state)
    sequence.epoch = 5
    assert len(list(sequence)) == 4  # the number of batches was forgotten


def test_a_state_of_something_else_is_refused_by_name(manifest: imggen.Manifest) -> None:
    state = make_sequence(manifest).state_dict(epoch=1, batch=2)
    labels = np.array(manifest.labels)
    labels[0] = 1 - labels[0]
    cases = {
        "another manifest": make_sequence(manifest.take(np.arange(10)[::-1])),
        "another manifest:": make_sequence(dataclasses.replace(manifest, labels=labels)),
        "samples=10, and this one has samples=9": make_sequence(manifest.take(range(9))),
        "seed=7, and this one has seed=8": make_sequence(manifest, seed=8),
        "batch_size=3, and this one has batch_size=4": make_sequence(manifest, batch_size=4),
        "shuffle=True, and": make_sequence(manifest, shuffle=False),
        "repeats=1, and": make_sequence(manifest, repeats=2),
        "drop_remainder=False, and": make_sequence(manifest, drop_remainder=True),
    }
    for words, sequence in cases.items():
        with case(words):
            with pytest.raises(errors.ResumeError, match=words):
                sequence.load_state_dict(state)
            assert sequence.epoch == 0
    moved = dataclasses.replace(manifest, root="elsewhere")
    make_sequence(moved).load_state_dict(state)


def test_what_is_no_state_is_refused(manifest: imggen.Manifest, tmp_path: Path) -> None:
    sequence = make_sequence(manifest)
    state = sequence.state_dict()
    tables = imggen.TableSequence(write_tables(tmp_path), "y", seed=7)
    for words, bad in {
        "version 2, and this imggen reads up to version 1": {**state, "version": 2},
        "is not a state of such a sequence": {},
        "not a state of such": {**state, "version": "1"},
        "not a state": {name: one for name, one in state.items() if name != "seed"},
        "the kind 'TableSequence', and this sequence is of the kind 'ImageSequence'": (
            tables.state_dict()
        ),
        "epoch=-1": {**state, "epoch": -1},
        "epoch=True": {**state, "epoch": True},
        "batch=5 must be": {**state, "batch": 5},
        "batch=nan": {**state, "batch": float("nan")},
        "with seed=": {**state, "seed": [7]},
    }.items():
        with case(words), pytest.raises(errors.ResumeError, match=words):
            sequence.load_state_dict(bad)
    for other in (None, "state", [1], 3):
        with pytest.raises(errors.OptionTypeError, match="state"):
            sequence.load_state_dict(other)  # type: ignore[arg-type]
    for wrong in ({"epoch": -1}, {"batch": 5}, {"epoch": 2**70, "batch": -1}):
        with pytest.raises(errors.OptionError, match="must be a whole number"):
            sequence.state_dict(**wrong)


def test_tables_and_pairs_have_states_too(manifest: imggen.Manifest, tmp_path: Path) -> None:
    files = write_tables(tmp_path)
    tables = imggen.TableSequence(files, "y", seed=7)
    state = json.loads(json.dumps(tables.state_dict(epoch=4, batch=1)))
    (tmp_path / "moved").mkdir()
    moved = [file.rename(tmp_path / "moved" / file.name) for file in files]
    again = imggen.TableSequence(moved, "y", seed=7)
    again.load_state_dict(state)
    values = [int(Path(file).stem) for file in again.served(4)[1:]]
    assert [int(x[0, 0]) for x, _ in again] == values
    assert again.epoch == 5
    for words, options in {"seed=7, and": {"seed": 8}, "replace": {"replace": True}}.items():
        with pytest.raises(errors.ResumeError, match=words):
            imggen.TableSequence(moved, "y", **{"seed": 7, **options}).load_state_dict(state)
    with pytest.raises(errors.ResumeError, match="another list of files"):
        imggen.TableSequence(moved[::-1], "y", seed=7).load_state_dict(state)
    images = make_sequence(manifest, label_mode=None)
    pair = imggen.zip_sequences(images, make_sequence(manifest, label_mode=None))
    pair.load_state_dict(pair.state_dict(epoch=1, batch=3))
    assert (len(list(pair)), pair.epoch) == (1, 2)
    with pytest.raises(errors.ResumeError, match="kind 'ImageSequence', and"):
        pair.load_state_dict({**images.state_dict(), "second_manifest": ""})


def test_datasets_of_other_libraries_begin_with_a_whole_epoch(manifest: imggen.Manifest) -> None:
    sequence = make_sequence(manifest)
    sequence.load_state_dict(sequence.state_dict(epoch=1, batch=2))
    for method in (sequence.to_tf_dataset, sequence.to_torch, sequence.to_grain):
        with pytest.raises(errors.ResumeError, match=r"cannot begin with batch 2.*generator\(\)"):
            method()


def test_the_hash_of_a_manifest_depends_on_its_rows_alone(manifest: imggen.Manifest) -> None:
    expected = digest_manifest(manifest)
    shifted = StringColumn(
        np.concatenate([np.zeros(3, np.uint8), manifest.paths.data]), manifest.paths.offsets + 3
    )
    assert digest_manifest(dataclasses.replace(manifest, paths=shifted)) == expected
    weighted = dataclasses.replace(manifest, weights=np.ones(10, np.float32))
    renamed = dataclasses.replace(manifest, class_names=("cat", "wolf"))
    split = dataclasses.replace(manifest, splits=StringColumn.of(["train"] * 10))
    assert digest_manifest(split) == expected
    assert len({expected, digest_manifest(weighted), digest_manifest(renamed)}) == 3
