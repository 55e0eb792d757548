"""The command line, called in this process, and the tables that it prints and writes."""

import csv
import re
from pathlib import Path

from click.testing import CliRunner, Result

from imggen.cli import main


def invoke(*arguments) -> Result:
    """Runs imggen; errors other than exits are raised."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def printed_rows(output: str) -> list[list[str]]:
    """The words in each line of a drawn table."""
    return [re.findall(r"[^\s│]+", line) for line in output.splitlines() if "│" in line]


def csv_rows(file: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, by column."""
    with file.open(encoding="utf-8", errors="surrogateescape", newline="") as text:
        return list(csv.DictReader(text))
