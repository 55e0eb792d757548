"""Warnings point at the first line outside of imggen."""

import warnings

import numpy as np
import pytest

from imggen import split
from imggen.core import warn_user
from imggen.errors import ImggenWarning
from tests.helpers.manifests import manifest_of


def test_the_warning_points_at_the_line_that_calls_imggen():
    manifest = manifest_of([0] * 20 + [1])
    with pytest.warns(ImggenWarning, match="too small") as caught:
        split(manifest, (0.5, 0.25, 0.25))
    assert [warning.filename for warning in caught] == [__file__]


def test_a_category_is_kept():
    class Special(ImggenWarning):
        pass

    with pytest.warns(Special, match="text"):
        warn_user("text", Special)


def test_a_program_that_is_imggen_alone_is_warned_too():
    code = compile("warn_user('text')", "<cli>", "exec")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(code, {"__name__": "imggen.cli", "warn_user": warn_user, "np": np})
    assert len(caught) == 1
