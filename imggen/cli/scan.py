"""``imggen scan DIR``: what a folder holds."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the manifest to FILE (.csv or .parquet).",
)
def scan(directory: Path, save: Path | None) -> None:
    """Show the classes of DIRECTORY, their sizes, and what would be passed over."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    import imggen

    manifest = imggen.scan(directory)
    console = Console(highlight=False, soft_wrap=True)
    table = Table(title=f"{manifest.num_samples} images in {manifest.num_classes} classes")
    table.add_column("index", justify="right")
    table.add_column("class")
    table.add_column("images", justify="right")
    table.add_column("share", justify="right")
    for index, (name, count) in enumerate(manifest.class_counts.items()):
        table.add_row(str(index), escape(name), str(count), f"{count / manifest.num_samples:.1%}")
    console.print(table)
    for reason, count in manifest.passed_over.items():
        console.print(f"passed over: {count} × {reason}", markup=False)
    if save is not None:
        manifest.save(save)
        console.print(f"manifest: {save}", markup=False)
