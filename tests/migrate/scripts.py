"""Scripts for the tests of migrate: read, examined, edited and run."""

from imggen.migrate import changed_cells, examine, read_script

GENERATOR = "from keras.preprocessing.image import ImageDataGenerator\n"


def read(folder, source, name="train.py"):
    path = folder / name
    path.write_bytes(source if isinstance(source, bytes) else source.encode())
    return read_script(path)


def traps(folder, source):
    """The traps of a script, as (line, name)."""
    return [(trap.line, trap.name) for trap in examine(read(folder, source)).traps]


def details(folder, source, name):
    """The details of the traps of one name."""
    return [trap.detail for trap in examine(read(folder, source)).traps if trap.name == name]


def run(folder, source, **names):
    """Runs a script after its edits, with some names given; returns all names."""
    script = read(folder, source)
    for cell in changed_cells(script, examine(script).edits).values():
        source = cell.source
    exec(compile(source, "script", "exec"), names)
    return names
