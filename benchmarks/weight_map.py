"""How long does the border weight map take, against one distance transform? One line of JSON.

The two are interleaved; medians of five::

    python benchmarks/weight_map.py [--size 2048] [--objects 1000]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import numpy as np
from scipy import ndimage as ndi

from seamless_unet.weight_map import weight_map


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--objects", type=int, default=1000)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    seeds = np.zeros((arguments.size,) * 2, np.int32)
    places = rng.choice(seeds.size, arguments.objects, replace=False)
    seeds.flat[places] = np.arange(1, arguments.objects + 1)
    distance, (y, x) = ndi.distance_transform_edt(seeds == 0, return_indices=True)
    labels = np.where(distance < 0.35 * arguments.size / arguments.objects**0.5, seeds[y, x], 0)
    seconds: dict[str, list[float]] = {"weight_map": [], "distance_transform": []}
    for _ in range(5):
        for name, compute in (
            ("weight_map", lambda: weight_map(labels)),
            ("distance_transform", lambda: ndi.distance_transform_edt(labels == 0)),
        ):
            began = time.perf_counter()
            compute()
            seconds[name].append(time.perf_counter() - began)
    medians = {name: round(statistics.median(times), 3) for name, times in seconds.items()}
    ratio = round(medians["weight_map"] / medians["distance_transform"], 1)
    about = {"size": arguments.size, "objects": arguments.objects}
    print(json.dumps({**about, "seconds": medians, "ratio": ratio}))


if __name__ == "__main__":
    main()
