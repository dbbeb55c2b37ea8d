"""The plot of a training: the loss, and the score on annotation that was held back."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from seamless_unet.plugin.redraw import Redraw

_LOSS, _SCORE = QColor("#4aa3df"), QColor("#f0a13c")
_SMOOTHING = 0.9  # of the line that is drawn over the noisy one
_MOST_POINTS = 1000
_EARLIER = 1 / 3  # of the width is for the trainings before
_FAINT = 70  # out of 255
Point = tuple[float, float]


class LossPlot(QWidget):
    """Loss (left scale) and score (right scale, 0 to 1) over the steps of a training.

    What the model learned in trainings before is at its left, in a scale of its own.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._redraw = Redraw(self)
        self._redraw.due.connect(self.update)
        self.clear()
        self.setMinimumSize(240, 130)
        self.setMaximumHeight(280)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding)
        self.setToolTip(
            "Blue: how wrong the model still is on what it learns from (the loss); it falls.\n"
            "Orange: how well it does on annotation held back from learning; 1 is perfect.\n"
            "At the left of a line: earlier trainings, if it goes on from them."
        )

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return Qt's preferred size."""
        return QSize(300, 170)

    def clear(self) -> None:
        """Forget all points."""
        self.losses: list[Point] = []  # (step, loss)
        self.scores: list[Point] = []  # (step, score)
        self.earlier: list[tuple[list[Point], list[Point], float]] = []  # losses, scores, steps
        self._steps_per_point = 1  # doubled whenever there are too many points
        self._pending: list[Point] = []  # the beginning of the next point
        self._redraw.soon()

    def add_loss(self, step: int, loss: float) -> None:
        """Add a point to the loss; what is not a number cannot be drawn."""
        if not math.isfinite(loss):
            return
        self._pending.append((step, loss))
        if len(self._pending) == self._steps_per_point:
            self.losses.append(_middle(self._pending))
            self._pending.clear()
        if len(self.losses) == _MOST_POINTS:
            pairs = zip(self.losses[::2], self.losses[1::2], strict=True)
            self.losses = [_middle(pair) for pair in pairs]
            self._steps_per_point *= 2
        self._redraw.soon()

    def add_score(self, step: int, score: float) -> None:
        """Add a point to the score; what is not a number cannot be drawn."""
        if not math.isfinite(score):
            return
        self.scores.append((step, score))
        self._redraw.soon()

    def show_history(
        self, history: Sequence[Mapping[str, float]], earlier: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Show a training of the past, and those before it.

        Parameters
        ----------
        history, earlier
            As a model has them in its ``training``.
        """
        for training in earlier:
            losses, scores = _points(training.get("history", ()))
            steps = max([training.get("steps") or 1, *(step for step, _ in (*losses, *scores))])
            self.earlier.append((losses, scores, steps))
        losses, scores = _points(history)
        for step, loss in losses:
            self.add_loss(int(step), loss)
        self.scores += scores
        self._redraw.soon()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Draw everything."""
        painter = QPainter(self)
        try:
            self._draw(painter)
        finally:  # a painter left open takes the whole of napari down
            painter.end()

    def _draw(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        grey = self.palette().windowText().color()
        metrics = painter.fontMetrics()
        line, digits = metrics.height(), metrics.horizontalAdvance("0.00") + 6
        frame = QRectF(self.rect()).adjusted(digits, line + 6, -digits, -line - 4)
        painter.setPen(_faint(grey))
        painter.drawRect(frame)
        area = QRectF(frame)
        area.setLeft(frame.left() + (frame.width() * _EARLIER if self.earlier else 0))
        if not self.losses:
            painter.setPen(grey)
            painter.drawText(
                area, Qt.AlignmentFlag.AlignCenter, "The learning curve\nappears here."
            )
        if not (self.losses or self.earlier):
            return
        last = max((point[0] for point in (*self.losses, *self.scores)), default=0) or 1
        every = [*self.losses, *(point for losses, _, _ in self.earlier for point in losses)]
        top = _ceiling([loss for _, loss in every])
        self._draw_scales(painter, frame, top)
        painter.setPen(grey)
        below = QRectF(area.left(), area.bottom() + 2, area.width(), line + 2)
        if self.losses:
            painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, f"{last:.0f} steps")
        painter.setClipRect(frame.adjusted(-4, -4, 4, 4))
        past = QRectF(frame)
        for losses, scores, steps in self.earlier:
            share = steps / sum(steps for _, _, steps in self.earlier)
            past.setWidth(share * (area.left() - frame.left()))
            self._draw_curves(painter, past, losses, scores, (steps, top))
            painter.setPen(_faint(grey))
            painter.drawLine(past.topRight(), past.bottomRight())
            past.moveLeft(past.right())
        self._draw_curves(painter, area, self.losses, self.scores, (last, top))

    def _draw_curves(
        self,
        painter: QPainter,
        area: QRectF,
        losses: Sequence[Point],
        scores: Sequence[Point],
        scale: Point,
    ) -> None:
        """Draw curves into an area whose upper right corner is ``scale``, a step and a loss."""
        last, top = scale
        loss, score = self._color(_LOSS), self._color(_SCORE)
        for points, pen in ((losses, _faint(loss)), (_smooth(losses), QPen(loss, 1.5))):
            painter.setPen(pen)
            painter.drawPolyline(QPolygonF(_placed(points, area, last, top)))
        placed = _placed(scores, area, last, 1.0)
        painter.setPen(QPen(score, 1.5))
        painter.drawPolyline(QPolygonF(placed))
        painter.setBrush(score)
        for point in placed:
            painter.drawEllipse(point, 2.5, 2.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _color(self, color: QColor) -> QColor:
        """Return a color that can be read on the theme's background."""
        dark = self.palette().windowText().color().lightness() > 127
        return color if dark else color.darker(180)

    def _draw_scales(self, painter: QPainter, area: QRectF, top: float) -> None:
        left, right = Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignLeft
        loss, score = self._color(_LOSS), self._color(_SCORE)
        height = painter.fontMetrics().height()
        for fraction in (0.0, 1.0):
            y = area.bottom() - fraction * area.height() - height * (1 - fraction)
            painter.setPen(loss)
            painter.drawText(QRectF(0, y, area.left() - 4, height), left, f"{fraction * top:.2g}")
            painter.setPen(score)
            margin = QRectF(area.right() + 4, y, self.width() - area.right() - 4, height)
            painter.drawText(margin, right, f"{fraction:.0f}")
        above = QRectF(area.left(), 0, area.width(), height + 4)
        painter.drawText(above, left, f"score {self.scores[-1][1]:.2f}" if self.scores else "score")
        painter.setPen(loss)
        reached = f"loss {_smooth(self.losses)[-1][1]:.2f}" if self.losses else "loss"
        painter.drawText(above, right, reached)


def _points(history: Sequence[Mapping[str, float]]) -> tuple[list[Point], list[Point]]:
    """Return the losses and the scores of a training, but for what cannot be drawn.

    >>> _points([{"step": 1, "loss": 0.5}, {"step": 2, "score": 0.9}])
    ([(1, 0.5)], [(2, 0.9)])
    """
    losses, scores = (
        [
            (event["step"], event[key])
            for event in history
            if math.isfinite(event.get(key, math.nan))
        ]
        for key in ("loss", "score")
    )
    return losses, scores


def _faint(color: QColor) -> QPen:
    return QPen(QColor(color.red(), color.green(), color.blue(), _FAINT), 1.5)


def _placed(points: Sequence[Point], area: QRectF, last: float, top: float) -> list[QPointF]:
    return [
        QPointF(
            area.left() + step / last * area.width(), area.bottom() - value / top * area.height()
        )
        for step, value in points
    ]


def _smooth(points: Sequence[Point]) -> list[Point]:
    """Return the exponential moving average, corrected for its start."""
    smoothed, mean, weight = [], 0.0, 0.0
    for step, value in points:
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * value
        weight = _SMOOTHING * weight + (1 - _SMOOTHING)
        smoothed.append((step, mean / weight))
    return smoothed


def _ceiling(losses: Sequence[float]) -> float:
    """Return the top of the scale: above all but the wildest values."""
    top = 1.05 * sorted(losses)[int(0.99 * (len(losses) - 1))] if losses else 0.0
    return top if top > 0 else 1.0


def _middle(points: Sequence[Point]) -> Point:
    steps, values = zip(*points, strict=True)
    return sum(steps) / len(points), sum(values) / len(points)
