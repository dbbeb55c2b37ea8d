"""What is known about drawn labels before a training: shown under the form while one draws."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from weakref import WeakMethod

from napari.layers import Labels, Layer
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from seamless_unet.plugin import layers
from seamless_unet.plugin.job import Event, Job
from seamless_unet.plugin.layer_pair import LayerPair
from seamless_unet.plugin.words import words
from seamless_unet.plugin.worker import Worker

Described = tuple[Event, dict[str, Any]]  # a request and its arrays
_SETTLED = 500  # milliseconds without a change, after which the labels are looked at
_MOST_PIXELS = 2**22  # of all labels together, to be looked at without being asked


class AnnotationCheck(QObject):
    """Words about what a training would learn from, and advice; ``widget`` is where they are.

    Parameters
    ----------
    worker
        Whose child process looks at the labels.
    pairs
        A method of the form, which may be gone: it returns what is going to be learned from; or
        ``None`` if this is no time to check it. It raises a ValueError or OSError with words if
        something is missing, which is no news for somebody who is about to choose it.
    describe
        A method of the form: it returns the request for a check of pairs, and raises likewise. It
        may take a while.
    drawn_on
        A method of the form: it returns the Labels and Shapes layers whose changes matter.
    """

    def __init__(
        self,
        worker: Worker,
        pairs: WeakMethod[Callable[[], list[LayerPair] | None]],
        describe: WeakMethod[Callable[[list[LayerPair]], Described]],
        drawn_on: WeakMethod[Callable[[], list[Layer]]],
    ) -> None:
        super().__init__()
        self.worker = worker
        self.widget, self.text = QWidget(), words()
        self.button = QPushButton("Check the annotation")
        self.button.setToolTip("Count what is drawn, and look for what would spoil the training.")
        self.button.clicked.connect(self._clicked)
        self.button.hide()
        column = QVBoxLayout(self.widget)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.button)
        column.addWidget(self.text)
        self._pairs, self._describe, self._drawn_on = pairs, describe, drawn_on
        self._job: Job | None = None
        self._remarks: list[dict[str, str]] = []  # what only the window knows, as problems
        self._followed: list[Layer] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLED)
        self._timer.timeout.connect(lambda: self.look(asked=False))

    def soon(self, *_: Any) -> None:
        """Look at the labels once nothing has changed for a moment."""
        self._timer.start()

    def look(self, *, asked: bool = True) -> None:
        """Look at the labels now; many are looked at only if the user ``asked`` for it."""
        self._timer.stop()
        pairs, describe, drawn_on = self._pairs(), self._describe(), self._drawn_on()
        if pairs is None or describe is None or drawn_on is None:
            return
        self._follow(drawn_on())
        try:
            self._check(pairs(), describe, asked=asked)
        except (ValueError, OSError) as error:
            self.button.hide()
            self.text.setText(str(error) if asked else "")

    def _check(
        self,
        pairs: list[LayerPair] | None,
        describe: Callable[[list[LayerPair]], Described],
        *,
        asked: bool,
    ) -> None:
        self.button.setEnabled(pairs is not None)
        if pairs is None:
            return
        pixels = sum(math.prod(layers.full_data(pair.labels).shape) for pair in pairs)
        self.button.setVisible(pixels > _MOST_PIXELS)
        if not asked and pixels > _MOST_PIXELS:
            self.text.clear()
        elif self._job is not None and not self._job.done:
            self.soon()  # one at a time
        else:
            on_event = partial(_call, WeakMethod(self._show))
            if asked:
                self.text.setText("Looking at the labels ...")
            self._remarks = [_apart(pair) for pair in pairs if _lies_apart(pair)]
            self._job = self.worker.submit(*describe(pairs), on_event=on_event)

    def end(self) -> None:
        """Follow no layer any more, and say no more: the widget may be gone."""
        if self._job is not None:
            self._job.on_event = lambda event: None
        self._follow([])
        self._timer.stop()

    def _follow(self, drawn_on: list[Layer]) -> None:
        if drawn_on == self._followed:
            return
        for layer in self._followed:
            for event in _changes(layer):
                event.disconnect(self.soon)
        self._followed = drawn_on
        for layer in self._followed:
            for event in _changes(layer):
                event.connect(self.soon)

    def _clicked(self) -> None:
        self.look()

    def _show(self, event: Event) -> None:
        match event["event"]:
            case "checked":
                self.text.setText(in_words(event["text"], [*event["problems"], *self._remarks]))
            case "error" | "crashed":
                self.text.setText(event["message"])


def _lies_apart(pair: LayerPair) -> bool:
    image = layers.placement(pair.image, pair.axes)
    labels = {name: getattr(pair.labels, name) for name in ("units", "scale", "translate")}
    return layers.are_apart(image, labels)


def _apart(pair: LayerPair) -> dict[str, str]:
    return {
        "what": f"'{pair.labels.name}' lies in another place than '{pair.image.name}'.",
        "advice": "It is learned as if it lay on it: choose the labels of this image.",
    }


def _changes(layer: Layer) -> list[Any]:
    """Return the events of a layer that is drawn on."""
    painted = [layer.events.labels_update] if isinstance(layer, Labels) else []
    return [layer.events.data, *painted]


def _call(method: WeakMethod[Callable[[Event], None]], event: Event) -> None:
    """Pass an event on, unless the form is gone: a check must not keep it, nor ends with it."""
    if (show := method()) is not None:
        show(event)


def in_words(text: str, problems: Sequence[dict[str, str]]) -> str:
    """Return what a ``checked`` or ``prepared`` event says, its problems as bullets.

    >>> print(in_words("1 object.", [{"what": "Only one cell.", "advice": "Draw more."}]))
    1 object.
    • Only one cell. Draw more.
    """
    bullets = [f"• {problem['what']} {problem['advice']}" for problem in problems]
    return "\n".join([text, *bullets])
