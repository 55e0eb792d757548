"""``imggen leaks TRAIN VAL TEST``: pictures that are in more than one part."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from imggen.manifest import Manifest

_MOST_LISTED = 20


@click.command()
@click.argument("sources", type=click.Path(path_type=Path), nargs=-1, metavar="TRAIN VAL [TEST]")
@click.option("--exact", is_flag=True, help="Only files of the same bytes.")
@click.option(
    "--threshold", type=float, default=0.95, show_default=True, help="As in imggen duplicates."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write all leaks to FILE (.csv or .json).",
)
@click.option(
    "--fix",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a manifest (.csv or .parquet) of all parts without what leaks: it stays in test "
    "rather than val, and in val rather than train.",
)
def leaks(
    sources: tuple[Path, ...],
    exact: bool,
    threshold: float,
    output: Path | None,
    fix: Path | None,
) -> None:
    """Find pictures that are in more than one of the folders TRAIN, VAL and TEST.

    A single folder that holds train, val and test, or a table with a column split, does as well.
    The exit status is 1 if there are any and they are not fixed.
    """
    import imggen
    from imggen.cli.progress import progress_bars
    from imggen.describe import counted, printable
    from imggen.records import check_ending

    check_ending(output)
    parts = _parts(sources)
    passed_over: Counter[str] = Counter()
    for part in {id(part.passed_over): part for part in parts.values()}.values():
        passed_over.update(part.passed_over)
    with progress_bars() as progress:
        found = imggen.find_leaks(parts, near=not exact, threshold=threshold, progress=progress)
    for reason, count in passed_over.items():
        click.echo(f"passed over: {count} × {printable(reason)}", err=True)
    for path in found.duplicates.unreadable:
        click.echo(f"compared by its bytes at most: {printable(path)}", err=True)
    dropped = set(found.drop)
    for leak in found.leaks[:_MOST_LISTED]:
        for row in leak:
            does = "drop" if row in dropped else "keep"
            click.echo(f"{does} {found.part_of(row)}: {printable(found.manifest.paths[row])}")
        click.echo("")
    if len(found.leaks) > _MOST_LISTED:
        click.echo(f"... and {len(found.leaks) - _MOST_LISTED} more; -o FILE has all")
    if output is not None:
        found.save(output)
    click.echo(
        f"{counted(len(found.manifest), 'file')}, {counted(len(found.leaks), 'picture')} in more "
        "than one part"
    )
    if fix is not None:
        imggen.Manifest.concatenate(found.fixed()).save(fix)
        click.echo(f"manifest without them: {printable(str(fix))}")
    elif found.leaks:
        raise SystemExit(1)


def _parts(sources: tuple[Path, ...]) -> dict[str, Manifest]:
    from imggen.cli.source import manifest_of, read_frame_of
    from imggen.parts import PART_NAMES, part_name
    from imggen.scan import scan_parts
    from imggen.split import split

    if not sources:
        raise click.UsageError("Name the folders of the parts, or the folder that holds them.")
    if len(sources) == 1:
        frame = read_frame_of(sources[0])
        if frame is not None:
            return split(manifest_of(sources[0], frame), None).as_dict()
        scan_parts(sources[0])  # says what is missing
        folders = {part_name(folder.name): folder for folder in sorted(sources[0].iterdir())}
        return {name: _images(folders[name]) for name in PART_NAMES if name in folders}
    names = [part_name(source.name) for source in sources]
    if len(set(names)) < len(names):
        if len(sources) > len(PART_NAMES):
            raise click.UsageError(f"Several folders go by one name: {names}.")
        names = list(PART_NAMES[: len(sources)])
    return {name: _images(source) for name, source in zip(names, sources, strict=True)}


def _images(source: Path) -> Manifest:
    """All images of a part: with classes if each is in one, since none must be passed over."""
    from imggen.errors import ScanError
    from imggen.scan import scan

    everything = scan(source, labels=None)
    try:
        classes = scan(source)
    except ScanError:
        return everything
    return classes if len(classes) == len(everything) else everything
