"""The site: ``python -m sphinx -W -b html docs build/site``.

Fonts, scripts and the search index are part of the site, so it needs no network and no server.
"""

import os
import sys
from pathlib import Path

# Reading docstrings needs Keras; JAX is the backend that is imported fastest.
os.environ["KERAS_BACKEND"] = "jax"

import imggen

sys.path.insert(0, str(Path(__file__).parent / "builder"))

project = "imggen"
copyright = "the imggen developers"
version = release = imggen.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_design",
    "page_code",
]
exclude_patterns = ["builder", "made"]
default_role = "code"
smartquotes_action = "D"  # dashes; quotes stay as they are, so that values can be copied

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3

autoclass_content = "both"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_type_aliases = {
    name: name
    for name in (
        "Augment",
        "ClassNames",
        "Counts",
        "LabelModeLike",
        "OutputClassNames",
        "Ratios",
        "Targets",
    )
}
autodoc_typehints = "description"
autodoc_typehints_format = "short"
autodoc_typehints_description_target = "documented_params"
python_use_unqualified_type_names = True
maximum_signature_line_length = 80
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False

pygments_dark_style = "github-dark"
html_theme = "furo"
html_title = "imggen"
html_baseurl = "https://imggen.github.io/imggen/"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["scroll.js"]
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0a6c74",
        "color-brand-content": "#0a6c74",
    },
    "dark_css_variables": {
        "color-brand-primary": "#4fc3c9",
        "color-brand-content": "#4fc3c9",
    },
}
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
copybutton_exclude = ".linenos, .gp, .go"
