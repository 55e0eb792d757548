"""Sentences about predictions, above the pictures of mistakes."""

import pandas as pd
import pytest

from imggen.preview import describe_results, find_worst, read_results


def say(right: int, wrong: int, num_shown: int) -> str:
    true = ["cat"] * (right + wrong)
    predicted = ["cat"] * right + ["dog"] * wrong
    table = pd.DataFrame({"true": true, "predicted": predicted, "p_cat": 0.4, "p_dog": 0.6})
    results = read_results(table)
    assert len(find_worst(results)) == wrong
    return describe_results(results, num_shown)


@pytest.mark.parametrize(
    ("right", "wrong", "num_shown", "sentence"),
    [
        (1, 0, 0, "The only prediction is right"),
        (0, 1, 1, "The only prediction is wrong"),
        (8, 0, 0, "No mistakes: all 8 predictions are right"),
        (7, 1, 1, "1 of 8 predictions is wrong"),
        (5, 3, 1, "3 of 8 predictions are wrong; this is the worst one"),
        (5, 3, 2, "3 of 8 predictions are wrong; the 2 worst, the worst first"),
        (5, 3, 3, "3 of 8 predictions are wrong; the worst first"),
    ],
)
def test_a_sentence_counts_the_mistakes(right, wrong, num_shown, sentence):
    assert say(right, wrong, num_shown) == sentence


@pytest.mark.parametrize(
    ("count", "num_shown", "sentence"),
    [
        (1, 1, "The largest error of 1 prediction"),
        (8, 1, "The largest error of 8 predictions"),
        (8, 3, "The 3 largest errors of 8 predictions, the largest first"),
    ],
)
def test_a_sentence_counts_the_errors_of_numbers(count, num_shown, sentence):
    table = pd.DataFrame({"true": [1.0] * count, "predicted": [2.5] * count})
    assert describe_results(read_results(table), num_shown) == sentence
