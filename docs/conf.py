"""The documentation: MyST pages, whose code runs when they are built, and numpydoc docstrings. No network is needed."""

import hashlib
import os
import shutil
from importlib.metadata import version as installed
from pathlib import Path

DOCS = Path(__file__).parent

project = "poblar"
author = "the poblar contributors"
project_copyright = "the poblar contributors, MIT licence"
version = release = installed("poblar")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# A page runs again when it has changed, or when the package or a table of figures has: the cache is named after them.
PACKAGE = hashlib.sha256()
for room in ("data", "forecast", "optimize", "planner", "docs/pictures"):
    for path in sorted((DOCS.parent / room).rglob("*")):
        if path.is_file() and path.suffix in (".py", ".csv", ".json", ".nc"):
            PACKAGE.update(path.read_bytes())
CACHE = DOCS / "_build" / f"cache-{PACKAGE.hexdigest()[:12]}"
for old in CACHE.parent.glob("cache-*"):
    if old != CACHE:
        shutil.rmtree(old)
nb_execution_mode = "cache"
nb_execution_cache_path = str(CACHE)
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_timeout = 600  # seconds that a cell may take
nb_output_stderr = "remove"  # progress and logs; what a page has to say it prints
nb_merge_streams = True
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"

# The kernel draws figures where they are named, and does not warn that it talks to this build unencrypted.
PROFILE = DOCS / "_build" / "ipython" / "profile_default"
PROFILE.mkdir(parents=True, exist_ok=True)
(PROFILE / "ipython_kernel_config.py").write_text(
    'c.IPKernelApp.matplotlib = "inline"\n'
    "c.IPKernelApp.log_level = 40\n"
    'c.HistoryManager.hist_file = ":memory:"\n'
    'c.InlineBackend.print_figure_kwargs = {"bbox_inches": None}\n'
)
os.environ["IPYTHONDIR"] = str(PROFILE.parent)

templates_path = ["_templates"]
exclude_patterns = ["_build"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings name the types, and the shapes and units besides
autosummary_generate = True
numpydoc_show_class_members = False

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}
html_sidebars = {"index": []}
