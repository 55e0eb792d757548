"""What the EXIF orientation of a file says about its axes, once the image is upright.

Source: Exif 2.32, tag 0x0112; ``PIL.ImageOps.exif_transpose``.
"""

TURNED = {5, 6, 7, 8}  # rows are columns
MIRRORED = {2, 3, 6, 7}  # what was first on the axis that is now horizontal is last
UPSIDE_DOWN = {3, 4, 7, 8}  # the same of the axis that is now vertical
TURNED_OR_MIRRORED = TURNED | MIRRORED | UPSIDE_DOWN
