"""``imggen leaks TRAIN VAL TEST``: pictures that are in more than one part."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from imggen.data import Manifest

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
    from imggen.core import check_report_path, pluralize, printable

    check_report_path(output)
    parts = _parts(sources)
    skipped: Counter[str] = Counter()
    for part in {id(part.skipped): part for part in parts.values()}.values():
        skipped.update(part.skipped)
    with progress_bars() as progress:
        found = imggen.find_leaks(parts, near=not exact, threshold=threshold, progress=progress)
    for reason, count in skipped.items():
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
        f"{pluralize(len(found.manifest), 'file')}, {pluralize(len(found.leaks), 'picture')} in "
        "more than one part"
    )
    if fix is not None:
        imggen.Manifest.concatenate(found.fixed()).save(fix)
        click.echo(f"manifest without them: {printable(str(fix))}")
    elif found.leaks:
        raise SystemExit(1)


def _parts(sources: tuple[Path, ...]) -> dict[str, Manifest]:
    from imggen.cli.source import manifest_of, read_frame_of
    from imggen.data import SPLIT_NAMES, scan_splits, split_name
    from imggen.splitting import split

    if not sources:
        raise click.UsageError("Name the folders of the parts, or the folder that holds them.")
    if len(sources) == 1:
        frame = read_frame_of(sources[0])
        if frame is not None:
            return split(manifest_of(sources[0], frame), None).as_dict()
        scan_splits(sources[0])  # says what is missing
        folders = {split_name(folder.name): folder for folder in sorted(sources[0].iterdir())}
        return {name: _images(folders[name]) for name in SPLIT_NAMES if name in folders}
    names = [split_name(source.name) for source in sources]
    if len(set(names)) < len(names):
        if len(sources) > len(SPLIT_NAMES):
            raise click.UsageError(f"Several folders go by one name: {names}.")
        names = list(SPLIT_NAMES[: len(sources)])
    return {name: _images(source) for name, source in zip(names, sources, strict=True)}


def _images(source: Path) -> Manifest:
    """All images of a part: with classes if each is in one, since none must be passed over."""
    from imggen.data import scan
    from imggen.errors import ScanError

    everything = scan(source, labels=None)
    try:
        classes = scan(source)
    except ScanError:
        return everything
    return classes if len(classes) == len(everything) else everything
