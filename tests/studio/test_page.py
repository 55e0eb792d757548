"""The studio: the page in a browser."""

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
from imggen.cli import main
from tests.helpers.images import write_images

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
    assert "--image-size 0 must be a whole number of 1 or more" in told.stderr


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
    name = "a<b>'" + 120 * "n"
    write_images(tmp_path / "odd", {name: 2, "b": 2})
    (tmp_path / "odd/b/000.png").write_bytes(b"broken")
    os.rename(tmp_path / "odd/b/001.png", os.fsencode(tmp_path / "odd/b") + b"/1\xfe.png")
    with studio(tmp_path / "odd") as address:
        page = browser.new_page(viewport={"width": 700, "height": 700})  # as on half a screen
        page.goto(address)
        page.wait_for_function("document.querySelectorAll('.q-img__image').length == 15")
        text = page.inner_text("body")
        assert f"{name} · 000.png" in text
        assert "b · 1\\udcfe.png" in text
        assert "b · 000.png" not in text
        assert page.get_by_text("add an augmentation").is_visible()
        assert is_within(page, 700)
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


def test_the_first_broken_file_is_named_if_all_are_broken(browser, tmp_path):
    write_images(tmp_path / "broken", {"a": 2})
    for name in ("000", "001"):
        (tmp_path / f"broken/a/{name}.png").write_bytes(b"broken")
    with studio(tmp_path / "broken") as address:
        page = browser.new_page(viewport={"width": 700, "height": 700})
        page.goto(address)
        page.get_by_text("000.png': ").wait_for()
        page.close()


def is_within(page, width: int) -> bool:
    """Whether the page is no wider than its window, and no value of an option wraps."""
    heights = page.eval_on_selector_all(".value", "all => all.map(one => one.offsetHeight)")
    return page.evaluate("document.documentElement.scrollWidth") <= width and max(heights) < 25


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
        assert "brightness" in page.locator(".caption").nth(1).inner_text().lower()
        check_layout(page)
        changed = [one != other for one, other in zip(before, after, strict=True)]
        assert not changed[0]  # an original
        assert sum(changed) >= 12

        check_copying(page)
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


def check_layout(page) -> None:
    """Images use the width that there is, and every control has a name."""
    for width, per_line in ((900, 3), (1400, 5), (1900, 5)):
        page.set_viewport_size({"width": width, "height": 900})
        boxes = [image.bounding_box() for image in page.locator(".q-img").all()[:5]]
        in_line = [box for box in boxes if box["y"] == boxes[0]["y"]]
        assert len(in_line) == per_line
        assert in_line[-1]["x"] + in_line[-1]["width"] > width - 40
        assert min(box["width"] for box in boxes) >= 130
        assert is_within(page, width)
    slider = page.get_by_label("RandomBrightness factor")
    assert slider.bounding_box()["width"] > 200
    assert page.get_by_alt_text("epoch 0 of ant · 0.png").count() == 1
    assert page.get_by_role("button", name="Remove RandomBrightness").is_visible()


def check_copying(page) -> None:
    """Policy B, which is as it was, becomes equal to A."""
    page.get_by_text("compare").click()
    page.wait_for_function("document.querySelectorAll('.q-img__image').length == 40")
    assert page.get_by_text("policy B · ant · 0.png").is_visible()
    assert images_of(page)[:5] != images_of(page)[5:10]
    page.get_by_role("button", name="Copy A to B").click()
    page.wait_for_function(
        "(all => all[4].src == all[9].src)(document.querySelectorAll('.q-img__image'))"
    )
    assert images_of(page)[:5] == images_of(page)[5:10]
    page.get_by_text("compare").click()
    page.get_by_role("button", name="B", exact=True).click()
    page.get_by_role("button", name="Copy B to A").wait_for()
    page.get_by_role("button", name="A", exact=True).click()
    page.get_by_role("button", name="Copy A to B").wait_for()


def decoded(uri: str) -> np.ndarray:
    data = base64.b64decode(uri.partition("base64,")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), int)
