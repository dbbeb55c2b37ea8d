import math

import pytest

from seamless_unet.plugin import loss_plot
from seamless_unet.plugin.loss_plot import LossPlot


@pytest.fixture
def plot(qtbot):
    plot = LossPlot()
    qtbot.addWidget(plot)
    plot.resize(320, 180)
    plot.show()
    qtbot.waitExposed(plot)
    return plot


def columns(plot, color):
    """Return for every pixel of about a color, below the words, how far at the right it is."""
    image = plot.grab().toImage()
    places = [(x, y) for x in range(40, image.width()) for y in range(25, image.height())]
    return [x for x, y in places if _is_like(image.pixelColor(x, y), color)]


def count(plot, color):
    image = plot.grab().toImage()
    pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    return sum(_is_like(pixel, color) for pixel in pixels)


def _is_like(pixel, color):
    return abs(pixel.hue() - color.hue()) < 12 and pixel.saturation() > 90


def test_an_empty_plot_says_what_it_is_for(plot):
    assert count(plot, loss_plot._LOSS) == 0
    image = plot.grab().toImage()
    assert len({image.pixel(x, 90) for x in range(image.width())}) > 2  # words in the middle


def test_loss_and_score_are_drawn(plot):
    for step in range(50):
        plot.add_loss(step, math.exp(-step / 10))
    assert count(plot, loss_plot._LOSS) > 50
    without = count(plot, loss_plot._SCORE)
    plot.add_score(25, 0.5)
    plot.add_score(50, 0.9)
    assert count(plot, loss_plot._SCORE) > without + 50
    plot.clear()
    assert count(plot, loss_plot._LOSS) == 0


BEFORE = [
    {"steps": 30, "history": [{"step": 5, "loss": 0.9}, {"step": 20, "score": 0.4}]},
    {"steps": None, "history": [{"step": 8, "loss": 0.5}, {"step": 9, "score": math.nan}]},
]


def test_earlier_trainings_come_one_after_the_other(plot):
    plot.show_history([{"step": 1, "loss": 0.4}, {"step": 2, "score": 0.8}], BEFORE)
    assert plot.earlier == [([(5, 0.9)], [(20, 0.4)], 30), ([(8, 0.5)], [], 8)]
    assert (plot.losses, plot.scores) == ([(1, 0.4)], [(2, 0.8)])
    plot.clear()
    assert plot.earlier == []
    plot.show_history([], [{"steps": 10}])  # of which nothing else is known
    plot.grab()


def test_earlier_trainings_are_at_the_left(plot):
    past = [{"steps": 50, "history": [{"step": n, "loss": 1 / n} for n in range(1, 51)]}]
    plot.show_history([], past)
    early = columns(plot, loss_plot._LOSS)
    assert max(early) < plot.width() / 2
    for step in range(1, 50):
        plot.add_loss(step, 0.5)
    late = columns(plot, loss_plot._LOSS)
    assert min(late) == min(early)
    assert max(late) > plot.width() * 0.8


def test_points_that_come_fast_are_drawn_together(plot, qtbot):
    drawn = []
    plot._redraw.due.connect(lambda: drawn.append(len(plot.losses)))
    qtbot.waitUntil(lambda: not plot._redraw._pause.isActive())
    for step in range(100):
        plot.add_loss(step, 1.0)
    qtbot.waitUntil(lambda: len(drawn) == 2)
    assert drawn == [1, 100]


def test_what_cannot_be_drawn_does_no_harm(plot):
    plot.add_loss(0, math.nan)
    plot.add_loss(0, math.inf)
    plot.add_loss(1, 0.0)
    plot.add_score(0, math.nan)
    assert plot.losses == [(1, 0.0)]
    assert plot.scores == []
    plot.grab()


def test_a_long_training_keeps_few_points(plot):
    for step in range(5000):
        plot.add_loss(step, 1.0)
    assert len(plot.losses) < loss_plot._MOST_POINTS
    assert plot.losses[-1][0] > 4990
    assert plot.losses[0][0] < 20


def test_smooth_is_a_mean_of_what_came_before():
    assert loss_plot._smooth([(0, 2.0), (1, 2.0)]) == [(0, 2.0), (1, pytest.approx(2.0))]
    assert loss_plot._smooth([(0, 1.0), (1, 3.0)])[1][1] == pytest.approx(3.9 / 1.9)


def test_the_scale_leaves_room_and_ignores_the_wildest():
    assert loss_plot._ceiling([2.0]) == pytest.approx(2.1)
    assert loss_plot._ceiling([1.0] * 100 + [50.0]) == pytest.approx(1.05)
    assert loss_plot._ceiling([0.0]) == 1.0
