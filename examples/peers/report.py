"""The tables and the chart."""

import os
import platform
import statistics
import textwrap
from collections.abc import Iterable
from typing import Any

from peers.turns import Row, format_number
from peers.works import Work


def machine(cores: int) -> str:
    """Describes the processor, the usable cores, and the operating system."""
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
        name = names[0] if names else name
    return f"{name}, {cores} usable cores, {platform.system()} {platform.release()}"


def report(facts: dict[str, str], tables: Iterable[tuple[Work, list[Row]]]) -> str:
    """Builds the report as Markdown."""
    lines = ["# Images per second", ""]
    lines += [f"- {name}: {value}" for name, value in facts.items()]
    for work, rows in tables:
        lines += ["", f"## {work.title}", "", work.about, ""]
        if work.row_by_row:
            lines += tabulate_rows(work, rows)
            continue
        lines += [f"| contender | what it does | images/s | from, to | {work.against} |"]
        lines += ["|---|---|--:|--:|--:|"]
        lines += [
            f"| {row.name} | {row.contender.about} | {' | '.join(row.cells)} |" for row in rows
        ]
    return "\n".join(lines) + "\n"


def tabulate_rows(work: Work, rows: list[Row]) -> list[str]:
    """Builds a table of one line per row that all contenders have, and the median of the ratios."""
    names = [contender.name for contender in work.contenders]
    by_name = {row.name: row for row in rows}
    common = list(dict.fromkeys(row.name.partition(": ")[2] for row in rows if not row.problem))
    lines = [
        f"| task | {' | '.join(names)} | {work.against} |",
        "|---" + "|--:" * len(names) + "|--:|",
    ]
    ratios = {}
    for name in common:
        cells = [by_name.get(f"{contender}: {name}") for contender in names]
        rates = [format_number(statistics.median(row.rates)) if row else "" for row in cells]
        ratio = statistics.median(cells[-1].ratios) if cells[-1] and cells[-1].ratios else None
        lines.append(f"| {' | '.join([name, *rates, '' if ratio is None else f'{ratio:.2f}'])} |")
        ratios |= {} if ratio is None else {name: ratio}
    lines += [f"| {row.name} | {row.cells[0]} |" for row in rows if row.problem]
    if ratios:
        slowest = min(ratios, key=lambda name: ratios[name])
        median = statistics.median(ratios.values())
        lines += ["", f"Median {median:.2f}; the smallest is {ratios[slowest]:.2f} ({slowest})."]
    return lines


def figures(facts: dict[str, str], tables: Iterable[tuple[Work, list[Row]]]) -> dict[str, Any]:
    """Builds the report as JSON: medians of the rates and ratios of each row, by work."""
    return {
        "facts": facts,
        "works": {
            work.title: {
                row.name: {
                    "images_per_second": round(statistics.median(row.rates), 1),
                    "ratio": round(statistics.median(row.ratios), 4) if row.ratios else None,
                }
                for row in rows
                if row.rates
            }
            for work, rows in tables
        },
    }


def list_changes(now: dict[str, Any], before: dict[str, Any]) -> list[float]:
    """Lists by which factor the ratio of each row of imggen to its peer has changed."""
    return [
        row["ratio"] / old["ratio"]
        for title, rows in now["works"].items()
        for name, row in rows.items()
        if name.startswith("imggen")
        and (old := before["works"].get(title, {}).get(name))
        and row["ratio"]
        and old["ratio"]
    ]


def find_slower(now: dict[str, Any], before: dict[str, Any]) -> list[str]:
    """Names the rows of imggen whose ratio to the same peer fell by more than 5 %.

    Rates of two machines cannot be compared; ratios, which are taken within a round, can.
    """
    return [
        f"{title}: {name} fell to {row['ratio'] / old['ratio']:.2f} of its ratio "
        f"({old['ratio']:.2f} before, {row['ratio']:.2f} now)"
        for title, rows in now["works"].items()
        for name, row in rows.items()
        if name.startswith("imggen")
        and (old := before["works"].get(title, {}).get(name))
        and row["ratio"]
        and old["ratio"]
        and row["ratio"] < 0.95 * old["ratio"]
    ]


def chart(facts: dict[str, str], tables: list[tuple[Work, list[Row]]], path: str) -> None:
    """Draws a bar for each row; each work has its own scale."""
    from PIL import Image, ImageDraw, ImageFont

    scale, width, left, right, line, head = 2, 900, 230, 150, 22, 66
    ink, faint, peer_color, our_color = "#1f2328", "#656d76", "#c4cad1", "#0969da"
    rule = "#d8dee4"
    title, heading, text, small = (
        ImageFont.load_default(size * scale) for size in (22, 15, 12.5, 11)
    )
    tables = [(work, rows) for work, rows in tables if not work.row_by_row]  # their names are long
    caption = textwrap.wrap("  ·  ".join(facts.values()), 150)
    height = 86 + sum(head + line * len(rows) for _, rows in tables) + 26 + 16 * len(caption) + 14
    picture = Image.new("RGB", (width * scale, height * scale), "#ffffff")
    draw = ImageDraw.Draw(picture)

    def write(x: float, y: float, words: str, color: str, font: Any, anchor: str = "lm") -> None:
        words = words.replace("×", "x")  # which Pillow's default font lacks
        draw.text((x * scale, y * scale), words, color, font, anchor=anchor)

    def box(x: float, y: float, to_x: float, to_y: float, color: str, radius: float = 0) -> None:
        corners = [round(value * scale) for value in (x, y, to_x - 1 / scale, to_y - 1 / scale)]
        draw.rounded_rectangle(corners, radius * scale, color)

    write(24, 34, "Images per second", ink, title)
    box(24, 60, 36, 72, our_color, 2)
    write(42, 66.5, "imggen", faint, text)
    box(104, 60, 116, 72, peer_color, 2)
    write(122, 66.5, "others", faint, text)
    write(width - 24, 66.5, "median; the thin line: slowest to fastest round", faint, small, "rm")
    y = 86.0
    for work, rows in tables:
        write(24, y + 22, work.title, ink, heading)
        write(width - 24, y + 22, work.against, faint, small, "rm")
        write(24, y + 42, work.about.rstrip("."), faint, small)
        y += head - 10
        unit = (width - left - right) / max([1e-9, *(max(row.rates or [0]) for row in rows)])
        box(left, y, left + 1, y + line * len(rows), rule)
        for row in rows:
            middle = y + line / 2
            ours = row.contender.peer == "imggen"
            write(left - 8, middle, row.name, ink, text, "rm")
            rate_cell, _, ratio = row.cells
            if row.problem:
                write(left + 8, middle, row.problem.partition(":")[0], faint, text)
            else:
                end = left + max(1, unit * statistics.median(row.rates))
                low, high = (left + unit * pick(row.rates) for pick in (min, max))
                box(left, middle - 7, end, middle + 7, our_color if ours else peer_color, 2)
                box(low, middle - 0.5, max(high, low + 1), middle + 0.5, ink)
                write(max(end, high) + 6, middle, rate_cell, ink, text)
                write(width - 24, middle, f"× {ratio}" if ratio else "", faint, text, "rm")
            y += line
        y += 10
    box(24, y + 16, width - 24, y + 17, rule)
    for index, words in enumerate(caption):
        write(24, y + 34 + 16 * index, words, faint, small)
    picture.save(path, optimize=True)
