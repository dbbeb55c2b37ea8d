import numpy as np
import pytest


@pytest.fixture
def given(library, threshold_model, tmp_path):
    """A model file outside the library, which is empty."""
    path = tmp_path / "from a friend.safetensors"
    path.write_bytes((library / "threshold.safetensors").read_bytes())
    (library / "threshold.safetensors").unlink()
    return path


def test_a_model_that_is_dropped_on_napari(viewer, dock, given, library, notified):
    viewer.add_image(np.zeros((8, 8)))
    segment = dock("Segment")
    assert viewer.open(given, plugin=None) == []
    assert len(viewer.layers) == 1
    assert (library / given.name).read_bytes() == given.read_bytes()
    assert segment.model.value == str(library / given.name)
    assert notified() == ["The model 'from a friend' is in your library now: see the Segment dock."]


def test_what_is_not_ours_is_said_and_the_others_are_imported(viewer, given, library, notified):
    foreign = given.with_name("language model.safetensors")
    foreign.write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    viewer.window._qt_viewer._qt_open([str(foreign), str(given)], stack=False)  # as a drop does
    first, second = notified()
    assert first.startswith("'language model.safetensors' is not a model of this plugin")
    assert second.startswith("The model 'from a friend' is in your library now")
    assert [path.name for path in library.iterdir()] == [given.name]
    assert len(viewer.layers) == 0
