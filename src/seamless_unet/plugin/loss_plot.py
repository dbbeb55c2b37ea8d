"""The plot of a training: the loss, and the score on annotation that was held back."""

import math
from collections.abc import Mapping, Sequence

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

_LOSS, _SCORE = QColor("#4aa3df"), QColor("#f0a13c")
_SMOOTHING = 0.9  # of the line that is drawn over the noisy one
_MOST_POINTS = 1000
Point = tuple[float, float]


class LossPlot(QWidget):
    """Loss (left scale) and score (right scale, 0 to 1) over the steps of a training."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.clear()
        self.setMinimumSize(240, 130)
        self.setMaximumHeight(280)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding)
        self.setToolTip(
            "Blue: how wrong the model still is on what it learns from (the loss); it falls.\n"
            "Orange: how well it does on annotation held back from learning; 1 is perfect."
        )

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return Qt's preferred size."""
        return QSize(300, 170)

    def clear(self) -> None:
        """Forget all points."""
        self.losses: list[Point] = []  # (step, loss)
        self.scores: list[Point] = []  # (step, score)
        self._steps_per_point = 1  # doubled whenever there are too many points
        self._pending: list[Point] = []  # the beginning of the next point
        self.update()

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
        self.update()

    def add_score(self, step: int, score: float) -> None:
        """Add a point to the score; what is not a number cannot be drawn."""
        if not math.isfinite(score):
            return
        self.scores.append((step, score))
        self.update()

    def show_history(self, history: Sequence[Mapping[str, float]]) -> None:
        """Show a training of the past, as a model has it in its ``training["history"]``."""
        for entry in history:
            if "loss" in entry:
                self.add_loss(int(entry["step"]), entry["loss"])
            if "score" in entry:
                self.add_score(int(entry["step"]), entry["score"])

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
        area = QRectF(self.rect()).adjusted(digits, line + 6, -digits, -line - 4)
        painter.setPen(QPen(QColor(grey.red(), grey.green(), grey.blue(), 90)))
        painter.drawRect(area)
        if not self.losses:
            painter.setPen(grey)
            painter.drawText(
                area, Qt.AlignmentFlag.AlignCenter, "The learning curve\nappears here."
            )
            return
        last = max(point[0] for point in (*self.losses, *self.scores)) or 1
        top = _ceiling([loss for _, loss in self.losses])
        self._draw_scales(painter, area, grey, last, top)
        painter.setClipRect(area.adjusted(-4, -4, 4, 4))
        faint = QColor(_LOSS)
        faint.setAlpha(70)
        for points, color in ((self.losses, faint), (_smooth(self.losses), _LOSS)):
            painter.setPen(QPen(color, 1.5))
            painter.drawPolyline(QPolygonF(_placed(points, area, last, top)))
        placed = _placed(self.scores, area, last, 1.0)
        painter.setPen(QPen(_SCORE, 1.5))
        painter.drawPolyline(QPolygonF(placed))
        painter.setBrush(_SCORE)
        for point in placed:
            painter.drawEllipse(point, 2.5, 2.5)

    def _draw_scales(
        self, painter: QPainter, area: QRectF, grey: QColor, last: float, top: float
    ) -> None:
        left, right = Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignLeft
        height = painter.fontMetrics().height()
        for fraction in (0.0, 1.0):
            y = area.bottom() - fraction * area.height() - height * (1 - fraction)
            painter.setPen(_LOSS)
            painter.drawText(QRectF(0, y, area.left() - 4, height), left, f"{fraction * top:.2g}")
            painter.setPen(_SCORE)
            margin = QRectF(area.right() + 4, y, self.width() - area.right() - 4, height)
            painter.drawText(margin, right, f"{fraction:.0f}")
        above = QRectF(area.left(), 0, area.width(), height + 4)
        score = f"score {self.scores[-1][1]:.2f}" if self.scores else "score"
        painter.drawText(above, left, score)
        painter.setPen(_LOSS)
        painter.drawText(above, right, f"loss {_smooth(self.losses)[-1][1]:.2f}")
        painter.setPen(grey)
        below = QRectF(area.left(), area.bottom() + 2, area.width(), height + 2)
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, f"{last:.0f} steps")


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
    top = 1.05 * sorted(losses)[int(0.99 * (len(losses) - 1))]
    return top if top > 0 else 1.0


def _middle(points: Sequence[Point]) -> Point:
    steps, values = zip(*points, strict=True)
    return sum(steps) / len(points), sum(values) / len(points)
