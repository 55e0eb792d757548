"""Messages name the options of the verb, and give no advice that the command line cannot follow."""

import json
import re
from importlib import import_module

import pytest

import imggen
from imggen.cli.messages import translate
from tests.helpers.command_line import invoke

CLASH = (
    'Copy or link instead (mode="copy", "symlink" or "hardlink"), or keep files of the same name'
)
CASES = [
    (
        "split",
        "ratios={'train': 0.5, 'val': 0.2} sum to 0.7.",
        "--split 0.5 0.2 sum to 0.7.",
    ),
    ("split", "ratios=(0.5, 0.2) sum to 0.7.", "--split 0.5 0.2 sum to 0.7."),
    (
        "split",
        f"'/seed=3/a' clashes. {CLASH} together (group_by=\"stem\").",
        (
            "'/seed=3/a' clashes. Copy or link instead (--copy, --symlink or --hardlink), or keep "
            "files of the same name together (--group-by stem)."
        ),
    ),
    ("split", 'expected mode="move".', "expected --move."),
    (
        "split",
        "num_folds= is set. Leave out stable= and counts=.",
        "--kfold is set. Leave out --stable and --counts.",
    ),
    ("split", "counts={'test': 3} is odd.", "--counts 0 3 is odd."),
    ("split", "stratify=True (now False).", "no --no-stratify (now --no-stratify)."),
    ("split", "stratify=False (now True).", "--no-stratify (now not)."),
    ("split", "stable=True (now False).", "--stable (now not)."),
    (
        "split",
        "Made with ratios={'train': 1.0} (now None), counts=None (now {'val': 2}).",
        "Made with --split 1 0 (now not), no --counts (now --counts 2 0).",
    ),
    (
        "split",
        "mode='copy' (now 'move'), seed=0 (now 1).",
        "--copy (now --move), --seed 0 (now 1).",
    ),
    (
        "leaks",
        (
            'background=\'x\' must be "white", another color name or "#rrggbb", "checker", or '
            "three whole numbers from 0 to 255, (red, green, blue)."
        ),
        '--background x must be "white", another color name, "#rrggbb" or "checker".',
    ),
    ("preview", "image_size=(0, 0) is odd.", "--image-size 0 is odd."),
    ("augment", "image_size=(8, 8) (now [8, 9]).", "--image-size 8 (now 8 9)."),
    (
        "bench",
        "The folder 'x' fails. Choose another, or pass cache=None.",
        "The folder 'x' fails. Choose another.",
    ),
    (
        "cache",
        "The folder 'x=1' fails: no. Choose another, or pass cache=None.",
        "The folder 'x=1' fails: no. Choose another.",
    ),
    (
        "cache",
        'It is full. Use a smaller image_size, pack="jpeg", or no cache.',
        "It is full. Use a smaller --image-size, --pack jpeg, or no cache.",
    ),
    (
        "cache",
        "limit=0 must be a whole number of 1 or more, or None.",
        "--limit 0 must be a whole number of 1 or more.",
    ),
    ("scan", "file='x.txt' must end in .csv or .json.", "'x.txt' must end in .csv or .json."),
    (
        "scan",
        "It is in color. Convert it, or pass mask_values= with {(0, 0): 0}, such as x.",
        "It is in color. Convert it.",
    ),
    ("scan", "It has none. Pass mask_dir= to scan. Or not.", "It has none. Or not."),
    (
        "scan",
        "It is bad. To predict, use label_mode='regression'; to do so, convert it.",
        "It is bad. To do so, convert it.",
    ),
    ("preview", "augment='a b' is odd, \"it's\".", "--augment 'a b' is odd, \"it's\"."),
    (
        "preview",
        "See a.b=3, a-b=3, a==3 and http://x/?seed=3.",
        "See a.b=3, a-b=3, a==3 and http://x/?--seed 3.",
    ),
    ("verify", "A\0 0\0 name.", "A 0 name."),
]


@pytest.mark.parametrize(("verb", "message", "expected"), CASES)
def test_arguments_become_options_and_other_advice_goes(verb, message, expected):
    command = getattr(import_module(f"imggen.cli.{verb}"), verb)
    assert translate(message, command) == expected


def test_messages_outside_of_a_verb_stay():
    assert translate("An odd 'seed=3'. Use 4.", None) == "An odd 'seed=3'. Use 4."


def write_tables(folder, photos):
    rows = [f"{path.relative_to(folder)},a" for path in sorted(photos.rglob("*.png"))]
    (folder / "plain.csv").write_text("\n".join(["path,label", *rows]))
    (folder / "masked.csv").write_text(
        "\n".join(["path,mask", *(f"{row[:-2]},{row[:-2]}" for row in rows)])
    )
    imggen.scan(photos).save(folder / "saved.csv")
    file = folder / "saved.csv.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"class_names": ["other"]}))


LINES = """
split photos out --ratio 1 1 1
split photos out --ratio nan 1 1
split photos out --count 0 0
split photos out --count 99 1
split photos out --kfold 1
split photos out --kfold 1000000000
split photos out --kfold 2 --stable
split photos out --kfold 2 --move
split photos out --kfold 2 --near-duplicates --stable
split photos out --count 1 1 --stable
split photos out --seed -1
split photos out --group-by parent
split photos out --group-by (
split photos out --group-by x(
split photos out --report x.txt
split photos --manifest x.txt
split plain.csv out --stratify-by x
split masked.csv out
split saved.csv out
split splits out
split empty out
split photos made --seed 1
split --undo photos
scan splits
scan empty
scan photos --save x.txt
scan photos -o taken.csv
scan photos -o x.txt
scan photos --html x.txt
verify empty
verify saved.csv
verify photos --workers -1
verify photos -o x.txt
duplicates photos --threshold 0
duplicates photos --html x.txt
leaks photos
leaks plain.csv
leaks plain.csv --threshold 2
augment photos aug --policy strng
augment photos aug --copies -1
augment photos aug --copies 1000000000
augment photos aug --image-size 0 1
augment masked.csv aug
augment flat aug --balance
preview photos -o x.txt
preview photos -o x.png --policy strng
preview photos -o x.png --variants 0
preview photos -o x.png --images-per-class 0
preview photos -o x.png --image-size 0 1
preview masked.csv -o x.png
preview saved.csv -o x.png
bench photos --batch-size 0
bench photos --image-size 0 1
bench photos --workers -1
bench photos --seconds 0
bench photos --cache disk
bench photos --interpolation x
cache build photos kept --image-size 8 8 --pack x
cache build photos kept --image-size 8 8 --pack jpeg --color-mode rgba
cache build photos kept --image-size 8 8 --limit 1
cache build photos kept --image-size 8 8 --quality 0
cache build photos kept --image-size 0 8
cache build photos file/kept --image-size 8 8
cache build photos kept --image-size 8 8 --interpolation x
cache build photos kept --image-size 8 8 --crop-to-aspect-ratio --pad-to-aspect-ratio
"""


@pytest.mark.filterwarnings("ignore")
def test_every_message_of_a_verb_names_its_own_options(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "taken.csv").write_text("a,b\n1,2\n")
    for number, path in enumerate(sorted(photos.rglob("*.png"))):
        for folder in ("flat", "splits/train", "splits/val"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / f"{number}.png").write_bytes(path.read_bytes())
    write_tables(tmp_path, photos)
    invoke("split", "photos", "made")
    wrong = []
    for line in filter(None, LINES.splitlines()):
        verb, *arguments = line.split()
        message = invoke(verb, *arguments).stderr
        text = re.sub(r"'[^']*'", "''", message)
        known = set(
            re.findall(r"--[a-z-]+", invoke(*line.split()[: 1 + (verb == "cache")], "-h").output)
        )
        unknown = set(re.findall(r"--[a-z-]+", text)) - known
        if (
            not message
            or unknown
            or re.search(r"\b[a-z_]+=|Manifest|imggen\.|None|True|from_d", text)
        ):
            wrong.append((line, message))
    assert wrong == [], "\n".join(map(str, wrong))
