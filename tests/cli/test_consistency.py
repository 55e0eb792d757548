"""All verbs side by side: one name for one thing, and the options that every verb has."""

import errno
import io
import json
import os
import sys
from pathlib import Path
from typing import get_args

import click
import pytest

import imggen
from imggen.cache.options import Pack
from imggen.cli import main
from imggen.cli.options import COLOR_MODES, ENGINES, INTERPOLATIONS, PACKS
from imggen.cli.values import ByteSize, Choice
from imggen.decode import ColorMode, Interpolation
from imggen.workers import Engine
from tests.helpers.command_line import invoke


def find_verbs() -> dict[str, click.Command]:
    context, found = click.Context(main), {}
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        if isinstance(command, click.Group):
            found |= {f"{name} {one}": sub for one, sub in command.commands.items()}
        else:
            found[name] = command
    return found


VERBS = find_verbs()
# How to call each verb that needs no model and no server; "{out}" is a new place.
LINES = {
    "augment": "photos {out} --copies 1",
    "bench": "photos --image-size 8 --seconds 0.01 --workers 0",
    "cache build": "photos {out} --image-size 8",
    "cache clear": "kept",
    "cache info": "kept",
    "duplicates": "photos",
    "gallery": "photos/cat/000.png -o {out}.html",
    "leaks": "split",
    "migrate": "train.py",
    "pack": "photos {out}",
    "preview": "photos -o {out}.png --image-size 8 --variants 1",
    "scan": "photos",
    "split": "photos {out}",
    "unpack": "set {out}",
    "verify": "photos",
}
WRITERS = ("augment", "cache build", "gallery", "pack", "preview", "split", "unpack")


@pytest.fixture
def workplace(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("import keras\n")
    (tmp_path / "file").write_text("")
    imggen.split_directory(photos, "split", (0.5, 0.5))
    imggen.pack(photos, "set")
    invoke("cache", "build", "photos", "kept", "--image-size", 8, "-q")
    return tmp_path


def run(verb: str, number: int, *more: str) -> click.testing.Result:
    line = LINES[verb].replace("{out}", f"out{number}")
    return invoke(*verb.split(), *line.split(), *more)


def test_every_verb_has_quiet_and_verbose_and_all_but_the_server_have_json():
    for name, verb in VERBS.items():
        options = {option for param in verb.params for option in param.opts}
        assert {"-q", "--quiet", "-v", "--verbose"} <= options, name
        assert ("--json" in options) == (name != "studio"), name
        assert invoke(*name.split(), "x", "-qv").exit_code == 2, name


def test_an_option_means_the_same_in_all_verbs():
    seen = {}
    for name, verb in VERBS.items():
        for param in verb.params:
            if not isinstance(param, click.Option) or param.hidden:
                continue
            option = max(param.opts, key=len)
            text, _, default = param.help.partition("  [default")
            described = [text, param.metavar, type(param.type), param.multiple, sorted(param.opts)]
            if option == "--output":  # a table or a picture, and predict takes several
                described = [sorted(param.opts), param.metavar.startswith("FILE.")]
            elif option in ("--html", "--manifest"):
                described[0] = text.startswith("Write a")
            elif option not in ("--image-size", "--augment", "--split"):
                described += [default, str(param.default)]
            assert seen.setdefault(option, described) == described, (option, name)


def test_images_are_the_argument_src_of_every_verb_that_reads_them():
    for name, verb in VERBS.items():
        names = [
            param.make_metavar(click.Context(verb))
            for param in verb.params
            if isinstance(param, click.Argument)
        ]
        others = {
            "cache clear": ["FOLDER"],
            "cache info": ["FOLDER"],
            "demo": ["[DST]"],
            "gallery": ["[IMAGE]"],
            "leaks": ["TRAIN VAL [TEST]"],
            "migrate": ["PATH..."],
            "predict": ["MODEL", "SRC"],
        }
        assert names == others.get(name, names), name
        assert "SRC" in names or name in others, name


def test_choices_are_those_of_python_and_shown():
    assert get_args(Interpolation) == INTERPOLATIONS
    assert get_args(ColorMode) == COLOR_MODES
    assert get_args(Pack) == PACKS
    assert get_args(Engine) == ENGINES
    for name, verb in VERBS.items():
        for param in verb.params:
            if isinstance(param.type, Choice):
                assert f"[{'|'.join(param.type.choices)}]" in invoke(*name.split(), "-h").output


def test_an_address_is_for_ray_alone(workplace):
    verbs = [name for name, verb in VERBS.items() if any(p.name == "engine" for p in verb.params)]
    assert {"augment", "duplicates", "leaks", "pack", "scan", "verify"} <= set(verbs)
    for number, verb in enumerate(verbs):
        result = run(verb, number, "--address", "auto")
        assert result.exit_code == 1, verb
        assert "--address auto is the address of a Ray cluster, and --engine local" in result.stderr


@pytest.mark.parametrize("verb", sorted(LINES))
def test_json_is_all_that_is_on_stdout(workplace, verb):
    result = run(verb, 0, "--json")
    assert result.exit_code == 0, result.stderr
    assert isinstance(json.loads(result.stdout), dict)
    if verb != "cache info":
        assert result.stderr != ""
    quiet = run(verb, 1, "--json", "-q")
    assert isinstance(json.loads(quiet.stdout), dict)
    assert quiet.stderr == ""


def test_json_has_what_the_verb_found(workplace):
    (workplace / "split/val/cat/broken.png").write_bytes(b"x")
    split = json.loads(run("split", 0, "--json").stdout)
    assert split["splits"]["train"]["num_images"] == 11
    assert split["splits"]["train"]["classes"]["cat"] in (5, 6)
    assert json.loads(run("scan", 0, "--json").stdout)["classes"] == {"cat": 8, "dog": 8}
    found = invoke("verify", "split/val", "--json")
    assert found.exit_code == 1
    assert json.loads(found.stdout)["rows"][0]["path"] == "cat/broken.png"
    found = json.loads(invoke("leaks", "split/train", "out0/train", "--json").stdout)
    assert {row["split"] for row in found["rows"]} == {"train", "val"}
    made = json.loads(run("augment", 1, "--json").stdout)
    assert (made["num_originals"], made["num_copies"]) == (16, 16)
    info = json.loads(run("cache info", 0, "--json").stdout)
    assert info["caches"][0]["num_images"] == 16
    assert "resize" in json.loads(run("bench", 0, "--json").stdout)["stages"]


def test_quiet_writers_print_nothing_and_others_say_where(workplace):
    for number, verb in enumerate(WRITERS, start=2):
        quiet = run(verb, number, "-q")
        assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", ""), verb
        loud = run(verb, 10 * number)
        assert str(workplace / f"out{10 * number}") in loud.stdout.splitlines()[-1], verb
    (workplace / "photos/cat/notes.txt").write_text("x")
    assert "notes" not in run("scan", 0, "-q").output
    assert "skipped" in run("scan", 0).output


def test_quiet_keeps_errors_and_findings(workplace):
    assert "'nowhere' does not exist" in invoke("scan", "nowhere", "-q").stderr
    (workplace / "photos/cat/broken.png").write_bytes(b"x")
    result = invoke("verify", "photos", "-q")
    assert len(result.output.splitlines()) == 1
    assert "cat/broken.png" in result.stdout


def test_verbose_prints_settings_all_findings_and_where_errors_come_from(workplace):
    result = run("augment", 4, "-v", "--augment", "light", "--workers", "0")
    assert "--augment light\n" in result.stderr
    assert "--workers 0\n" in result.stderr
    result = run("split", 4, "-v", "--symlink")
    assert "--symlink\n" in result.stderr
    assert "--copy" not in result.stderr
    assert result.stderr.startswith("SRC photos\nDST out4\n")
    for number in range(30):
        (workplace / f"photos/cat/broken{number}.png").write_bytes(b"x")
    assert "... and 10 more; -v prints all" in run("verify", 0).stdout
    assert len(run("verify", 0, "-v").stdout.splitlines()) == 31
    assert "Traceback" in invoke("scan", "nowhere", "-v").stderr
    assert "Traceback" not in invoke("scan", "nowhere").stderr


def test_earlier_names_of_options_still_work():
    num_aliases = 0
    for name, verb in VERBS.items():
        required = ["a"] * sum(isinstance(param, click.Argument) for param in verb.params)
        required += ["--image-size", "8"] if name == "cache build" else []
        for param in verb.params:
            for alias in getattr(param, "aliases", ()):
                values = ["2", "3"] if param.nargs == 2 else ["0.5", "0.5"]
                values = values if param.name in ("ratios", "counts") else ["5"]
                shown, hidden = (
                    verb.make_context(name, [*required, option, *values]).params
                    for option in (max(param.opts, key=len), alias)
                )
                assert shown == hidden, alias
                assert shown[param.name] is not None, alias
                assert f"{alias} " not in invoke(*name.split(), "-h").output
                num_aliases += 1
    assert num_aliases >= 9


def test_misspelt_words_name_the_closest_one(workplace):
    for name, verb in VERBS.items():
        *group, word = name.split()
        assert f"Did you mean '{word}'?" in invoke(*group, word + "x").stderr, name
        for param in verb.params:
            if isinstance(param, click.Option) and not param.hidden:
                option = max(param.opts, key=len)
                message = invoke(*name.split(), "a", option + "x").stderr
                assert f"No such option '{option}x'. Did you mean {option}?" in message
    for line, closest in (
        ("bench photos --interpolation bicubc", "'bicubic'"),
        ("cache build photos x --image-size 8 --color-mode gray", "'grayscale'"),
        ("cache build photos x --image-size 8 --pack jpg", "'jpeg'"),
        ("preview photos -o x.png --augment strng", "'strong'"),
        ("split photos x --ratioo 0.5 0.5", "--split"),
    ):
        message = invoke(*line.split()).stderr
        assert f"Did you mean {closest}?" in message, (line, message)


def test_options_before_the_command_are_explained():
    assert "follow it: main COMMAND --json." in invoke("--json", "scan", "photos").stderr
    assert "follow it: main cache COMMAND -q." in invoke("cache", "-q", "info", "x").stderr
    assert "Did you mean --version?" in invoke("--versoin").stderr


def test_sizes_have_units():
    for text, expected in (
        ("12", 12),
        ("500MB", 500_000_000),
        ("1GB", 10**9),
        ("1 gb", 10**9),
        ("2GiB", 2**31),
        ("1.5k", 1500),
        ("3TB", 3 * 10**12),
        ("10B", 10),
    ):
        assert ByteSize().convert(text, None, None) == expected
    for text in ("1XB", "GB", "", "1,5GB", "nan", "1GBx"):
        with pytest.raises(click.BadParameter, match="such as 500MB, 1GB or 2GiB"):
            ByteSize().convert(text, None, None)


def test_a_size_is_one_number_or_two(workplace):
    for words, expected in (
        (["8"], (8, 8)),
        (["8", "12"], (8, 12)),
        (["8x12"], (8, 12)),
        (["8,12"], (8, 12)),
    ):
        for line in (["--image-size", *words, "photos", "x"], ["photos", "x", "--image-size"]):
            line = line if words[0] in line else [*line, *words]
            context = VERBS["cache build"].make_context("build", line)
            assert context.params["image_size"] == expected
            assert str(context.params["folder"]) == "x"
    result = invoke("cache", "build", "photos", "x")
    assert result.exit_code == 2
    assert "Missing option '--image-size'" in result.stderr
    for words in ("x", "8.5", "8 9 10", "8x", ""):
        result = invoke("cache", "build", "photos", "x", f"--image-size={words}")
        assert result.exit_code == 2, words
        assert "such as 224 or 96 128" in result.stderr, words


def test_outputs_that_cannot_be_written_are_named_before_the_work(workplace):
    before = sorted(workplace.rglob("*"))
    (workplace / "photos/cat/000.png").write_bytes(b"x")  # which all of them would report
    wrong = []
    for verb, option, name in (
        *(("scan", option, name) for option, name in (("--manifest", "x.csv"), ("-o", "x.json"))),
        *((verb, "--html", "x.html") for verb in ("scan", "verify", "duplicates", "preview")),
        *((verb, "-o", "x.csv") for verb in ("verify", "duplicates", "leaks")),
        ("leaks", "--fix", "x.csv"),
        ("verify", "--quarantine", "x"),
        ("preview", "-o", "x.png"),
        ("bench", "-o", "x.png"),
        ("split", "--manifest", "x.csv"),
        ("split", "", "x"),
        ("augment", "", "x"),
        ("cache build", "--image-size=8", "x"),
    ):
        for folder in ("file", "missing/folder"):
            source = "split" if verb == "leaks" else "photos"
            target = os.path.join(folder, name)
            if verb in ("split", "augment", "cache build", "verify") and name == "x":
                target = os.path.join("file", name)  # folders are created
            result = invoke(*verb.split(), source, *filter(None, [option]), target)
            if result.exit_code == 0 or target not in result.stderr or "broken" in result.stdout:
                wrong.append((verb, option, target, result.output))
    assert wrong == []
    assert sorted(workplace.rglob("*")) == before


def test_missing_models_and_folders_are_named_before_keras_is_imported(workplace, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    for line in ("predict gone.keras photos", "bench photos --model gone.keras"):
        result = invoke(*line.split())
        assert result.exit_code == 1
        assert "Cannot load 'gone.keras' as a Keras model: the file does not" in result.stderr
    assert "'file' is not a folder" in invoke("demo", "file").stderr


def test_a_full_disk_and_characters_the_terminal_does_not_have_cause_no_traceback(
    workplace, monkeypatch
):
    (workplace / "photos/cat").rename(workplace / "photos/c\N{CJK UNIFIED IDEOGRAPH-732B}")
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", terminal)
    main(["scan", "photos"], standalone_mode=False)
    terminal.flush()
    assert b"c\\u732b" in terminal.buffer.getvalue()

    class Full(io.RawIOBase):
        def writable(self):
            return True

        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(Full(), write_through=True))
    for line in (["scan", "photos"], ["scan", "photos", "--json", "-q"]):
        with pytest.raises(click.ClickException, match="the output: No space left on device"):
            main(line, standalone_mode=False)
    monkeypatch.undo()
    monkeypatch.chdir(workplace)

    def fail(*_: object) -> None:  # as if a folder vanished during the scan
        raise FileNotFoundError(errno.ENOENT, "No such file", b"a/b")

    monkeypatch.setattr("imggen.data.as_manifest", fail)
    assert invoke("scan", "photos").stderr == "Error: Cannot read or write 'a/b': No such file.\n"


def test_a_table_with_an_empty_path_is_refused(workplace):
    Path("table.csv").write_text("path,label\nphotos/cat/000.png,a\n,b\n")
    result = invoke("preview", "table.csv", "-o", "picture.png")
    assert "The column 'path' is empty in 1 of 2 rows, first in row 1." in result.stderr


def test_counts_agree_with_their_nouns(workplace):
    invoke("cache", "build", "photos", "photos/kept", "--image-size", 8)
    assert "skipped: 1 folder written" in invoke("scan", "photos").stdout
    invoke("cache", "build", "photos", "photos/more", "--image-size", 8)
    assert "skipped: 2 folders written" in invoke("scan", "photos").stdout
    assert "and 1 variant of each" in run("preview", 9).stdout


def test_whole_numbers_out_of_range_are_named():
    for line, expected in (
        ("demo --epochs 0", "'0' is not a whole number of 1 or more."),
        ("demo --epochs x", "'x' is not a whole number of 1 or more."),
        ("studio photos --port 65536", "'65536' is not a whole number from 1 to 65535."),
    ):
        result = invoke(*line.split())
        assert result.exit_code == 2
        assert expected in result.stderr, line
