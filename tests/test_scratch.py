import numpy as np

from seamless_unet import scratch
from seamless_unet.scratch import is_in_memory, scratch_array


def test_what_is_large_is_in_a_file(monkeypatch):
    monkeypatch.setattr(scratch, "_IN_MEMORY", 24)
    small, large = (scratch_array((2, n), np.float32) for n in (3, 4))
    assert (type(small), type(large)) == (np.ndarray, np.memmap)
    for array in (small, large):
        assert array.dtype == np.float32
        assert not array.any()
    large[1, 3] = 7
    assert large.tolist() == [[0, 0, 0, 0], [0, 0, 0, 7]]
    assert [is_in_memory(size) for size in (24, 25)] == [True, False]
