"""``Preprocessing``: everything between an image and the input of a model, in one object.

In: the settings of a sequence, or a file of them; images as paths, bytes, arrays or Pillow images.
Out: the batch that the sequence would serve, a JSON file or a member of a ``.keras`` file, Keras
layers, and class names for scores. The format of files changes in ``schema.json`` and
``settings_file`` together, with a new version number.
"""

from imggen.preprocessing.fields import OutputSettings
from imggen.preprocessing.libraries import describe_libraries
from imggen.preprocessing.settings import Preprocessing

__all__ = ["OutputSettings", "Preprocessing", "describe_libraries"]
