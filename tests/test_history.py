from seamless_unet.history import best_step, recorded


def test_the_losses_of_a_long_training_are_thinned_out(monkeypatch):
    monkeypatch.setattr("seamless_unet.history._ALL_LOSSES", 10)
    history, kept = [], {}
    for step in range(1, 101):
        history = recorded(history, step, step / 7)
        if step in (7, 50):
            history.append({"step": step, "score": 0.5})
        kept[step] = [e["step"] for e in history if "loss" in e]
    assert kept[19] == list(range(1, 20))
    assert kept[20] == list(range(2, 21, 2))
    assert kept[39] == list(range(2, 39, 2))
    assert kept[100] == list(range(8, 101, 8))
    assert all(event["loss"] == event["step"] / 7 for event in history if "loss" in event)
    assert [event["step"] for event in history if "score" in event] == [7, 50]


def test_the_best_step_has_the_highest_score_and_of_equals_the_lowest_loss():
    def scored(step, score, loss):
        return {"step": step, "score": score, "validation_loss": loss}

    assert best_step([{"step": 1, "loss": 0.5}]) is None
    assert best_step([scored(0, 0.5, 1), scored(5, 0.4, 0.1), {"step": 6, "loss": 9}]) == 0
    assert best_step([scored(0, 0.5, 1), scored(5, 0.5, 0.9), scored(9, 0.5, 0.9)]) == 5
