"""The documentation: MyST pages and numpydoc docstrings, built without the network."""

from importlib.metadata import version as installed

project = "poblar"
author = "the poblar contributors"
project_copyright = "the poblar contributors, MIT licence"
version = release = installed("poblar")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "matplotlib.sphinxext.plot_directive",  # pictures are drawn when the pages are made
]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

templates_path = ["_templates"]
exclude_patterns = ["_build"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings name the types, and the shapes and units besides
autosummary_generate = True
plot_formats = [("png", 110)]
plot_html_show_formats = plot_html_show_source_link = False
numpydoc_show_class_members = False

html_theme = "pydata_sphinx_theme"
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}
html_sidebars = {"index": []}
