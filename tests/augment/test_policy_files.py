"""A policy file says what is done, in one way only; any other file is refused by its line."""

import contextlib
import datetime as dt
import json
import math
import warnings

import numpy as np
import pytest
import yaml

import imggen
from imggen.augment import AUGMENTATIONS, load_policy, option_constraints, save_policy
from imggen.augment.options import Choice, NumberBounds, RangeBounds, WholeBounds
from imggen.augment.policy import format_policy, format_python
from imggen.augment.policy_nodes import dump_yaml
from imggen.augment.policy_reader import parse_policy
from imggen.errors import ImggenWarning, OptionError, PolicyError
from tests.helpers.augmenting import PIXELS, augmented
from tests.helpers.cases import case

A = pytest.importorskip("albumentations")

ROTATION = "augmentations:\n- RandomFlip\n- RandomRotation:\n    degrees: {}\n"
TRANSFORM = "augmentations:\n- RandomFlip\n- albumentations: {{__class_fullname__: {}}}\n"


def refusal(text: str, suffix: str = ".yaml") -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, f"policy{suffix}")
    assert len(str(caught.value)) < 3000
    return caught.value


def load_text(text: str, suffix: str = ".yaml"):
    return parse_policy(text, f"policy{suffix}")


def test_words_that_versions_of_yaml_read_differently_are_refused_by_their_line():
    # With the meaning in YAML 1.1, by PyYAML, and in 1.2.
    words = {
        "1:30": (90, "1:30"),
        "1:30.5": (90.5, "1:30.5"),
        "010": (8, 10),
        "-010": (-8, -10),
        "1_000": (1000, "1_000"),
        "0b11": (3, "0b11"),
        "yes": (True, "yes"),
        "No": (False, "No"),
        "on": (True, "on"),
        "OFF": (False, "OFF"),
        "2020-01-01": (dt.date(2020, 1, 1), "2020-01-01"),
    }
    for word, (old, new) in words.items():
        with case(word):
            assert yaml.safe_load(word) == old
            error = refusal(ROTATION.format(word))
            assert error.line == 4
            assert f"{word} means {old!r} in YAML 1.1 and {new!r} in YAML 1.2" in str(error)
            nested = refusal(TRANSFORM.format(f"Affine, scale: {{x: {word}}}"))
            assert nested.line == 3


def test_long_numbers_of_yaml_1_1_are_refused_by_a_short_message():
    # More digits than Python writes (4300), as an integer or as a word.
    for word in ("1" + ":59" * 5000, "0b1" + "0" * 50_000, "1_0" * 2000, "1_0" * 200_000 + ".5"):
        with case(word[:9]):
            error = refusal(ROTATION.format(word))
            assert (error.line, len(str(error)) < 200) == (4, True)


def test_numbers_are_read_as_they_look():
    numbers = {"1e1": 10, "1E+1": 10, "1e-1": 0.1, ".5": 0.5, "+.5": 0.5, "5.": 5, "08": 8}
    for word, number in {**numbers, "0o17": 15, "0x1F": 31, "1.0e+1": 10, "!!int 7": 7}.items():
        with case(word):
            assert load_text(ROTATION.format(word))[1].degrees == (-number, number)


def test_other_values_that_are_no_option_are_refused_by_their_line():
    values = [
        "'10'",
        '"10"',
        "true",
        "~",
        "1,5",
        "１０",
        ".inf",
        "-.INF",
        ".nan",
        "1e400",
        "=",
        "*a",
    ]
    values += ["9" * 5000, "!!float 1", "!!python/object:os.system x", "!!set {1}", "!x [1, 2]"]
    for value in values:
        with case(value[:40]):
            assert refusal(ROTATION.format(value)).line == 4


def test_keys_are_words_that_occur_once():
    for text, line in (
        ("augmentations:\n- RandomFlip: {<<: {p: 1}}\n", 2),
        ("augmentations:\n- RandomFlip:\n    p: 1\n    p: 1\n", 4),
        ("augmentations:\n- RandomFlip:\n    [p]: 1\n", 3),
        ("version: 1\naugmentations: []\nversion: 1\n", 3),
        (TRANSFORM.format("Affine, scale: {x: 1, x: 2}"), 3),
        ("augmentations:\n\t- RandomFlip\n", 2),
    ):
        with case(text):
            assert refusal(text).line == line


def test_a_file_that_stands_for_too_many_values_is_refused():
    chain = "".join(f", &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))
    laughs = f"[&a0 [l,l,l,l,l,l,l,l,l,l]{chain}]"
    steps = "".join(
        f"- albumentations: &a{n} {{__class_fullname__: Compose, transforms: "
        f"[{','.join([f'*a{n - 1}'] * 10)}]}}\n"
        for n in range(1, 9)
    )
    first = "- albumentations: &a0 {__class_fullname__: HorizontalFlip}\n"
    for text in (
        laughs,
        f"version: {laughs}\naugmentations: []",
        ROTATION.format(laughs),
        f"augmentations:\n{first}{steps}",
    ):
        assert "this holds more than 100,000 values" in str(refusal(text))


def test_aliases_are_read_and_those_that_contain_themselves_are_refused():
    shared = "augmentations:\n- RandomFlip: &a {p: 1}\n- RandomHue: *a\n"
    assert [step.p for step in load_text(shared)] == [1, 1]
    for text in ("augmentations: &a\n- *a\n", "augmentations:\n- RandomFlip: &a {p: *a}\n"):
        assert "an alias contains itself" in str(refusal(text))


def test_deep_and_long_files_are_refused():
    cases = [
        ("augmentations: " + "[" * 3000 + "]" * 3000, ".yaml"),
        ("augmentations: " + "[" * 150 + "]" * 150, ".yaml"),
        ("- " * 5000, ".yaml"),
        ("[" * 100_000, ".json"),
        ('{"augmentations": ' + "[" * 150 + "]" * 150 + "}", ".json"),
        ('{"augmentations": [{"RandomFlip": {"p": ' + "9" * 5000 + "}}]}", ".json"),
        ('{"augmentations": [' + "9" * 5000 + "]}", ".json"),
    ]
    for text, suffix in cases:
        with case(text[:40]):
            refusal(text, suffix)


def test_damaged_files_raise_errors_of_imggen_only(tmp_path):
    texts = {".yaml": format_policy(["medium", A.Compose([A.Affine(), A.OneOf([A.Blur()])])])}
    texts[".json"] = format_policy("strong", as_json=True)
    rng = np.random.default_rng(0)
    for suffix, text in texts.items():
        raw = text.encode()
        for number in range(150):
            damaged = bytearray(raw)
            start = int(rng.integers(len(raw)))
            noise = rng.choice(list(b"\x00\xff\t[]{}&*!%@`\"'\n:-,#01eE<>~\xed"), 3).tolist()
            damaged[start : start + int(rng.integers(0, 30))] = bytes(noise)
            file = tmp_path / f"policy{suffix}"
            file.write_bytes(damaged)
            with case(suffix, number), warnings.catch_warnings():
                warnings.simplefilter("ignore", ImggenWarning)
                with contextlib.suppress(PolicyError):  # any other error is a fault
                    load_policy(file)


def test_a_json_policy_is_read_as_json():
    name = json.dumps("Random\U0001f600\u2028/")
    start = '{"augmentations": [\n'
    error = refusal(f"{start}{{{name}: {{}}}}]}}", ".json")
    assert repr("Random\U0001f600\u2028/") in str(error)
    text = '{"augmentations":[{"RandomRotation":{"degrees":[-1E1,2e+1]}}]}'
    assert load_text(text, ".json")[0].degrees == (-10, 20)
    for value in ("010", "yes", "1:30", "+1", "'x'"):
        text = f'{start}{{"RandomRotation": {{"degrees": {value}}}}}]}}'
        assert refusal(text, ".json").line == 2
    assert refusal('{"augmentations": [\n{"RandomFlip": {"p": 1, "p": 1}}]}', ".json").line == 2


def test_text_is_written_so_that_every_version_of_yaml_reads_text():
    words = ["1e3", "08", "0o7", "1:30", "yes", "010", "~", "1_0", "2020-01-01", "a", "=", "+.5"]
    content = {"words": words, "numbers": [1e-9, 1e16, 0.1, -3, math.inf, True, None]}

    assert yaml.safe_load(dump_yaml(content)) == content
    assert dump_yaml(["1e3", "08", "a", "+.5"]) == "['1e3', '08', a, '+.5']\n"


def random_options(kind: type, rng: np.random.Generator) -> dict:
    options = {}
    for name, legal in option_constraints(kind).items():
        if isinstance(legal, Choice):
            options[name] = legal.choices[int(rng.integers(len(legal.choices)))]
        elif isinstance(legal, WholeBounds):
            options[name] = int(rng.integers(int(legal.minimum), int(legal.maximum) + 1))
        elif isinstance(legal, NumberBounds):
            options[name] = float(rng.uniform(max(legal.minimum, 1e-3), legal.maximum))
        elif isinstance(legal, RangeBounds):
            low, high = sorted(rng.uniform(max(legal.minimum, -1e3), min(legal.maximum, 1e3), 2))
            options[name] = (low, high)
    return options


def test_every_built_in_augmentation_comes_back_bit_for_bit():
    rng = np.random.default_rng(3)
    for kind in AUGMENTATIONS.values():
        for _ in range(8):
            try:
                step = kind(**random_options(kind, rng))
            except OptionError:  # whole ranges, and options that depend on each other
                step = kind()
            for as_json in (False, True):
                with case(step, as_json):
                    suffix = ".json" if as_json else ".yaml"
                    assert load_text(format_policy(step, as_json=as_json), suffix) == [step]


SQUARE = PIXELS[:, :24].copy()
EXPLICIT = [
    A.Affine(rotate=(-33, 12.5), scale={"x": (0.9, 1.1), "y": (1, 1)}, border_mode=4, p=0.37),
    A.RandomRotate90(p=0.25),
    A.D4(p=1.0),
    A.GaussNoise(std_range=(0.1, 0.2), per_channel=False, p=0.9),
    A.ElasticTransform(alpha=33, sigma=7, approximate=True, p=1.0),
    A.CoarseDropout(num_holes_range=(2, 5), hole_height_range=(0.1, 0.3), fill="random", p=1.0),
    A.RandomResizedCrop((24, 24), scale=(0.5, 0.75), p=1.0),
    A.PadIfNeeded(24, 24, fill=7, p=1.0),
    A.SafeRotate((-30, 30), fill=(1, 2, 3), p=1.0),
    A.RGBShift(30, (-5, 20), 7, p=1.0),
    A.HueSaturationValue(5, 6, 7, p=1.0),
    A.SomeOf([A.Blur((3, 7), p=1.0), A.Solarize(p=0.3), A.VerticalFlip(p=1.0)], n=2, p=0.8),
    A.Compose([A.OneOf([A.D4(p=0.1), A.Blur(p=0.9)], p=0.6), A.ToGray(p=0.2)], p=0.9),
]


def test_transforms_of_albumentations_come_back_bit_for_bit():
    for step in EXPLICIT:
        for as_json in (False, True):
            suffix = ".json" if as_json else ".yaml"
            (loaded,) = load_text(format_policy(step, as_json=as_json), suffix)
            for seed in range(4):
                with case(step, suffix, seed):
                    expected = augmented(step, seed, SQUARE)
                    np.testing.assert_array_equal(augmented(loaded, seed, SQUARE), expected)


def test_a_transform_without_p_has_the_p_of_its_class_at_every_depth():
    for name, arguments in (("RandomRotate90", ""), ("D4", ""), ("RandomResizedCrop", "[8, 8]")):
        text = f"{name}, size: {arguments}" if arguments else name
        (_, step) = load_text(TRANSFORM.format(text))
        inner = f"Compose, transforms: [{{__class_fullname__: {text}}}]"
        (_, outer) = load_text(TRANSFORM.format(inner))
        assert (
            step.p
            == outer.transforms[0].p
            == 1.0
            == getattr(A, name)(**({"size": (8, 8)} if arguments else {})).p
        )
        assert outer.p == 1.0


def test_an_argument_that_albumentations_would_ignore_is_refused_by_its_line():
    for transform, message in (
        ("GaussNoise, var_limit: [1, 2]", "'var_limit' is replaced by 'std_range'"),
        ("PadIfNeeded, value: 0", "'value' is replaced by 'fill'"),
        ("RandomResizedCrop, height: 8, width: 8", "'height' is replaced by 'size'"),
        ("ElasticTransform, alpha_affine: 5", "'alpha_affine' is not one of"),
        ("SafeRotate, scale: 2", "SafeRotate ignores 'scale'"),
        ("RGBShift, noise_type: gaussian", "RGBShift ignores 'noise_type'"),
        ("Blur, blur_limit: {a: 1}", "albumentations.Blur: "),
        ("Affine, rotate: x", "albumentations.Affine: "),
        ("Compose, transforms: [HorizontalFlip]", "got 'HorizontalFlip'"),
        ("Compose, transforms: [], bbox_params: {format: coco, x: 1}", "unexpected keyword"),
    ):
        error = refusal(TRANSFORM.format(transform))
        assert error.line == 3
        assert message in str(error)


def test_a_value_that_albumentations_changes_is_warned_of_with_its_line():
    with pytest.warns(ImggenWarning, match=r"line 3: albumentations.Blur: .* adjusted to \(3, 5\)"):
        load_text(TRANSFORM.format("Blur, blur_limit: 4"))


def test_what_albumentations_does_not_save_is_not_saved(tmp_path):
    for step, lost in (
        (A.SelectiveChannelTransform([A.Blur(p=1.0)], channels=(0,)), "channels"),
        (A.Compose([A.HorizontalFlip()], mask_interpolation=1), "mask_interpolation"),
        (A.Compose([A.SelectiveChannelTransform([A.Blur()], channels=(2, 0))]), "channels"),
    ):
        with pytest.raises(OptionError, match=f"albumentations does not save .*{lost}"):
            save_policy(tmp_path / "p.yaml", [step])
        with pytest.raises(OptionError, match=lost):
            format_python([step])
    assert not list(tmp_path.iterdir())


def test_lists_without_end_are_refused():
    endless: list = []
    endless.append(endless)

    with pytest.raises(OptionError, match="lists inside of lists"):
        format_policy(endless)
    with pytest.raises(OptionError, match="lists inside of lists"):
        imggen.augment.adapt(endless)
