import json
import queue
import shutil
import sys

import pytest

from seamless_unet.plugin.child import Child

LINES = '{"event": "a"}\n{"eve'


@pytest.fixture
def started(tmp_path):
    """Return a child and the queue of what it says."""
    child, events = Child(tmp_path / "folder"), queue.Queue()
    child.listen(lambda source, event: events.put((source, event)))
    yield child, events
    child.kill()


def test_messages_go_in_and_events_come_out(started):
    child, events = started
    child.write(json.dumps({"request": "segment", "id": 3, "model": "nowhere"}))
    heard = [events.get(timeout=60) for _ in range(2)]
    assert [source for source, _ in heard] == [child, child]
    running, error = (event for _, event in heard)
    assert running == {"id": 3, "event": "running"}
    assert (error["id"], error["event"], error["last"]) == (3, "error", True)


def test_its_end_is_the_last_event_and_writing_then_does_no_harm(started):
    child, events = started
    child.process.kill()
    source, event = events.get(timeout=60)
    assert source is child
    assert (event["event"], event["status"]) == ("exited", child.process.wait())
    child.write("anybody there?")
    child.kill()
    assert events.empty()


def test_nothing_comes_from_one_that_was_ended(started):
    child, events = started
    child.kill()
    assert events.get_nowait()[1]["event"] == "exited"


def test_its_last_words_are_short(started, tmp_path):
    child, _ = started
    (tmp_path / "folder" / "log.txt").write_bytes(b"\xff" * 5000 + b"the end")
    words = child.last_words()
    assert len(words) == 2000
    assert words.endswith("the end")


def test_a_line_that_it_could_not_end_is_no_event_and_a_log_that_is_gone_no_error(tmp_path):
    command = f"import sys; sys.stdout.write({LINES!r})"
    events = queue.Queue()
    child = Child(tmp_path / "folder", [sys.executable, "-c", command])
    child.listen(lambda _, event: events.put(event["event"]))
    assert [events.get(timeout=60) for _ in range(2)] == ["a", "exited"]
    shutil.rmtree(tmp_path / "folder")
    assert child.last_words() == ""
    child.kill()
