"""Several cases in one test: a failure names the case."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


@contextmanager
def case(*values: object) -> Iterator[None]:
    """Adds ``values`` to errors raised inside."""
    try:
        yield
    except BaseException as err:
        err.add_note(f"in the case {', '.join(map(repr, values))[:500]}")
        raise


def each_case(names: str | tuple[str, ...], cases: Iterable[object]) -> Callable:
    """Runs a test for each case as ``pytest.mark.parametrize`` does, but all of them as one test.

    A test takes milliseconds beyond its own work, in pytest and even more in pytest-xdist. Fixtures
    are shared by all cases.
    """
    names = tuple(names.split(", ")) if isinstance(names, str) else names
    cases = [each if len(names) > 1 else (each,) for each in cases]

    def decorate(test: Callable) -> Callable:
        def run(**fixtures: object) -> None:
            for each in cases:
                with case(*each):
                    test(**dict(zip(names, each, strict=True)), **fixtures)

        run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
        run.__dict__.update(test.__dict__)  # with its marks
        parameters = inspect.signature(test).parameters.values()
        run.__signature__ = inspect.Signature([one for one in parameters if one.name not in names])
        return run

    return decorate
