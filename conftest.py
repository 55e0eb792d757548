"""What the examples in docstrings find ready. The tests' own fixtures are in tests/conftest.py."""

import pytest


@pytest.fixture(autouse=True)
def _names_in_examples(request, tmp_path, doctest_namespace):
    """Examples may use ``photos`` (a folder), ``manifest`` and ``sequence``, made from it."""
    if request.node.__class__.__name__ != "DoctestItem":
        return
    import imggen
    from tests.helpers.images import write_images

    photos = write_images(tmp_path / "photos", {"cat": 8, "dog": 8})
    manifest = imggen.scan(photos)
    doctest_namespace.update(
        photos=photos,
        manifest=manifest,
        sequence=imggen.ImageSequence(manifest, image_size=(32, 32), batch_size=4, seed=7),
    )
