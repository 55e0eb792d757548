"""The studio: drafts, errors, and the page in a browser."""

import base64
import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import imggen
from imggen.augment.catalog import AUGMENTATIONS
from imggen.augment.options import Choice, NumberBounds, RangeBounds, WholeBounds, WholeRangeBounds
from imggen.cli import main
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
    with pytest.warns(ImggenWarning, match=r"Skipped 1 images outside .*link\.png"):
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


# The page


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


@contextlib.contextmanager
def studio(folder: Path, *options: str, ended: list[int] | None = None):
    """The address of a running studio; ``ended`` gets its exit status after Ctrl-C."""
    port = free_port()
    log = folder.parent / "studio.log"
    command = [sys.executable, "-m", "imggen", "studio", str(folder), "--port", str(port)]
    with log.open("wb") as out:
        running = subprocess.Popen(
            [*command, "--no-browser", "--image-size", "64", "64", *options],
            stdout=out,
            stderr=subprocess.STDOUT,
            # NiceGUI behaves differently if this says that it is under test.
            env={name: value for name, value in os.environ.items() if "PYTEST" not in name},
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(address, timeout=5)
                break
            assert running.poll() is None, log.read_text()
            time.sleep(0.5)
        yield address
    finally:
        running.send_signal(signal.SIGINT)
        status = running.wait(20)
        if ended is not None:
            ended.append(status)


@pytest.fixture
def pictures(tmp_path):
    return write_pictures(tmp_path / "pictures")


def write_pictures(folder: Path) -> Path:
    """Two classes of three smooth images."""
    for number, name in enumerate(("ant", "bee")):
        (folder / name).mkdir(parents=True)
        for copy in range(3):
            row, col = np.mgrid[:80, :100]
            pixels = np.stack([2 * row, 2 * col, 60 * copy + 40 * number + 0 * row], axis=2)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{copy}.png")
    return folder


def status_of(request) -> int:
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as err:
        return err.code


@dataclass
class Visit:
    """What one run of the studio has answered, and how it ended."""

    page: str
    status_of_path: dict[str, int]
    status_of_host: dict[str, int]
    reached_from_outside: list[str]
    exit_status: int
    log: str


@pytest.fixture(scope="module")
def visit(tmp_path_factory) -> Visit:
    pytest.importorskip("nicegui")
    pictures = write_pictures(tmp_path_factory.mktemp("visit") / "pictures")
    ended: list[int] = []
    with studio(pictures, ended=ended) as address:
        port = int(address.rpartition(":")[2])
        with urllib.request.urlopen(address, timeout=20) as answer:
            page = answer.read().decode()
        paths = ("/../../etc/passwd", "/pictures/ant/0.png", "/%2e%2e/secret")
        hosts = {
            host: urllib.request.Request(address, headers={"Host": f"{host}:80"})
            for host in ("evil.example", "localhost")
        }
        status_of_path = {path: status_of(address + path) for path in paths}
        status_of_host = {host: status_of(request) for host, request in hosts.items()}
        reached = []
        for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET):
            if not info[4][0].startswith("127."):
                with (
                    contextlib.suppress(OSError),
                    socket.create_connection((info[4][0], port), timeout=2),
                ):
                    reached.append(info[4][0])
    log = (pictures.parent / "studio.log").read_text(errors="replace")
    return Visit(page, status_of_path, status_of_host, reached, ended[0], log)


def test_the_page_is_served_to_this_machine_only(visit):
    assert "imggen studio" in visit.page
    assert set(visit.status_of_path.values()) == {404}
    assert visit.reached_from_outside == []


def test_requests_for_other_hosts_are_refused(visit):
    assert visit.status_of_host == {"evil.example": 400, "localhost": 200}


def test_ctrl_c_stops_the_server_without_a_traceback(visit):
    assert visit.exit_status == 0
    assert "Aborted" not in visit.log
    assert "Traceback" not in visit.log


def test_an_invalid_size_is_refused_before_the_server_starts(pictures):
    pytest.importorskip("nicegui")
    command = ["studio", str(pictures), "--image-size", "0", "0", "--no-browser"]
    told = CliRunner().invoke(main, command)
    assert told.exit_code == 1
    assert "image_size=(0, 0) must be two whole numbers of 1 or more" in told.stderr


@pytest.fixture
def browser():
    """Asked for before a studio is started, which takes seconds."""
    pytest.importorskip("nicegui")
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


def test_unusual_names_and_broken_files_do_not_hide_other_images(browser, tmp_path):
    write_images(tmp_path / "odd", {"a<b>'": 2, "b": 2})
    (tmp_path / "odd/b/000.png").write_bytes(b"broken")
    os.rename(tmp_path / "odd/b/001.png", os.fsencode(tmp_path / "odd/b") + b"/1\xfe.png")
    with studio(tmp_path / "odd") as address:
        page = browser.new_page(viewport={"width": 700, "height": 700})  # as on half a screen
        page.goto(address)
        page.wait_for_function("document.querySelectorAll('.q-img__image').length == 15")
        text = page.inner_text("body")
        assert "a<b>' · 000.png" in text
        assert "b · 1\\udcfe.png" in text
        assert "b · 000.png" not in text
        assert page.get_by_text("add an augmentation").is_visible()
        page.close()


def test_errors_are_shown_in_place_of_images(browser, pictures, tmp_path):
    frame = imggen.scan(pictures).to_frame()
    frame["boxes"] = [[[10, 10, 40, 40]]] * len(frame)
    manifest = imggen.Manifest.from_frame(
        frame,
        root=pictures,
        y_col=None,
        boxes=imggen.Boxes(col="boxes", format="pascal_voc"),
    )
    manifest.save(tmp_path / "boxes.csv")
    with studio(tmp_path / "boxes.csv") as address:
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(address)
        page.wait_for_function("document.querySelectorAll('.q-img__image').length == 20")
        page.get_by_label("add an augmentation").click()
        page.get_by_role("option", name="MixUp", exact=True).click()
        page.get_by_text("label_mode='boxes' cannot be blended").wait_for()
        assert page.locator(".q-img__image").count() == 0
        page.close()


def images_of(page) -> list[str]:
    return page.eval_on_selector_all(".q-img__image", "all => all.map(one => one.src)")


def test_a_control_changes_the_images_and_the_export_reproduces_them(browser, pictures, tmp_path):
    (tmp_path / "start.yaml").write_text("augmentations:\n- RandomBrightness: {factor: [1, 1]}\n")
    options = ("--policy", str(tmp_path / "start.yaml"))
    with studio(pictures, *options) as address:
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        page.wait_for_function("document.querySelectorAll('.q-img__image').length == 20")
        before = images_of(page)

        # The right thumb of the range, some steps to the right.
        thumb = page.locator(".q-range__thumb, .q-slider__thumb").nth(1)
        thumb.focus()
        for _ in range(20):
            thumb.press("ArrowRight")
        page.wait_for_function(
            "old => (all => all.length == 20 && all[1].src != old)"
            "(document.querySelectorAll('.q-img__image'))",
            arg=before[1],
        )
        page.wait_for_timeout(1500)
        after = images_of(page)
        changed = [one != other for one, other in zip(before, after, strict=True)]
        assert not changed[0]  # an original
        assert sum(changed) >= 12

        page.get_by_role("button", name="Export").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="Save policy.yaml").click()
        exported = tmp_path / "exported.yaml"
        download.value.save_as(exported)
        page.close()
    assert said == []
    assert all(url.startswith((address, address.replace("http", "ws"), "data:")) for url in asked)

    (step,) = imggen.load_policy(exported)
    assert step.factor[1] > 1.1

    again = CliRunner().invoke(
        main,
        [
            *("preview", str(pictures), "--policy", str(exported), "-o", str(tmp_path / "x.html")),
            *("--variants", "4", "--image-size", "64", "64"),
        ],
    )
    assert again.exit_code == 0, again.output
    # The same pixels, drawn by another command.
    sequence = imggen.ImageSequence(
        imggen.scan(pictures), image_size=(64, 64), augment=str(exported), seed=0
    )
    shown = decoded(after[1])
    expected = sequence.explain(epoch=0, index=0).image
    small = np.asarray(Image.fromarray(expected).resize(shown.shape[1::-1]), int)
    assert np.abs(small - shown).mean() < 3


def decoded(uri: str) -> np.ndarray:
    data = base64.b64decode(uri.partition("base64,")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), int)
