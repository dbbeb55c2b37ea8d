import math

import pytest
import torch

from seamless_unet.loss import weighted_cross_entropy


def test_against_eq_1_written_out():
    logits = torch.tensor([[[[2.0, 0.0]], [[0.0, 1.0]]]])  # (1, 2, 1, 2)
    target = torch.tensor([[[0, 0]]])
    weight = torch.tensor([[[3.0, 0.5]]])
    first = -math.log(math.exp(2) / (math.exp(2) + 1))
    second = -math.log(1 / (1 + math.exp(1)))
    expected = (3 * first + 0.5 * second) / 2
    assert weighted_cross_entropy(logits, target, weight).item() == pytest.approx(expected)


def test_a_single_sigmoid_output_is_the_two_class_softmax():
    logit = torch.randn(2, 1, 4, 5)
    two = torch.cat([torch.zeros_like(logit), logit], dim=1)
    target = torch.randint(0, 2, (2, 4, 5))
    weight = torch.rand(2, 4, 5)
    one_output = weighted_cross_entropy(logit, target, weight)
    torch.testing.assert_close(one_output, weighted_cross_entropy(two, target, weight))


def test_any_class_but_the_background_may_be_right():
    logits = torch.tensor([[[[0.5]], [[2.0]], [[-1.0]]]], requires_grad=True)
    either = weighted_cross_entropy(logits, torch.tensor([[[3]]]), torch.ones(1, 1, 1))
    foreground = 1 - torch.softmax(logits, 1)[0, 0, 0, 0]
    assert either.item() == pytest.approx(-math.log(foreground.item()))
    background = weighted_cross_entropy(logits, torch.tensor([[[0]]]), torch.ones(1, 1, 1))
    assert background.item() == pytest.approx(-math.log(1 - foreground.item()))


def test_pixels_without_weight_have_exactly_no_gradient():
    logits = torch.randn(1, 3, 6, 6, requires_grad=True)
    weight = torch.rand(1, 6, 6)
    weight[:, 2:4] = 0
    weighted_cross_entropy(logits, torch.zeros(1, 6, 6, dtype=torch.int64), weight).backward()
    assert (logits.grad[:, :, 2:4] == 0).all()
    assert (logits.grad[:, :, :2] != 0).all()


def test_an_infinite_loss_without_weight_does_not_spread():
    logits = torch.tensor([[[[math.inf, 1.0]], [[0.0, 0.0]]]])
    weight = torch.tensor([[[0.0, 1.0]]])
    loss = weighted_cross_entropy(logits, torch.tensor([[[1, 0]]]), weight)
    assert math.isfinite(loss.item())


def test_nothing_annotated_is_zero():
    assert (
        weighted_cross_entropy(
            torch.randn(1, 2, 3, 3), torch.zeros(1, 3, 3, dtype=torch.int64), torch.zeros(1, 3, 3)
        ).item()
        == 0
    )
