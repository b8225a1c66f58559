"""The site: `sphinx-build -W docs docs/_build/html`; with `-D plot_gallery=0` no example is run.

What Sphinx lacks stands in `_ext`, a file for each thing. Nothing that a page needs comes from another
server.
"""

# ruff: noqa: INP001  # Sphinx reads it as a script
from __future__ import annotations

import sys
from importlib.metadata import version as _version
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

import gallery as _gallery  # noqa: E402  # of _ext

project = "focalboost"
author = "The focalboost developers"
copyright = "2026, the focalboost developers"  # noqa: A001  # Sphinx's name for it
version = release = _version("focalboost")
language = "en"

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    # In _ext.
    "api",
    "gallery",
    "mathml",
    "repository_links",
]
exclude_patterns = ["_build"]
nitpicky = True
# Backticks in a docstring hold names, values and expressions alike. Names on the site become links.
default_role = "py:obj"
nitpick_ignore_regex = [(r"py:obj", r".*")]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4  # as GitHub makes them, so that a link to a section works in both
html_math_renderer = "mathml"

# Types stand in the docstrings, where they also have shapes and ranges.
autodoc_typehints = "none"
autosummary_generate = False  # a wing is one page
numpydoc_show_class_members = False  # autodoc shows them in full
numpydoc_validation_checks = {
    "all",  # but
    *("SA01", "ES01", "EX01"),  # not every method has more to say than its sections
    *("PR03", "PR04"),  # parameters that belong together stand together, under one type
    *("RT02", "RT03"),  # a type with its shape may say all
    *("SS05", "SS06"),  # a summary says what comes out, and may go on
    "GL08",  # methods that a loss has from another have their docstring there
    *("GL02", "PR09"),  # of attributes, whose words are a comment; of texts that end in a bracket
}
numpydoc_validation_exclude = {
    # What these consist of is a section of attributes.
    r"focalboost\.comparison\.[A-Z]\w+$",
    # A line each says what is told when.
    r"focalboost\.comparison\.Progress\.",
    # The booster's parameters are on its site.
    r"focalboost\.(xgboost|lightgbm)\.Focal\w+Classifier$",
}

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": ["../examples"],
    "gallery_dirs": ["gallery"],
    "filename_pattern": _gallery.pattern(),
    "within_subsection_order": "gallery.order",
    "reset_argv": "gallery.arguments",
    "default_thumb_file": str(HERE / "_static" / "logo.svg"),
    "download_all_examples": False,
    "notebook_extensions": set(),  # a script that reads its command line is no notebook
    "write_computation_times": False,
}

templates_path = ["_templates"]
html_theme = "pydata_sphinx_theme"
html_title = "focalboost"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/logo.svg"
html_context = {"default_mode": "auto"}
html_show_sourcelink = False
html_theme_options = {
    "logo": {
        "image_light": "_static/logo.svg",
        "image_dark": "_static/logo.svg",
        "text": "focalboost",
        "alt_text": "",
    },
    "header_links_before_dropdown": 5,
    "icon_links": [
        {
            "name": "Source on GitHub",
            "url": "https://github.com/focalboost/focalboost",
            "icon": "fa-brands fa-github",
        }
    ],
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}
# The front page is read in one go.
html_sidebars = {"index": []}
