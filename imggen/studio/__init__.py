"""A local web page to tune augmentation policies.

In: a manifest and a policy to start from. Out: a page on the loopback interface, and
policies as YAML or Python. The controls and the layout can be changed here; images are augmented
and drawn by the same ``batch_maker`` and ``preview`` as everywhere else.
"""

from imggen.studio.server import serve

__all__ = ["serve"]
