"""imggen: folders of images to batches that Keras trains on.

Every public name is listed in ``__init__.pyi`` and loaded when it is first used, so that
``import imggen`` is instant.
"""

from importlib.metadata import version

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = version("imggen")
