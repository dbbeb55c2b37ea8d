"""Networks whose sums can be rounded in one way only, so that equal means equal in every bit.

How a matrix product rounds depends on the processor, on the library and on the shape of the
matrices, and so on the tiles. Where every sum has two terms at most, there is one way to round it.
"""

import numpy as np
import torch
from torch import nn


@torch.no_grad()
def exact(network: nn.Module, seed: int = 0) -> nn.Module:
    """Return a network in float64, with weights that add two of a convolution's inputs each."""
    rng = np.random.default_rng(seed)
    network = network.double()
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eps = 1e-300  # nothing beside a variance, and torch takes no 0
            for values, choices in (
                (module.running_var, (0.25, 1, 4)),  # powers of four: their roots are exact
                (module.running_mean, (-0.2, 0, 0.1)),
                (module.weight, (1,)),
                (module.bias, (0, 0.1)),
            ):
                values.copy_(torch.from_numpy(rng.choice(choices, values.shape)))
        if isinstance(module, nn.modules.conv._ConvNd):
            module.bias.zero_()
            weight = module.weight.zero_()
            if isinstance(module, nn.modules.conv._ConvTransposeNd):
                # (in, out, kernel): a pixel sees one place of the kernel
                sums = weight.reshape(weight.shape[0], -1).T
            else:
                sums = weight.reshape(weight.shape[0], -1)
            for terms in sums:  # views of the weights
                first, *second = rng.permutation(len(terms))[:2]
                terms[first] = 1
                terms[second] = rng.choice([-0.5, 0.5])
    return network
