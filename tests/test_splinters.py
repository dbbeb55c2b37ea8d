import numpy as np
import pytest

from cases import picture
from seamless_unet.link import link_slices
from seamless_unet.runs import find_runs
from seamless_unet.splinters import Splinters


def joined(linked):
    """Return what becomes of linked slices that come one by one."""
    splinters = Splinters()
    done = [runs for ids in linked for runs in splinters.add(find_runs(ids))] + splinters.rest()
    return np.array([runs.painted(*runs.ids) for runs in done])


def test_a_splinter_becomes_a_part_of_what_it_lies_on():
    stack = picture("""
        111111
        111111

        111.22
        111.22

        111111
        111111
    """)
    assert np.unique(joined(stack)).tolist() == [0, 1]
    np.testing.assert_array_equal(joined(stack) > 0, stack > 0)


def test_half_of_a_splinter_lies_on_what_it_joins():
    stack = picture("""
        111111....

        .....22...

        111111....
    """)
    assert np.unique(joined(stack)).tolist() == [0, 1]


@pytest.mark.parametrize(
    "stack",
    [
        # in two slices
        """
        111111

        111.22

        111.22
        """,
        # less than half of it lies on the object
        """
        1111..

        111222

        1111..
        """,
        # more than half as large as that
        """
        1111

        1.22

        1.22
        """,
        # nothing above or below it
        """
        111...

        111.22

        111...
        """,
    ],
    ids=["two slices", "beside", "large", "alone"],
)
def test_what_is_no_splinter_stays_an_object(stack):
    stack = picture(stack)
    np.testing.assert_array_equal(joined(stack), stack)


def test_a_splinter_joins_what_covers_most_of_it_before_or_after():
    stack = picture("""
        11112222

        1113332.

        11222222
    """)
    assert joined(stack)[1].tolist() == [[1, 1, 1, 2, 2, 2, 2, 0]]
    assert joined(stack[::-1])[1].tolist() == [[1, 1, 1, 2, 2, 2, 2, 0]]


def test_the_first_and_the_last_slice_are_looked_at_too():
    stack = picture("""
        111.33

        111111

        22.111
    """)
    assert np.unique(joined(stack)).tolist() == [0, 1]
    assert joined(stack[:1]).tolist() == stack[:1].tolist()
    assert joined(stack[:0]).size == 0


def test_numbers_have_no_holes_where_splinters_were():
    stack = picture("""
        111.22
        ......

        111111
        ......

        111111
        .2.333
    """)
    linked = link_slices(stack, stack=True)
    assert (
        linked.tolist()
        == picture("""
        111.11
        ......

        111111
        ......

        111111
        .2.333
    """).tolist()
    )
    assert link_slices(stack).max() == 4
