from pathlib import Path

import napari
import numpy as np

from seamless_unet.plugin.report import report, settings_of


def test_a_report_says_what_happened_where_and_with_what():
    image = napari.layers.Image(np.zeros((3, 4, 5), np.uint16), name="patient 12")
    form = {"Image": image, "Certainty": 0.5, "Labels": None}
    text = report("It failed.", details="Traceback: line 1\n", settings=settings_of(form))
    lines = text.splitlines()
    assert lines[0] == "It failed."
    assert "Image: Image layer, 3 x 4 x 5, uint16" in lines
    assert "Certainty: 0.5" in lines
    assert "Labels: None" in lines
    assert "patient" not in text
    assert lines[-2:] == ["Details", "Traceback: line 1"]
    for package in ("napari", "torch", "napari-seamless-unet"):
        (line,) = [line for line in lines if line.startswith(f"{package} ")]
        assert line.split()[1][0].isdigit()


def test_the_home_folder_is_not_named():
    home = Path.home()
    settings = settings_of({"Save": home})
    text = report(f"{home}/data/a.tif is damaged", details=f'File "{home}/b.py"', settings=settings)
    assert str(home) not in text
    assert text.startswith("~/data/a.tif is damaged")
    assert 'File "~/b.py"' in text


def test_nothing_more_is_known():
    assert report("Stopped.", details="", settings=[]).endswith("Details\nnone\n")
