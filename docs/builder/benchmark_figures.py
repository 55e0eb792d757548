"""The tables of the page of benchmarks: the figures of ``assets/benchmark.json``."""

import json
import re
import statistics
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_MARK = re.compile(r"^<!-- benchmark: (.*) -->$", re.MULTILINE)
_CODE = re.compile(r'\w+=(?:"\w+"|\w+)|\w+\(\)|\w+_\w+|(?:[A-Z][a-z]+){2,}')


def insert_benchmarks(text: str) -> str:
    """Replaces marks such as ``<!-- benchmark: plain -->``, each with the table of that work.

    ``facts`` is a list of what was measured where.
    """
    return _MARK.sub(lambda match: _make(match[1]), text)


def _make(name: str) -> str:
    figures = json.loads((ROOT / "assets" / "benchmark.json").read_text(encoding="utf-8"))
    if name == "facts":
        return "\n".join(f"- **{key}:** {value}" for key, value in figures["facts"].items())
    work = _works()[name]
    return f"{work.about}\n\n{_tabulate(work, figures['works'][work.title])}"


def _works() -> dict[str, Any]:
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        from peers.works import works
    finally:
        sys.path.pop(0)
    return works(2)


def _tabulate(work: Any, rows: dict[str, dict[str, float | None]]) -> str:
    if work.row_by_row:
        return _tabulate_pairs(work, rows)
    about = {contender.name: contender.about for contender in work.contenders}
    lines = [f"| loader | how | images/s | {work.against} |", "|---|---|--:|--:|"]
    if all(row["ratio"] is None for row in rows.values()):  # the peer compared with was missing
        lines = ["| loader | how | images/s |", "|---|---|--:|"]
    for name, row in rows.items():
        how = about.get(name) or about.get(name.partition(": ")[0], "")
        shown = f"**{name}**" if name.startswith("imggen") else name
        line = f"| {shown} | {_mark_code(how)} | {row['images_per_second']:,.0f} |"
        if lines[0].endswith(f"{work.against} |"):
            line += " |" if row["ratio"] is None else f" {row['ratio']:.2f} |"
        lines.append(line)
    return "\n".join(lines)


def _tabulate_pairs(work: Any, rows: dict[str, dict[str, float | None]]) -> str:
    keras, ours = (contender.name for contender in work.contenders)
    names = [name.partition(": ")[2] for name in rows if name.startswith(keras)]
    lines = [f"| task | {keras} | **{ours}** | {work.against} |", "|---|--:|--:|--:|"]
    ratios = []
    for name in names:
        row = rows[f"{ours}: {name}"]
        rates = [rows[f"{keras}: {name}"]["images_per_second"], row["images_per_second"]]
        ratios.append(row["ratio"])
        cells = [*(f"{rate:,.0f}" for rate in rates), f"{row['ratio']:.2f}"]
        lines.append(f"| {_mark_code(name)} | {' | '.join(cells)} |")
    lines += ["", f"The median of the ratios is {statistics.median(ratios):.2f}."]
    return "\n".join(lines)


def _mark_code(text: str) -> str:
    """Marks names, calls and arguments in a cell as code."""
    return _CODE.sub(r"`\g<0>`", text)
