"""How Sphinx makes the pages: ``make docs``."""

from importlib.metadata import version as version_of

project = "Seamless U-Net"
author = "The napari-seamless-unet developers"
copyright = f"2026, {author}"
version = release = version_of("napari-seamless-unet")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing"]  # links to files of the repository outside docs
exclude_patterns = ["_build"]

autodoc_typehints = "none"  # the docstrings say types with shapes and units
napoleon_google_docstring = False

html_theme = "furo"
html_title = project
