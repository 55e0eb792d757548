"""Several cases in one test: a failure names the case."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def case(*values: object) -> Iterator[None]:
    """Adds ``values`` to errors raised inside."""
    try:
        yield
    except BaseException as err:
        err.add_note(f"in the case {', '.join(map(repr, values))[:500]}")
        raise
