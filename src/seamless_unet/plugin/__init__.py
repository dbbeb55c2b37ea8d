"""The napari face: the only place that imports napari, magicgui and Qt, and never torch."""
