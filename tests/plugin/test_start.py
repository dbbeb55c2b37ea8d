"""What napari loads before anybody opens a dock."""

import json
import subprocess
import sys

START = """
import json, sys
import napari, npe2
viewer = napari.Viewer(show=False)
ours = lambda: sorted(n for n in sys.modules if n.split(".")[0] in ("seamless_unet", "torch"))
known = "napari-seamless-unet" in npe2.PluginManager.instance()
before = ours()
viewer.window.add_plugin_dock_widget("napari-seamless-unet", "Segment")
viewer.window.add_plugin_dock_widget("napari-seamless-unet", "Train")
print(json.dumps([known, before, ours()]))
viewer.close()
"""


def test_napari_starts_without_the_package_and_opens_its_docks_without_torch():
    done = subprocess.run(
        [sys.executable, "-c", START], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout, done.stderr
    known, before, after = json.loads(done.stdout.splitlines()[-1])
    assert known
    assert before == []
    assert "seamless_unet.plugin.segment_widget" in after
    assert [name for name in after if name.startswith("torch")] == []
