"""What the command line understands."""

import pytest

from seamless_unet import options
from terminal import fails


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GB", 2 * 10**9), ("500MB", 5 * 10**8), ("1.5 gb", 15 * 10**8), ("64kb", 64_000)],
)
def test_a_memory_budget_becomes_bytes(text, size):
    args = options.parser().parse_args(["segment", "a.tif", "--output", "b", "--memory", text])
    assert args.memory == size


@pytest.mark.parametrize("text", ["4", "0GB", "much", "-1GB", "9" * 400 + "GB", "", "nanGB"])
def test_a_memory_budget_that_is_none_is_wrong_usage(capsys, text):
    message = fails(capsys, "segment", "a.tif", "--output", "b", f"--memory={text}", status=2)
    assert f"argument --memory: {text!r} is not a size: give one such as 500MB or 2GB" in message


def test_the_memory_is_up_to_the_program_where_nothing_is_said():
    assert options.parser().parse_args(["segment", "a.tif", "--output", "b"]).memory is None
