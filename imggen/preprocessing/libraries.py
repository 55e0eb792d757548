"""The libraries that decode and resize, with their versions."""

from __future__ import annotations

from imggen.decode import ImageSpec


def describe_libraries(spec: ImageSpec) -> tuple[str, str]:
    """Returns the library that decodes and the one that resizes as ``spec`` asks, with versions."""
    import PIL

    return f"Pillow {PIL.__version__}", spec.resized_by
