"""Pages that people look at: one file each, with its pictures in it, that needs no network.

``render`` is what they share; each other module makes one page, with the template of its name.
"""
