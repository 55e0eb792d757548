"""Imports for the server that ``resume_matrix`` forks its processes from."""

import imggen.sequences  # noqa: F401
import tests.helpers.resume_matrix  # noqa: F401
