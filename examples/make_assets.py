"""Makes the pictures of the README again, and records the files that each was made from.

python examples/make_assets.py [PICTURE ...] [--browser FILE]

Pictures of pages need Chromium and ``pip install playwright``. benchmark.png, benchmark.md and
benchmark.json are made by benchmark_peers.py. A test fails where the files that make a picture have
changed since.
"""

import argparse
import hashlib
import inspect
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "assets"
RECORD = ASSETS / "inputs.json"

DRAWING = ("imggen/preview/*.py", "imggen/decode/thumbnail.py")
AUGMENTING = ("imggen/augment/*.py",)
SPLIT_PAGE = ("imggen/reports/*.py", "imggen/reports/base.html", "imggen/reports/split.html")


def imggen(folder: Path, *arguments: object) -> None:
    """Runs a verb of the command line in a folder, so that pictures show short paths."""
    command = [sys.executable, "-m", "imggen", *map(str, arguments)]
    subprocess.run(command, check=True, cwd=folder)  # noqa: S603 - arguments are of this file


def make_demo(folder: Path) -> None:
    """augmentations.png and confusion-matrix.png, by ``imggen demo``."""
    imggen(folder, "demo", "demo")
    shutil.copy(folder / "demo/augmentations-photos.png", ASSETS / "augmentations.png")
    shutil.copy(folder / "demo/confusion-matrix.png", ASSETS / "confusion-matrix.png")


def make_preview(folder: Path) -> None:
    """preview.png, of photographs that come with scikit-learn."""
    write_photos(folder)
    options = ["--augment", "strong", "--variants", 4, "--seed", 3]
    imggen(folder, "preview", "photos", *options, "-o", ASSETS / "preview.png", "--force")


def make_bench(folder: Path) -> None:
    """bench.png, of 240 crops of these photographs."""
    write_crops(folder, size=(375, 500), per_class=120)
    imggen(folder, "bench", "photos", "--image-size", 224, "-o", ASSETS / "bench.png", "--force")


def make_split_report(folder: Path) -> None:
    """split-report.png: the page of a split that keeps duplicates together."""
    write_duplicates(write_crops(folder, size=(150, 200), per_class=60), number=4)
    imggen(folder, "split", "photos", "photos-split", "--near-duplicates", "--html", "split.html")
    with browser_page(width=800, height=900) as tab:
        tab.goto((folder / "split.html").as_uri())
        tab.screenshot(path=ASSETS / "split-report.png")


def make_studio(folder: Path) -> None:
    """studio.png: the page of the studio while it compares two policies."""
    write_photos(folder)
    command = [sys.executable, "-m", "imggen", "studio", "photos", "--no-browser"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as server,  # noqa: S603
        browser_page(width=1280, height=780) as tab,
    ):
        try:
            address = re.search(r"http://\S+", next(iter(server.stdout or [])))
            tab.goto(address.group() if address else "")
            tab.wait_for_function("document.querySelectorAll('.q-img__image').length >= 10")
            tab.get_by_text("compare").click()
            tab.wait_for_function("document.querySelectorAll('.q-img__image').length >= 20")
            most_degrees = tab.locator(".q-range__thumb, .q-slider__thumb").nth(2)
            most_degrees.focus()
            for _ in range(40):
                most_degrees.press("ArrowRight")
            tab.wait_for_timeout(3000)  # the images are made and fade in
            tab.screenshot(path=ASSETS / "studio.png")
        finally:
            server.terminate()


def write_photos(folder: Path) -> Path:
    """Writes two photographs, in class folders."""
    from sklearn.datasets import load_sample_images

    photos = folder / "photos"
    for file, label in zip(load_sample_images().filenames, ("building", "flower"), strict=True):
        (photos / label).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, photos / label)
    return photos


def write_crops(folder: Path, size: tuple[int, int], per_class: int) -> Path:
    """Writes random crops of the two photographs, in class folders."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(7)
    height, width = size
    for file in sorted(write_photos(folder).glob("*/*.jpg")):
        with Image.open(file) as photo:
            for number in range(per_class):
                left = int(rng.integers(photo.width - width + 1))
                top = int(rng.integers(photo.height - height + 1))
                crop = photo.crop((left, top, left + width, top + height))
                crop.save(file.parent / f"{number:03d}.jpg", quality=90)
        file.unlink()
    return folder / "photos"


def write_duplicates(folder: Path, number: int) -> None:
    """Writes smaller and recompressed copies of the first images of each class."""
    from PIL import Image

    for label in sorted(folder.iterdir()):
        for file in sorted(label.iterdir())[:number]:
            with Image.open(file) as image:
                smaller = image.resize((image.width * 3 // 4, image.height * 3 // 4))
                smaller.save(label / f"{file.stem}-small.jpg", quality=60)


CHROMIUM: str | None = None


@contextmanager
def browser_page(width: int, height: int) -> "Iterator[playwright.sync_api.Page]":  # noqa: F821
    """Opens Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": width, "height": height})
        browser.close()


# By picture: the function, and patterns of the files whose changes change the picture.
PICTURES: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "augmentations.png": (make_demo, ("imggen/cli/demo.py", *DRAWING, *AUGMENTING)),
    "confusion-matrix.png": (make_demo, ("imggen/cli/demo.py", *DRAWING, *AUGMENTING)),
    "preview.png": (make_preview, (*DRAWING, *AUGMENTING)),
    "bench.png": (make_bench, ("imggen/benchmark/report.py", "imggen/preview/*.py")),
    "split-report.png": (make_split_report, (*SPLIT_PAGE, "imggen/splitting/*.py")),
    "studio.png": (make_studio, ("imggen/studio/*.py", *DRAWING, *AUGMENTING)),
    "benchmark.png": (lambda _: None, ("assets/benchmark.json", "examples/peers/report.py")),
}


def hash_inputs(picture: str) -> str:
    """Returns the hash of the function and the files, with their names, that make a picture."""
    make, patterns = PICTURES[picture]
    digest = hashlib.sha256(inspect.getsource(make).encode())
    for pattern in patterns:
        for file in sorted(ROOT.glob(pattern)):
            digest.update(f"{file.relative_to(ROOT).as_posix()}\n".encode())
            digest.update(file.read_text(encoding="utf-8").encode())  # any newlines
    return digest.hexdigest()[:16]


def find_outdated() -> list[str]:
    """Returns the pictures whose inputs have changed since they were made."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    return [name for name in PICTURES if record.get(name) != hash_inputs(name)]


def main() -> None:
    """Makes the chosen pictures, or all."""
    global CHROMIUM
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pictures", nargs="*", choices=[[], *PICTURES], metavar="PICTURE")
    parser.add_argument("--browser", help="the program of Chromium; default: that of playwright")
    args = parser.parse_args()
    CHROMIUM = args.browser
    chosen = args.pictures or list(PICTURES)
    for make in dict.fromkeys(PICTURES[name][0] for name in chosen):
        with tempfile.TemporaryDirectory(prefix="assets-") as folder:
            make(Path(folder))
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    record.update({name: hash_inputs(name) for name in chosen})
    RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"Made {', '.join(chosen)} in {ASSETS.relative_to(ROOT)}/.")


if __name__ == "__main__":
    main()
