"""The style sheet of rows of variants: lines of equal length."""

import re

from imggen.reports import make_variant_style
from tests.helpers.cases import case


def test_the_lines_of_variants_hold_all_of_them_and_have_equal_lengths():
    for count in (1, 2, 4, 7, 12, 1000):
        with case(count):
            found = re.findall(
                rf"variants-{count} {{ --columns: (\d+); --lines: (\d+)",
                make_variant_style([count]),
            )
            assert found
            for columns, lines in [map(int, one) for one in found]:
                assert 1 <= columns <= 12
                assert (lines - 1) * columns < count <= lines * columns


def test_the_widest_page_shows_all_variants_side_by_side():
    style = make_variant_style([4])
    assert re.findall(r"min-width: (\d+)px\).*columns: (\d)", style) == [("440", "2"), ("740", "4")]
