import pytest
import torch

from seamless_unet.device import is_mixed, memory_format


@pytest.mark.parametrize(
    ("capabilities", "mixed", "mixed_3d"),
    [
        ({"cpu_name": "Intel(R) Xeon(R)", "amx_bf16": True, "avx512_bf16": True}, True, False),
        ({"cpu_name": "Intel(R) Xeon(R)", "amx_bf16": False, "avx512_bf16": True}, False, False),
        ({"cpu_name": "AMD EPYC", "amx_bf16": False, "avx512_bf16": True}, True, True),
        ({"cpu_name": "AMD EPYC", "amx_bf16": False, "avx512_bf16": False}, False, False),
        ({}, False, False),
    ],
)
def test_bfloat16_where_a_processor_multiplies_it_faster(
    capabilities, mixed, mixed_3d, monkeypatch
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    cpu = torch.device("cpu")
    assert (is_mixed(cpu, 2), is_mixed(cpu, 3)) == (mixed, mixed_3d)


def test_a_torch_that_cannot_tell_computes_in_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not is_mixed(torch.device("cpu"), 2)


@pytest.mark.parametrize(
    ("capability", "layout"),
    [("AVX2", torch.contiguous_format), ("AVX512", torch.channels_last)],
)
def test_channels_come_last_where_that_is_faster(capability, layout, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert memory_format(torch.device("cpu"), 2) == layout
    assert memory_format(torch.device("cuda"), 2) == torch.channels_last
    assert memory_format(torch.device("cpu"), 3) == torch.channels_last_3d
    assert memory_format(torch.device("cuda"), 3) == torch.contiguous_format
