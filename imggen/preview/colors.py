"""The colors that pictures share."""

BACKGROUND = "#ffffff"
INK = "#1f2328"
FAINT = "#656d76"
FRAME = "#d8dee4"
WARNING = "#bc4c00"
RIGHT = "#1a7f37"
WRONG = "#cf222e"
