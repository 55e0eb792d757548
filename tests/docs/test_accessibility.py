"""Pages can be read by everybody: alternative texts, contrast, links, markup for screen readers."""

import configparser
import re
import sys
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SITE = "https://imggen.github.io/imggen/"
sys.path.insert(0, str(DOCS / "builder"))
from page_html import complete_markup, find_dead_links  # noqa: E402
from page_results import list_pages, read_page  # noqa: E402

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_picture_has_an_alternative_text_and_every_frame_a_title():
    texts = {name: read_page(name) for name in list_pages()} | {"README": README}
    short = [
        (name, alt)
        for name, text in texts.items()
        for alt in re.findall(r"!\[([^\]]*)\]\(", text)
        if len(alt.split()) < 2
    ]
    assert short == []
    tags = [tag for text in texts.values() for tag in re.findall(r"<(?:img|iframe) [^>]*>", text)]
    assert len(tags) >= 8
    assert [tag for tag in tags if not re.search(r' (?:alt|title)="[^"]{4,}"', tag)] == []


def test_links_into_the_site_name_its_pages():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert f"Documentation = {SITE}" in setup["metadata"]["project_urls"]
    links = re.findall(rf"{re.escape(SITE)}([\w/-]+)\.html", README)
    assert len(links) >= 15
    assert set(links) - set(list_pages()) == set()
    labels = set(re.findall(r"^\[([\w-]+)\]: ", README, re.MULTILINE))
    assert set(re.findall(r"\]\[([\w-]+)\]", README)) == labels


def get_luminance(color: str) -> float:
    digits = color.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    values = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def get_contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2."""
    low, high = sorted(map(get_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def test_the_text_of_reports_has_enough_contrast_in_both_themes():
    assert round(get_contrast("#000", "#ffffff")) == 21
    assert round(get_contrast("#777777", "#fff"), 2) == 4.48
    style = (ROOT / "imggen" / "reports" / "base.html").read_text()
    themes = [
        dict(re.findall(r"--(\w+): (#\w+)", block))
        for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    assert len(themes) == 2
    for theme in themes:
        for text, ground in product(("ink", "faint", "bad", "warning", "train"), ("paper", "soft")):
            assert get_contrast(theme[text], theme[ground]) >= 4.5, (text, ground)


def test_the_brand_colors_of_the_site_have_enough_contrast():
    conf = (DOCS / "conf.py").read_text()
    light, dark = re.findall(r'"color-brand-content": "(#\w+)"', conf)
    assert get_contrast(light, "#ffffff") >= 4.5
    assert get_contrast(dark, "#131416") >= 4.5  # Furo's dark background


def test_markup_for_screen_readers_and_small_screens_is_completed_once():
    page = (
        '<p class="caption" role="heading"><aside class="sidebar-drawer"><p>'
        '<dl>\n<dd><em class="sig-param">x</em>,</dd>\n</dl><dl><dt>a</dt><dd>b</dd></dl>'
        '<span class="pre">--near-duplicates</span><span class="pre">keras.long_names(x)</span>'
        '<p><img alt="a" src="a.png" /></p><p><img alt="b" src="b.png" /> text</p>'
        '<a href="x">imggen-cache-build command line option</a>'
    )
    made = complete_markup(page)
    assert 'role="heading" aria-level="2">' in made
    assert 'aria-label="Pages"' in made
    assert '<ul class="sig-params">\n<li><em class="sig-param">x</em>,</li>\n</ul><dl><dt>' in made
    assert ">--near-duplicates<" in made
    assert ">keras.<wbr>long_<wbr>names(<wbr>x)<" in made
    assert '<p><a href="a.png"><img alt="a" src="a.png" /></a></p><p><img alt="b"' in made
    assert '<a href="x">imggen cache build</a>' in made
    assert complete_markup(made) == made


def test_dead_links_are_found(tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.html").write_text('<h1 id="top"></h1><a href="../b.html#here">b</a>')
    (tmp_path / "b.html").write_text(
        '<p id="here"><a href="more/a.html#top">a</a> <a href="#here">h</a> <a href="#gone">g</a>'
        '<a href="https://example.org/x">e</a> <img src="lost.png"> <a href="more/a.html#low">l</a>'
    )
    assert list(find_dead_links(tmp_path)) == [
        "b.html: '#gone' is a link to an anchor that does not exist.",
        "b.html: 'lost.png' is a dead link.",
        "b.html: 'more/a.html#low' is a link to an anchor that does not exist.",
    ]
