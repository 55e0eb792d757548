"""The pages in docs/: their code runs, and the reference names everything that is public."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

import imggen
from imggen.cli import main as group

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "builder"))
from benchmark_figures import insert_benchmarks  # noqa: E402
from page_results import (  # noqa: E402
    PageRunner,
    find_blocks,
    hash_code,
    insert_outputs,
    list_pages,
    read_page,
)

PAGES = list_pages()


@pytest.fixture(scope="module")
def runner():
    with PageRunner() as runner:
        yield runner


@pytest.mark.skipif(os.name == "nt", reason="pages call commands such as head and ls")
@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_the_page_runs(runner, page):
    errors = [result["error"] for result in runner.run(page) if result["error"]]
    assert errors == []


def test_code_that_is_only_parsed_says_why():
    reasons = {
        (page, block.parsed_only)
        for page in PAGES
        for block in find_blocks(read_page(page))
        if block.parsed_only
    }
    assert len(reasons) <= 16
    assert all(len(reason.split()) > 2 for _, reason in reasons)


def test_blocks_know_their_line_and_the_output_follows_them():
    page = "Text.\n\n```python\nprint(7)\n```\n\nMore.\n\n```sh\nimggen scan nothing\n```\n"
    blocks = find_blocks(page)
    assert [(block.language, block.line) for block in blocks] == [("python", 4), ("sh", 10)]
    text = insert_outputs(page, [{"output": "7"}, {"output": ""}])
    assert "```\n\n```{code-block} text\n:class: output\n\n7\n```\n\n\nMore." in text


def test_pages_run_again_when_any_file_of_imggen_changes(tmp_path):
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "page.py").write_text("x = 1")
    hashes = {hash_code([tmp_path])}
    (tmp_path / "reports" / "__pycache__").mkdir()
    (tmp_path / "reports" / "__pycache__" / "page.cpython-311.pyc").write_bytes(b"1")
    assert {hash_code([tmp_path])} == hashes
    for name in ("page.py", "page.html", "schema.json"):
        (tmp_path / "reports" / name).write_text("x = 2")
        hashes.add(hash_code([tmp_path]))
    assert len(hashes) == 4


def names_in_reference() -> list[str]:
    pattern = r"^\.\. auto(?:class|function|exception|data|module):: imggen\.(\S+)$"
    pages = (DOCS / "reference").glob("*.rst")
    return [name for page in pages for name in re.findall(pattern, page.read_text(), re.MULTILINE)]


def test_the_reference_has_every_public_name_once():
    def is_error(value):
        return isinstance(value, type) and issubclass(value, Exception)

    names = {name for name in imggen.__all__ if name not in ("augment", "errors")}
    names |= {f"augment.{name}" for name in imggen.augment.AUGMENTATIONS}
    names |= {f"errors.{name}" for name, value in vars(imggen.errors).items() if is_error(value)}
    found = names_in_reference()
    assert names - set(found) == set()
    assert len(found) == len(set(found))


def test_the_reference_has_the_methods_that_classes_inherit():
    text = "".join(page.read_text() for page in (DOCS / "reference").glob("*.rst"))
    for name in imggen.__all__:
        value = getattr(imggen, name)
        bases = value.__mro__[1:] if isinstance(value, type) else ()
        own = [base for base in bases if base.__module__.startswith("imggen.")]
        if any(vars(base).keys() - vars(object).keys() for base in own):
            options = re.search(rf":: imggen\.{name}\n((?:   .*\n)*)", text)
            assert ":inherited-members:" in options[1], name


def test_every_verb_has_a_page_that_runs_it():
    text = "".join(read_page(page) for page in PAGES if page.startswith("how-to/"))
    verbs = group.list_commands(None)
    assert [verb for verb in verbs if f"imggen {verb}" not in text] == []


def test_figures_of_the_benchmarks_come_from_the_file():
    other = r"<!--.*?-->|```.*?```|\[.*?\]\(.*?\)|uint8"
    text = re.sub(other, "", read_page("benchmarks"), flags=re.DOTALL)
    assert re.findall(r"\d+", text) == []
    figures = json.loads((ROOT / "assets/benchmark.json").read_text())
    shown = insert_benchmarks(read_page("benchmarks"))
    rows = [row for work in figures["works"].values() for row in work.values()]
    missing = [row for row in rows if f"{row['images_per_second']:,.0f} |" not in shown]
    assert missing == []
    table = insert_benchmarks("<!-- benchmark: plain -->")
    assert re.search(
        r"^\| \*\*imggen native, nearest\*\* \| .+ \| [\d,]+ \| \d\.\d\d \|$", table, re.MULTILINE
    )
