"""The style sheet of rows of an image and its variants, which use the width that there is.

Captions break between phrases.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

# A picture is at least that wide, in pixels, with the gap next to it.
_MIN_COLUMN = 150
_GAP = 10
_MAX_COLUMNS = 12

_STYLE = f"""
.rows {{ container-type: inline-size; width: 100%; }}
.variants {{ display: grid; gap: 14px {_GAP}px; width: 100%;
  grid-template-columns: repeat(calc(var(--columns) + 1), minmax(0, 1fr)); }}
.phrase {{ display: inline-block; }}
.variants > :first-child {{ grid-row: 1 / span var(--lines); }}
"""


def make_variant_style(counts: Iterable[int]) -> str:
    """Returns a style sheet that places variants next to their original, on the left.

    If all variants do not fit side by side, they are in several lines of equal length. The elements
    are ``.rows``, and in it ``.variants.variants-N`` with an original and N variants.

    Args:
        counts: The numbers of variants, each 1 or more.
    """
    rules = [_STYLE]
    for count in counts:
        least = min(2, count)  # on a phone
        lines = math.ceil(count / least)
        rules.append(f".variants-{count} {{ --columns: {least}; --lines: {lines}; }}")
        candidates = {math.ceil(count / lines) for lines in range(1, count + 1)} - {1}
        for columns in sorted(number for number in candidates if number <= _MAX_COLUMNS):
            width = (columns + 1) * _MIN_COLUMN - _GAP
            rules.append(
                f"@container (min-width: {width}px) {{ .variants-{count} "
                f"{{ --columns: {columns}; --lines: {math.ceil(count / columns)}; }} }}"
            )
    return "\n".join(rules)
