"""Imports Keras; errors name the pip command. To be imported before what needs Keras."""

from imggen.core import explain_keras_import

with explain_keras_import():
    import keras  # noqa: F401 - imported for its errors
