"""``imggen split SRC DST``: a folder of classes into train, val and test."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--ratio",
    "ratios",
    type=float,
    nargs=3,
    default=(0.7, 0.15, 0.15),
    show_default=True,
    metavar="TRAIN VAL TEST",
    help="The share of each part; they sum to 1.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides who goes where.")
def split(source: Path, target: Path, ratios: tuple[float, ...], seed: int) -> None:
    """Copy SOURCE/<class>/** to TARGET/train|val|test/<class>/**, stratified by class."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress
    from rich.table import Table

    import imggen

    progress_on = Console(stderr=True)
    with Progress(console=progress_on, transient=True, disable=not progress_on.is_terminal) as bar:
        task = bar.add_task("copying", total=None)
        parts = imggen.split_directory(
            source,
            target,
            ratios,
            seed=seed,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    table = Table(title=f"{sum(map(len, parts))} images in {escape(str(target))}")
    table.add_column("class")
    for name in parts.names:
        table.add_column(name, justify="right")
    counts = [part.class_counts for part in parts]
    for class_name in parts[0].class_names:
        table.add_row(escape(class_name), *(str(count[class_name]) for count in counts))
    table.add_section()
    table.add_row("all", *(str(len(part)) for part in parts))
    Console().print(table)
