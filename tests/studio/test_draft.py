"""The studio: drafts, sliders, and checks before the server starts."""

import socket
import sys

import numpy as np
import pytest

import imggen
from imggen.augment.catalog import AUGMENTATIONS
from imggen.augment.options import Choice, NumberBounds, RangeBounds, WholeBounds, WholeRangeBounds
from imggen.errors import ImggenWarning, MissingExtraError, OptionError, ScanError
from imggen.studio.draft import Draft, Item, choose_scale
from imggen.studio.server import check_port, make_draft, skip_outside
from tests.helpers.images import write_images


def test_a_draft_starts_with_the_given_policy():
    assert make_draft("light").steps == list(imggen.preset("light"))


def test_a_step_that_is_off_is_not_part_of_the_policy():
    draft = Draft.of([imggen.augment.RandomFlip(), imggen.augment.RandomHue()])
    draft.items[0].is_on = False
    assert draft.steps == [imggen.augment.RandomHue()]
    assert "RandomFlip" not in draft.as_yaml()


def test_options_are_changed_independently():
    item = Item(imggen.augment.RandomRotation((-5, 5), p=0.5))
    item.set("degrees", (-30, 10))
    assert item.step == imggen.augment.RandomRotation((-30, 10), p=0.5)


def test_an_invalid_value_is_refused_and_changes_nothing():
    item = Item(imggen.augment.RandomRotation((-5, 5)))
    with pytest.raises(OptionError, match=r"degrees=\(5, -5\)"):
        item.set("degrees", (5, -5))
    assert item.step == imggen.augment.RandomRotation((-5, 5))


def test_steps_are_added_at_the_end_and_moved():
    draft = Draft.of([imggen.augment.RandomFlip(), imggen.augment.RandomHue()])
    draft.move(draft.add("RandomErasing"), -2)
    assert [item.name for item in draft.items] == ["RandomErasing", "RandomFlip", "RandomHue"]


def test_a_mixer_comes_last_and_replaces_the_previous_one():
    draft = Draft.of([imggen.augment.MixUp()])
    draft.add("CutMix")
    draft.add("RandomFlip")
    assert draft.steps == [imggen.augment.RandomFlip(), imggen.augment.CutMix()]


def test_an_unknown_step_is_an_error_that_suggests_the_closest():
    with pytest.raises(OptionError, match="Did you mean 'RandomFlip'"):
        Draft([]).add("RandomFlp")


def test_a_copy_is_independent():
    draft = Draft.of([imggen.augment.RandomHue()])
    draft.copy().items[0].is_on = False
    assert draft.steps == [imggen.augment.RandomHue()]


def test_the_exported_python_code_builds_the_same_steps():
    steps = [
        imggen.augment.RandomFlip("vertical"),
        imggen.augment.RandomZoom((0.5, 2)),
        imggen.augment.RandAugment(),
    ]
    names: dict[str, object] = {}
    exec(Draft.of(steps).as_python(), names)
    assert names["augment"] == steps


def test_augmentations_that_no_policy_file_can_hold_are_refused():
    with pytest.raises(OptionError, match="cannot be saved to a policy file"):
        make_draft(np.flipud)


@pytest.mark.parametrize(
    ("legal", "value", "first", "ends"),
    [
        (NumberBounds(0, 1), 0.5, 0.5, (0, 1)),
        (NumberBounds(0, 100, exclusive=True), 0.2, 0.2, (0.01, 2)),
        (NumberBounds(0, 255), 0.0, 0.0, (0, 255)),
        (WholeBounds(1, 14), 2, 2, (1, 14)),
        (WholeRangeBounds(1, 8), (3, 6), (3, 6), (1, 8)),
        (WholeRangeBounds(1, 8), (1, 3), (1, 3), (1, 7)),
        (RangeBounds(-360, 360, "degrees"), (-20.0, 20.0), (-20.0, 20.0), (-80, 80)),
        (RangeBounds(-360, 360, "degrees"), (0.0, 0.0), (-20.0, 20.0), (-80, 80)),
        (RangeBounds(-360, 360, "degrees"), (-45.0, 60.0), (-20.0, 20.0), (-240, 240)),
        (RangeBounds(-1, 1), (-0.5, 0.1), (-0.5, 0.1), (-1, 1)),
        (RangeBounds(0, 1, exclusive=True), (0.3, 1.0), (0.3, 1.0), (0.01, 1)),
        (RangeBounds(0, float("inf")), (0.5, 2.0), (0.5, 2.0), (0, 5)),
        (RangeBounds(1e-4, 1e4), (0.75, 1.25), (0.75, 1.25), (0.01, 3.125)),
    ],
)
def test_a_slider_has_a_useful_range(legal, value, first, ends):
    scale = choose_scale(legal, value, first)
    assert (scale.low, scale.high) == pytest.approx(ends)


@pytest.mark.parametrize("kind", list(AUGMENTATIONS))
def test_every_slider_has_a_step_at_the_default(kind):
    item = Item(AUGMENTATIONS[kind]())
    for option, legal in item.options.items():
        if not isinstance(legal, Choice):
            value = getattr(item.step, option)
            scale = choose_scale(legal, value, value)
            for number in np.ravel(value).astype(float):
                assert scale.low <= number <= scale.high
                steps = (number - scale.low) / scale.step
                is_odd = number != round(number, 2)  # 4 / 3, say
                assert is_odd or abs(steps - round(steps)) < 1e-6, (option, scale)


def test_a_slider_that_was_narrowed_can_be_widened_again():
    item = Item(imggen.augment.RandomRotation((-20, 20)))
    item.set("degrees", (0.0, 0.0))
    legal = item.options["degrees"]
    assert choose_scale(legal, item.step.degrees, item.get_initial("degrees")).high == 80
    copied = Draft([item]).copy().items[0]
    assert copied.step.degrees == (0.0, 0.0)


def test_a_mixer_stays_last():
    draft = Draft.of([imggen.augment.MixUp(0.2)])
    draft.add("RandomFlip")
    assert [item.name for item in draft.items] == ["RandomFlip", "MixUp"]
    draft.move(draft.items[1], -1)
    assert [item.name for item in draft.items] == ["RandomFlip", "MixUp"]


def test_images_outside_the_folder_are_skipped_with_a_warning(tmp_path):
    write_images(tmp_path / "photos", {"cat": 2})
    write_images(tmp_path / "secret", {"x": 1})
    (tmp_path / "photos/cat/link.png").symlink_to(tmp_path / "secret/x/000.png")
    with pytest.warns(ImggenWarning, match=r"1 image skipped, outside .*link\.png"):
        inside = skip_outside(imggen.scan(tmp_path / "photos"))
    assert list(inside.paths) == ["cat/000.png", "cat/001.png"]


def test_a_table_of_paths_outside_the_folder_is_refused(tmp_path):
    write_images(tmp_path / "secret", {"x": 1})
    (tmp_path / "photos").mkdir()
    manifest = imggen.Manifest.from_files(["../secret/x/000.png"], root=tmp_path / "photos")
    with pytest.raises(ScanError, match="All 1 images are outside"):
        skip_outside(manifest)


def test_a_port_in_use_is_an_error_that_suggests_another():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OptionError, match=rf"port={port} .*in use.* --port {port + 1}"):
            check_port(port)


def test_the_last_port_is_followed_by_no_other():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 65535))
        taken.listen()
        with pytest.raises(OptionError, match=r"port=65535 .*in use.* --port 65534"):
            check_port(65535)


def test_without_nicegui_the_error_names_the_pip_command(monkeypatch, photos):
    from imggen.studio.server import serve

    monkeypatch.setitem(sys.modules, "nicegui", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'imggen\[studio\]'"):
        serve(
            imggen.scan(photos),
            "light",
            image_size=(32, 32),
            port=1,
            open_browser=False,
            started=print,
        )
