"""``python -m imggen``: the same as the command ``imggen``."""

from imggen.cli import main

main(prog_name="imggen")
