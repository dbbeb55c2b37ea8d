"""What imports what, each in a fresh process."""

import subprocess
import sys

import pytest

WINDOW = ("napari", "magicgui", "qtpy", "PyQt6", "PySide6")
FUNCTIONS = ("train", "predict", "segment", "weight_map")


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def loaded(code: str, names) -> list[str]:
    """Return which of ``names`` are loaded after ``code``."""
    listed = f"print('loaded', *(n for n in {tuple(names)} if n in sys.modules))"
    return python(f"{code}\nimport sys\n{listed}").splitlines()[-1].split()[1:]


@pytest.mark.parametrize(
    "code",
    [
        "import seamless_unet",
        "import seamless_unet; seamless_unet.__version__, dir(seamless_unet)",
        "from seamless_unet import TrainConfig, UNetConfig, load_model, save_model, segment",
        "import seamless_unet.stack, seamless_unet.cli, seamless_unet.options, seamless_unet.demo",
        "from seamless_unet.commands import evaluate, info, output, segment, train",
        "import seamless_unet.compute",
        "from seamless_unet.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
        "from seamless_unet.cli import main\ntry: main(['train'])\nexcept SystemExit: pass",
    ],
)
def test_no_torch_and_no_window(code):
    assert loaded(code, ("torch", "torchvision", *WINDOW)) == []


@pytest.mark.parametrize("dock", ["segment", "train", "evaluate", "models"])
def test_a_dock_opens_without_what_takes_long_to_load(dock):
    code = f"import seamless_unet.plugin.{dock}_widget"
    assert loaded(code, ("torch", "dask.array", "zarr", "tifffile")) == []


def test_the_whole_core_knows_no_window():
    code = "\n".join(
        [
            "import pkgutil, importlib, seamless_unet",
            "for module in pkgutil.iter_modules(seamless_unet.__path__):",
            "    if module.name not in ('plugin', '__main__'):",
            "        importlib.import_module('seamless_unet.' + module.name)",
        ]
    )
    assert loaded(code, (*WINDOW, "torch")) == ["torch"]


def test_help_loads_nothing_that_takes_long():
    code = "from seamless_unet.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    assert loaded(code, ("numpy", "scipy", "skimage", "tifffile", "safetensors")) == []


def test_public_names_are_what_they_say():
    code = "import seamless_unet as s\nfor n in s.__all__: print(n, getattr(s, n).__name__)"
    names = [line.split() for line in python(code).splitlines()]
    assert len(names) == 12
    assert all(name == own for name, own in names)


def test_functions_are_not_hidden_by_their_modules():
    code = f"""
import importlib, sys
names = {FUNCTIONS}
orders = [(), *((name,) for name in names), names, names[::-1]]
for order in orders:
    for module in [m for m in sys.modules if m.startswith("seamless_unet")]:
        del sys.modules[module]
    for name in order:
        importlib.import_module("seamless_unet." + name)
    from seamless_unet import predict, segment, train, weight_map
    assert all(callable(f) for f in (predict, segment, train, weight_map)), order
    import seamless_unet, seamless_unet.train
    from seamless_unet.train import Step
    assert all(callable(getattr(seamless_unet, name)) for name in names), order
print(len(orders))
"""
    assert python(code) == "7"


def test_an_unknown_name_is_an_attribute_error():
    import seamless_unet

    with pytest.raises(AttributeError, match="'seamless_unet' has no attribute 'nothing'"):
        _ = seamless_unet.nothing
