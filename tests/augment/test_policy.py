"""Policy files: written to be read, loaded as they were, and wrong lines named."""

import contextlib
import os
import warnings

import numpy as np
import pytest

import imggen
from imggen.augment import BUILT_INS, MIXERS, adapt
from imggen.augment.policy import format_policy
from imggen.augment.policy_reader import parse_policy
from imggen.errors import OptionError, PolicyError
from tests.helpers.cases import each_case

# Without this, importing albumentations asks the network for its latest version.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
A = pytest.importorskip("albumentations")

KINDS = {**BUILT_INS, **MIXERS}
ENDINGS = [".yaml", ".yml", ".json"]
# Of each, something that is no default.
OPTIONS = {
    "RandomResizedCrop": {"scale": (0.25, 0.75), "source_size": 64},
    "RandomFlip": {"mode": "vertical", "p": 0.25},
    "RandomRotation": {"degrees": (-5, 90.5), "fill_mode": "constant", "cval": 127.5},
    "RandomTranslation": {"height": (0, 0.5), "mask_cval": 255},
    "RandomShear": {"y": (-3, 4)},
    "RandomZoom": {"stretch": (0.5, 2), "fill_mode": "wrap"},
    "RandomErasing": {"fill": "mean", "p": 0.125},
    "RandAugment": {"num_ops": 3, "magnitude": 12.5, "fill_mode": "nearest"},
    "AugMix": {"alpha": 0.5, "chain_length": 2},
    "AutoContrast": {"cutoff": 2},
    "CutMix": {"alpha": 2.0, "p": 0.5},
}


def nested():
    blurs = A.OneOf([A.Blur((3, 5)), A.OneOf([A.MedianBlur(), A.MotionBlur(p=1)], p=0.25)], p=0.75)
    return A.Compose([A.HorizontalFlip(p=0.5), blurs, A.Rotate((-10, 10), p=0.3)])


def there_and_back(augment, ending=".yaml"):
    return parse_policy(format_policy(augment, as_json=ending == ".json"), f"policy{ending}")


def refusal(text, ending=".yaml"):
    with pytest.raises(PolicyError) as err:
        parse_policy(text, f"policy{ending}")
    return err.value


# There and back


@each_case("ending", [".yaml", ".json"])
@each_case("kind", KINDS)
def test_an_augmentation_of_imggens_own_comes_back_as_it_was(kind, ending):
    for options in ({}, OPTIONS.get(kind, {}), {"p": 0.0}):
        augmentation = KINDS[kind](**options)
        assert there_and_back(augmentation, ending) == [augmentation]


@pytest.mark.parametrize("ending", [".yaml", ".json"])
@pytest.mark.parametrize("name", ["light", "medium", "strong"])
def test_a_preset_comes_back_as_it_was(name, ending):
    assert there_and_back(name, ending) == list(imggen.preset(name))


@pytest.mark.parametrize("ending", [".yaml", ".json"])
def test_nothing_comes_back_as_nothing(ending):
    assert there_and_back(None, ending) == there_and_back([], ending) == []


@pytest.mark.parametrize("ending", [".yaml", ".json"])
def test_lists_in_lists_come_back_as_one(ending):
    augment = ["light", [imggen.augment.RandomJPEG(), (imggen.augment.RandAugment(),)]]
    expected = [*imggen.preset("light"), imggen.augment.RandomJPEG(), imggen.augment.RandAugment()]
    assert there_and_back(augment, ending) == expected


@pytest.mark.parametrize("ending", [".yaml", ".json"])
def test_an_albumentations_compose_comes_back_as_it_was(ending):
    (result,) = there_and_back(nested(), ending)
    assert A.to_dict(result) == A.to_dict(nested())
    assert type(result) is A.Compose
    assert [type(step) for step in result.transforms[1].transforms] == [A.Blur, A.OneOf]


def test_an_albumentations_transform_that_came_back_draws_the_same():
    image = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    (result,) = there_and_back(nested())
    for seed in range(10):
        one, other = (
            step[0]
            .augment(imggen.augment.Sample(image.copy()), np.random.default_rng(seed))[0]
            .image
            for step in (adapt(nested()), adapt(result))
        )
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("ending", [".yaml", ".json"])
def test_imggens_own_and_albumentations_keep_their_order(ending):
    steps = [A.Blur(), imggen.augment.RandomFlip(), A.CLAHE(), imggen.augment.RandomHue()]
    names = [type(step).__name__ for step in there_and_back(steps, ending)]
    assert names == ["Blur", "RandomFlip", "CLAHE", "RandomHue"]


@pytest.mark.parametrize("ending", [".yaml", ".json"])
def test_tiny_numbers_come_back_as_they_were(ending):
    crop = imggen.augment.RandomResizedCrop((1e-9, 1))
    assert there_and_back(crop, ending) == [crop]


def test_json_numbers_may_have_exponents():
    text = '{"augmentations": [{"RandomRotation": {"degrees": [-1e1, 2E1]}}]}'
    assert parse_policy(text, "a.json") == [imggen.augment.RandomRotation((-10, 20))]


def _deprecated(name, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(A, name)(**options)


@pytest.mark.parametrize(
    "name", ["ShiftScaleRotate", "PadIfNeeded", "SafeRotate", "RGBShift", "TimeMasking"]
)
def test_every_albumentations_transform_comes_back(name):
    transform = _deprecated(name)
    assert A.to_dict(there_and_back(transform)[0]) == A.to_dict(transform)


# Written to be read


def test_a_small_policy_in_yaml():
    steps = [
        imggen.augment.RandomFlip(),
        imggen.augment.RandomRotation((-20, 20), p=0.5),
        imggen.augment.RandomErasing(fill="mean"),
        imggen.augment.Equalization(),
        A.MedianBlur(3, p=0.3),
        imggen.augment.MixUp(),
    ]
    assert format_policy(steps) == (
        "version: 1\n"
        "augmentations:\n"
        "- RandomFlip\n"
        "- RandomRotation:\n"
        "    degrees: [-20.0, 20.0]\n"
        "    p: 0.5\n"
        "- RandomErasing:\n"
        "    scale: [0.02, 0.25]\n"
        "    ratio: [0.3, 3.3]\n"
        "    fill: mean\n"
        "- Equalization\n"
        "- albumentations:\n"
        "    __class_fullname__: MedianBlur\n"
        "    p: 0.3\n"
        "    blur_limit: [3, 3]\n"
        "- MixUp\n"
    )


def test_a_small_policy_in_json():
    assert format_policy(
        [imggen.augment.RandomFlip(), imggen.augment.RandAugment(3)], as_json=True
    ) == (
        "{\n"
        '  "version": 1,\n'
        '  "augmentations": [\n'
        '    "RandomFlip",\n'
        "    {\n"
        '      "RandAugment": {\n'
        '        "num_ops": 3\n'
        "      }\n"
        "    }\n"
        "  ]\n"
        "}\n"
    )


@each_case("kind", KINDS)
def test_ranges_are_written_even_where_they_are_the_defaults(kind):
    augmentation = KINDS[kind]()
    text = format_policy(augmentation)
    for name, value in vars(augmentation).items():
        if isinstance(value, tuple):
            assert f"{name}: [{value[0]}, {value[1]}]" in text
        else:
            assert f" {name}:" not in text


# Read as people write it


@pytest.mark.parametrize(
    "text",
    [
        "augmentations:\n- RandomFlip\n- RandomRotation: {degrees: [-20, 20]}\n",
        "augmentations:\n  - RandomFlip:\n  - RandomRotation:\n      degrees: [-20, 20]\n",
        "# mine\nversion: 1\naugmentations: [RandomFlip, {RandomRotation: {degrees: [-20, 20]}}]",
        '{"augmentations": ["RandomFlip", {"RandomRotation": {"degrees": [-20, 20]}}]}',
        "\ufeffaugmentations:\r\n- RandomFlip: {}\r\n- RandomRotation\r\n",
        "augmentations:\n- RandomFlip\n- RandomRotation:\n    degrees:\n    - -20\n    - 20\n",
    ],
    ids=["flow", "block", "inline", "json", "windows", "list"],
)
def test_yaml_may_be_written_in_any_of_its_ways(text):
    expected = [imggen.augment.RandomFlip(), imggen.augment.RandomRotation((-20, 20))]
    assert parse_policy(text, "policy.yaml") == expected


def test_json_may_be_indented_by_tabs():
    text = '{\n\t"version":\t1,\n\t"augmentations": [\n\t\t"RandomFlip"\n\t]\n}\n'
    assert parse_policy(text, "policy.json") == [imggen.augment.RandomFlip()]


# Wrong lines

ROTATION = "augmentations:\n- RandomFlip\n- RandomRotation:\n    p: 0.5\n"
IN_COMPOSE = """augmentations:
- RandomFlip
- albumentations:
    __class_fullname__: Compose
    p: 1.0
    transforms:
    - {{__class_fullname__: HorizontalFlip, p: 0.5}}
    - __class_fullname__: OneOf
      p: 0.5
      transforms:
      - {{__class_fullname__: Blur, p: 0.5}}
      - __class_fullname__: {name}
        p: {p}
        {argument}: 3
"""


def in_compose(name="MotionBlur", argument="blur_limit", p=0.5):
    return IN_COMPOSE.format(name=name, argument=argument, p=p)


def test_a_transform_without_p_has_that_of_albumentations():
    text = "augmentations:\n- albumentations: {__class_fullname__: HorizontalFlip}\n"
    (result,) = parse_policy(text, "policy.yaml")
    assert result.p == 0.5


def test_the_template_of_these_tests_is_legal():
    assert len(parse_policy(in_compose(), "policy.yaml")) == 2
    assert len(parse_policy(ROTATION, "policy.yaml")) == 2


WRONG = {
    "unknown augmentation": (
        "version: 1\naugmentations:\n- RandomFlip\n- RandomRotatoin\n",
        4,
        r"augmentation='RandomRotatoin' is not one of .* Did you mean 'RandomRotation'\?$",
    ),
    "unknown augmentation with options": (
        "augmentations:\n- RandomFlip\n- RandomRotatoin:\n    degrees: [1, 2]\n",
        3,
        r"augmentation='RandomRotatoin' .* Did you mean 'RandomRotation'\?$",
    ),
    "unknown option": (
        ROTATION + "    degree: [1, 2]\n",
        5,
        r"option='degree' is not one of 'degrees', .* Did you mean 'degrees'\?$",
    ),
    "range turned round": (
        ROTATION + "    degrees: [20, -20]\n",
        5,
        r"RandomRotation: degrees=\[20, -20\] must be .*, degrees\. Did you mean \(-20, 20\)\?$",
    ),
    "out of bounds": (
        ROTATION + "    cval: 256\n",
        5,
        r"RandomRotation: cval=256 must be a number from 0 to 255, gray levels\.$",
    ),
    "wrong type": (
        ROTATION + "    degrees: twenty\n",
        5,
        r"RandomRotation: degrees='twenty' must be two numbers, \(low, high\), degrees, or one",
    ),
    "unknown choice": (
        ROTATION + "    fill_mode: refelct\n",
        5,
        r"RandomRotation: fill_mode='refelct' is not one of .* Did you mean 'reflect'\?$",
    ),
    "duplicate option": (ROTATION + "    p: 0.6\n", 5, r"'p' occurs twice$"),
    "duplicate list": (ROTATION + "augmentations: []\n", 5, r"'augmentations' occurs twice$"),
    "not a list": (
        "version: 1\naugmentations: RandomFlip\n",
        2,
        r"expected a list of augmentations, each on its own line after a '-'$",
    ),
    "a mapping, not a list": (
        "version: 1\naugmentations:\n  RandomFlip: {p: 0.5}\n",
        3,
        r"expected a list of augmentations",
    ),
    "two names": (
        "augmentations:\n- RandomFlip: {}\n- RandomHue: {}\n  RandomZoom: {}\n",
        3,
        r"expected one augmentation after a '-', got \['RandomHue', 'RandomZoom'\]",
    ),
    "options not indented": (
        "augmentations:\n- RandomFlip\n- RandomHue:\n  degrees: [1, 2]\n",
        3,
        r"indent options further than the name of their augmentation$",
    ),
    "options without names": (
        "augmentations:\n- RandomHue:\n  - [1, 2]\n",
        3,
        r"expected the options of RandomHue as 'name: value', got \[\[1, 2\]\]$",
    ),
    "a list in the list": (
        "augmentations:\n- RandomFlip\n- [RandomHue]\n",
        3,
        r"expected an augmentation as 'name: value', got \['RandomHue'\]$",
    ),
    "a number": ("augmentations:\n- RandomFlip\n- 7\n", 3, r"augmentation='7' is not one of"),
    "an open bracket": (
        "augmentations:\n- RandomFlip: {p: 0.5\n- RandomHue\n",
        4,
        r"this is not valid YAML: ",
    ),
    "a tab": (
        "augmentations:\n\t- RandomFlip\n",
        2,
        r"this is not valid YAML: found character '\\t'",
    ),
    "two documents": ("augmentations: []\n---\nversion: 1\n", 2, r"this is not valid YAML: "),
    "version 2": (
        "# mine\nversion: 2\naugmentations: []\n",
        2,
        r"version 2 is not supported; expected version 1$",
    ),
    "unknown key": (
        "augmentations: []\nverison: 1\n",
        2,
        r"key='verison' is not one of 'version', 'augmentations'\. Did you mean 'version'\?$",
    ),
    "no list": ("version: 1\n", 1, r"the list 'augmentations:' is missing$"),
    "a list alone": ("- RandomFlip\n", 1, r"expected the policy as 'name: value', got "),
    "unknown transform in a OneOf": (
        in_compose(name="MotionBlurr"),
        12,
        r"__class_fullname__='MotionBlurr' is not known\. Did you mean 'MotionBlur'\? The choices",
    ),
    "batches mixed before the last": (
        "version: 1\naugmentations:\n- MixUp: {alpha: 0.3}\n- RandomFlip\n",
        3,
        r"MixUp blends the images of a batch, so it must be the last augmentation",
    ),
    "unknown argument in a OneOf": (
        in_compose(argument="blur_limt"),
        14,
        r"argument of MotionBlur='blur_limt' is not one of .* Did you mean 'blur_limit'\?$",
    ),
    "duplicate argument in a OneOf": (in_compose() + "        p: 1\n", 15, r"'p' occurs twice$"),
    "a transform without its name": (
        "augmentations:\n- albumentations: {p: 0.5}\n",
        2,
        r"expected __class_fullname__: NAME, with the name of an albumentations transform",
    ),
    "a transform by its name alone": (
        "augmentations:\n- RandomFlip\n- albumentations: MotionBlur\n",
        3,
        r"expected an albumentations transform as 'name: value', got 'MotionBlur'$",
    ),
}


@each_case("case", WRONG)
def test_what_is_wrong_is_told_with_its_line(case):
    text, line, message = WRONG[case]
    error = refusal(text)
    assert error.line == line
    assert error.file == "policy.yaml"
    assert str(error).startswith(f"'policy.yaml', line {line}: ")
    with pytest.raises(PolicyError, match=message):
        raise error


def test_an_albumentations_argument_out_of_bounds_is_told_with_what_it_may_be():
    text = (
        "augmentations:\n- RandomFlip\n- albumentations:\n    __class_fullname__: Blur\n    p: 3\n"
    )
    error = refusal(text)
    assert error.line in {3, 4, 5}
    assert "albumentations.Blur: " in str(error)
    assert "less than or equal to 1" in str(error)
    assert "\n" not in str(error)


def test_an_albumentations_argument_out_of_bounds_in_a_oneof_is_told_with_its_line():
    error = refusal(in_compose(p=3))
    assert error.line in {12, 13}
    assert "MotionBlur" in str(error)


_UNBUILDABLE = {
    "an unknown tag": ROTATION + "    degrees: !!python/tuple [1, 2]\n",
    "a wrong tag": ROTATION + "    cval: !!int twenty\n",
    "no date": ROTATION + "    cval: 2001-99-99\n",
    "a list as a name": ROTATION + "    ? [1, 2]\n    : 3\n",
    "a list in itself": ROTATION + "    degrees: &all [*all, 1]\n",
}


@pytest.mark.parametrize("case", _UNBUILDABLE)
def test_yaml_that_stands_for_nothing_is_told_with_its_line(case):
    assert refusal(_UNBUILDABLE[case]).line == 5


def test_characters_that_yaml_does_not_allow_are_told():
    error = refusal("augmentations:\n- \x01\n")
    assert error.line == 2
    assert str(error).endswith("this is not valid YAML: the character U+0001 is not allowed")


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing but a remark\n"], ids=repr)
def test_an_empty_policy_is_told(text):
    error = refusal(text)
    assert error.line is None
    assert str(error) == "'policy.yaml': the file is empty; expected a list under 'augmentations:'"


JSON = '{\n\t"version": 1,\n\t"augmentations": [\n\t\t"RandomFlip",\n\t\t%s\n\t]\n}\n'


@pytest.mark.parametrize(
    ("item", "line", "message"),
    [
        ('"RandomFlpi"', 5, r"augmentation='RandomFlpi' .* Did you mean 'RandomFlip'\?"),
        ('{"RandomHue":\n\t\t{"degrees":\n\t[2, 1]}}', 6, r"degrees=\[2, 1\] .* mean \(1, 2\)\?"),
        ('{"RandomHue": {"p": 1,\n\t"p": 1}}', 6, r"'p' occurs twice"),
        ("RandomFlip", 5, r"this is not valid JSON: Expecting value"),
        ('"RandomFlip" "RandomHue"', 5, r"this is not valid JSON: Expecting ',' delimiter"),
    ],
    ids=["name", "range", "twice", "no quotes", "a comma too few"],
)
def test_what_is_wrong_in_json_with_tabs_is_told_with_its_line(item, line, message):
    with pytest.raises(PolicyError, match=message) as err:
        parse_policy(JSON % item, "policy.json")
    assert err.value.line == line


def test_json_that_is_yaml_alone_is_refused():
    error = refusal("augmentations:\n- RandomFlip\n", ".json")
    assert error.line == 1
    assert "this is not valid JSON" in str(error)


# Files


@pytest.mark.parametrize("ending", [*ENDINGS, ".YAML", ".Json"])
def test_a_saved_file_loads_as_what_was_saved(tmp_path, ending):
    steps = [*imggen.preset("medium"), imggen.augment.RandAugment(3), imggen.augment.CutMix()]
    file = tmp_path / f"policy{ending}"
    imggen.save_policy(file, steps)
    assert imggen.load_policy(file) == imggen.load_policy(str(file)) == steps


def test_a_saved_file_is_as_good_as_what_was_saved(tmp_path):
    imggen.save_policy(tmp_path / "policy.yaml", "strong")
    assert adapt(tmp_path / "policy.yaml") == imggen.preset("strong")
    assert adapt(["light", str(tmp_path / "policy.yaml")])[-1] == imggen.preset("strong")[-1]


@pytest.mark.parametrize("ending", [".yaml", ".json"])
def test_what_albumentations_saved_loads(tmp_path, ending):
    file = tmp_path / f"theirs{ending}"
    A.save(nested(), file, data_format=ending[1:])
    (result,) = imggen.load_policy(file)
    assert A.to_dict(result) == A.to_dict(nested())


def test_an_error_in_what_albumentations_saved_is_told_with_its_line(tmp_path):
    file = tmp_path / "theirs.yaml"
    A.save(nested(), file, data_format="yaml")
    lines = file.read_text().splitlines()
    (number,) = [place for place, line in enumerate(lines, 1) if "MedianBlur" in line]
    file.write_text(file.read_text().replace("MedianBlur", "MedianBlru"))
    with pytest.raises(PolicyError, match="Did you mean 'MedianBlur'") as err:
        imggen.load_policy(file)
    assert err.value.line == number


def reading(file):
    with pytest.raises(PolicyError) as err:
        imggen.load_policy(file)
    assert err.value.file == str(file)
    assert err.value.line is None
    return str(err.value)


def test_a_missing_file_is_told(tmp_path):
    file = tmp_path / "policy.yaml"
    assert reading(file) == f"{str(file)!r}: it cannot be read: No such file or directory"


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "policy.yaml").mkdir()
    assert reading(tmp_path / "policy.yaml").endswith("it cannot be read: it is not a regular file")


def test_a_file_that_is_no_utf8_is_told(tmp_path):
    (tmp_path / "policy.yaml").write_bytes("augmentations: # für mich\n".encode("latin-1"))
    assert "it cannot be read: it is not UTF-8 text (byte" in reading(tmp_path / "policy.yaml")


def test_an_error_in_a_file_names_the_file(tmp_path):
    file = tmp_path / "policy.yml"
    file.write_text(ROTATION + "    degrees: [20, -20]\n")
    with pytest.raises(PolicyError) as err:
        imggen.load_policy(file)
    assert (err.value.file, err.value.line) == (str(file), 5)
    assert str(err.value).startswith(f"{str(file)!r}, line 5: RandomRotation: ")


def test_an_error_in_a_file_is_a_value_error(tmp_path):
    with pytest.raises(ValueError, match="cannot be read"):
        imggen.load_policy(tmp_path / "policy.yaml")


@pytest.mark.parametrize("name", ["policy", "policy.txt", "policy.yaml.bak", "policy.toml"])
def test_another_ending_is_refused(tmp_path, name):
    file = tmp_path / name
    message = r"must end in \.yaml, \.yml or \.json\.$"
    with pytest.raises(OptionError, match=message):
        imggen.save_policy(file, "light")
    assert not file.exists()
    file.write_text("augmentations: []\n")
    with pytest.raises(OptionError, match=message):
        imggen.load_policy(file)


# What no file can hold


@pytest.mark.parametrize(
    "augment",
    [
        np.flipud,
        lambda image: image,
        imggen.augment.RandomFlip,
        3,
        [imggen.augment.RandomFlip(), np.flipud],
    ],
    ids=["function", "lambda", "class", "number", "in a list"],
)
def test_what_is_no_augmentation_with_options_cannot_be_saved(tmp_path, augment):
    file = tmp_path / "policy.yaml"
    with pytest.raises(OptionError, match="cannot be saved to a policy file; expected"):
        imggen.save_policy(file, augment)
    assert list(tmp_path.iterdir()) == []


def test_a_preset_that_is_none_cannot_be_saved(tmp_path):
    with pytest.raises(OptionError, match="Did you mean 'light'"):
        imggen.save_policy(tmp_path / "policy.yaml", "lihgt")


@pytest.mark.parametrize(
    "transform",
    [A.Lambda(image=np.flipud), A.Compose([A.Lambda(image=np.flipud)])],
    ids=["alone", "nested"],
)
def test_a_lambda_of_albumentations_cannot_be_saved(transform):
    with pytest.raises(OptionError, match="cannot be saved to a file: To make a Lambda"):
        format_policy(transform)


def test_a_lambda_with_a_name_cannot_be_saved_either():
    with pytest.raises(OptionError):
        format_policy(A.Lambda(image=np.flipud, name="flipud"))


@pytest.mark.parametrize("ending", [".yaml", ".json"])
def test_a_source_size_of_numpys_comes_back_as_a_number(ending):
    crop = imggen.augment.RandomResizedCrop(source_size=np.int64(64))
    assert there_and_back(crop, ending) == [crop]


# In one step


def test_a_file_that_cannot_be_saved_leaves_the_one_there_was(tmp_path):
    file = tmp_path / "policy.yaml"
    imggen.save_policy(file, "light")
    with pytest.raises(OptionError):
        imggen.save_policy(file, [imggen.augment.RandomFlip(), np.flipud])
    assert imggen.load_policy(file) == list(imggen.preset("light"))


def test_a_folder_that_is_not_there_is_told(tmp_path):
    file = tmp_path / "none" / "policy.yaml"
    with pytest.raises(PolicyError, match="it cannot be written: ") as err:
        imggen.save_policy(file, "light")
    assert (err.value.file, err.value.line) == (str(file), None)


def test_a_folder_in_the_place_of_the_file_is_left(tmp_path):
    file = tmp_path / "policy.yaml"
    (file / "inside").mkdir(parents=True)
    with pytest.raises(PolicyError, match="it cannot be written: "):
        imggen.save_policy(file, "light")
    assert [entry.name for entry in tmp_path.iterdir()] == ["policy.yaml"]
    assert (file / "inside").is_dir()


def test_a_full_disk_leaves_the_file_there_was(small_disk):
    file = small_disk / "policy.yaml"
    imggen.save_policy(file, "light")
    before = file.read_bytes()
    with contextlib.suppress(OSError):  # as much as fits
        (small_disk / "filler").write_bytes(bytes(2**20))
    with pytest.raises(PolicyError, match="it cannot be written: "):
        imggen.save_policy(file, [imggen.preset("strong")] * 200)
    assert file.read_bytes() == before
    assert sorted(entry.name for entry in small_disk.iterdir()) == ["filler", "policy.yaml"]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root"
)
def test_a_folder_that_may_not_be_written_to_leaves_the_file_there_was(tmp_path):
    file = tmp_path / "policy.yaml"
    imggen.save_policy(file, "light")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PolicyError, match="it cannot be written: "):
            imggen.save_policy(file, "strong")
    finally:
        tmp_path.chmod(0o700)
    assert imggen.load_policy(file) == list(imggen.preset("light"))


def test_saving_leaves_no_other_file(tmp_path):
    for name in ("light", "strong"):
        imggen.save_policy(tmp_path / "policy.yaml", name)
    assert [entry.name for entry in tmp_path.iterdir()] == ["policy.yaml"]
