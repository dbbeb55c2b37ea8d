import os
from collections.abc import Callable

import pytest

# The tests' networks are tiny: threads would only wait for each other. Set before torch is
# imported, and inherited by the workers of `pytest -n` and by every child process.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# napari's own settings: neither those of whoever runs the tests, nor written over them.
os.environ["NAPARI_CONFIG"] = ""


@pytest.fixture
def pixel_model() -> Callable:
    """Return a maker of models that round each grey value of channel 0 to the nearest class.

    So the right result is known without training, and still a whole U-Net computes it.
    """

    def make(*, ndim=2, in_channels=1, classes=2, sharpness=20.0, **info):
        from seamless_unet.config import Normalization, UNetConfig
        from seamless_unet.model_file import Model
        from seamless_unet.model_header import ModelInfo
        from seamless_unet.unet import UNet

        config = UNetConfig(
            ndim=ndim, in_channels=in_channels, classes=classes, depth=1, base_channels=2
        )
        network = UNet(config).eval().requires_grad_(False)
        for parameter in network.parameters():
            parameter.zero_()
        center = (slice(0, 1),) * 2 + (1,) * ndim
        state = network.state_dict()
        for name, weight in state.items():  # pass channel 0 on, through the skip connection
            if name.endswith("weight") and weight.shape[-1] == 3:
                weight[center] = 1.0
        for k in range(classes):  # logit_k = -(grey - k)^2 / 2, but for what all have in common
            state["head.weight"][k, 0] = sharpness * k
            state["head.bias"][k] = -sharpness * k * k / 2
        about = {
            "normalization": Normalization("fixed"),
            "axes": "ZYX"[-ndim:],
            "channels": tuple(f"channel {i + 1}" for i in range(in_channels)),
            "classes": tuple(f"class {k}" for k in range(classes)),
            "class_values": tuple(range(classes)),
        }
        return Model(ModelInfo(network=config, **{**about, **info}), network)

    return make
