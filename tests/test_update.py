import pytest
import torch

from seamless_unet.update import is_mixed


@pytest.mark.parametrize(
    ("capabilities", "mixed"),
    [
        ({"cpu_name": "Intel(R) Xeon(R)", "amx_bf16": True, "avx512_bf16": True}, True),
        ({"cpu_name": "Intel(R) Xeon(R)", "amx_bf16": False, "avx512_bf16": True}, False),
        ({"cpu_name": "AMD EPYC", "amx_bf16": False, "avx512_bf16": True}, True),
        ({"cpu_name": "AMD EPYC", "amx_bf16": False, "avx512_bf16": False}, False),
        ({}, False),
    ],
)
def test_bfloat16_where_a_processor_multiplies_it_faster(capabilities, mixed, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    cpu = torch.device("cpu")
    assert is_mixed(cpu, 2) is mixed
    assert not is_mixed(cpu, 3)


def test_a_torch_that_cannot_tell_computes_in_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not is_mixed(torch.device("cpu"), 2)
