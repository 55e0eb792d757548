"""The table of mutants fits the code: ``python -m tests.helpers.mutants`` plants them."""

import json

from tests.helpers.mutants import ROOT, TABLE


def test_every_mutant_can_be_planted():
    mutants = [json.loads(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]
    assert mutants
    outdated = [
        mutant["id"]
        for mutant in mutants
        if (ROOT / mutant["file"]).read_text(encoding="utf-8").count(mutant["old"]) != 1
    ]
    assert outdated == []
