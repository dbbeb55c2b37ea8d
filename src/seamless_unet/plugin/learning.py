"""A training that the Train dock shows: how far it is, how it can end, and what to say of it."""

from pathlib import Path

from napari.layers import Image

from seamless_unet.plugin.job import Event
from seamless_unet.plugin.words import left


class Learning:
    """A training under way.

    Parameters
    ----------
    path
        Of the model that is made; it follows the model if that is renamed.
    images
        Layers it learns from and their dimensions, by their number in its request, as far as they
        are open.
    if_stopped
        What to say where it is stopped before there is a model.
    """

    def __init__(self, path: Path, images: dict[int, tuple[Image, str]], if_stopped: str) -> None:
        self.path = path
        self.images = images
        self.if_stopped = if_stopped
        self.has_learned = False  # whether there is something to keep
        self.stopping = False
        self._score = ""

    def scored(self, event: Event) -> None:
        """Take note of a ``validated`` event."""
        self._score = f" Score {event['score']:.2f} of 1."

    def progress(self, event: Event) -> tuple[float, str]:
        """Return how far it is by a ``step`` event, and that in words."""
        return event["fraction"], f"Training{left(event['seconds_left'])}.{self._score}"

    def hangs(self) -> str:
        """Return what to say where it does not stop; from then on it ends without a new model."""
        self.if_stopped = "Stopped at once. What was learned before is kept, to be resumed."
        return "It does not stop yet. Stop once more ends it at once."

    def saved(self, event: Event) -> str:
        """Return what to say of a ``trained`` event."""
        self.path = Path(event["model"])
        score, reached = event["score"], ""
        if score is not None:
            reached = f" It scores {score:.2f} of 1 on annotation held back."
        if event["as_it_began"]:
            reached += (
                " No step was better there than the model it started from, whose weights are kept: "
                "draw more, or train longer."
            )
        return f"Model '{self.path.stem}' is saved and in the Segment dock's list.{reached}"

    def failed(self, event: Event) -> Event:
        """Return the event of an error, which says so where a model was saved before."""
        if not self.path.exists():
            return event
        kept = f" The best model so far is kept as '{self.path.stem}'."
        return {**event, "message": event["message"] + kept}
