import dataclasses

import numpy as np
import pytest
import torch

from seamless_unet.config import TrainConfig, UNetConfig
from seamless_unet.dataset import make_dataset
from seamless_unet.model_file import Model
from seamless_unet.model_header import ModelInfo
from seamless_unet.transfer import contrasts, seen_in_channels
from seamless_unet.unet import UNet


def samples(*channels):
    labels = np.zeros((20, 20), np.int32)
    labels[5:15, 5:15] = 1
    image = np.stack([np.where(labels, inside, outside) for inside, outside in channels])
    recipe = TrainConfig.preset(steps=1, rim=0)
    made = make_dataset([image.astype(np.float32)], [labels], recipe, axes="CYX")
    return [
        dataclasses.replace(s, image=image.astype(np.float32))  # not normalized
        for s in (*made.training, *made.validation)
    ]


def test_contrasts_are_how_much_brighter_objects_are():
    assert contrasts(samples((0.9, 0.3))) == pytest.approx([1])
    assert contrasts(samples((0.1, 0.3))) == pytest.approx([-1])
    assert contrasts(samples((0.8, 0.2), (0.3, 0.6), (0.4, 0.3))) == pytest.approx([0.6, -0.3, 0.1])


def test_where_nothing_tells_them_apart_all_channels_count_alike():
    assert contrasts(samples((0.5, 0.5))).tolist() == [1]
    assert contrasts(samples((0.5, 0.5), (0.2, 0.2))).tolist() == [0.5, 0.5]
    inside = [s.restricted(s.target > 0) for s in samples((0.9, 0.3), (0.2, 0.4))]
    assert contrasts(inside).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_mix_of_channels_is_what_the_model_sees(ndim, batch_norm):
    torch.manual_seed(0)
    config = UNetConfig(ndim=ndim, depth=1, base_channels=4, batch_norm=batch_norm)
    network = UNet(config).double().eval()
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and "running_var" not in name:
            tensor.normal_()
    model = Model(ModelInfo(network=config), network)
    image = torch.rand(1, 3, *[24] * ndim, dtype=torch.float64)
    red, green, blue = image.split(1, dim=1)
    seen = seen_in_channels(model, np.array([0.5, -0.3, 0.2]))
    expected = network(0.5 * red + 0.3 * (1 - green) + 0.2 * blue)
    torch.testing.assert_close(seen.network(image), expected)
    assert seen.info.network.in_channels == seen.network.config.in_channels == 3
    assert not seen.network.training
    assert seen_in_channels(model, np.array([1.0])) is model
