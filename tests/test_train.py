import dataclasses
import itertools
import math

import dask.array as da
import numpy as np
import pytest
import torch

from seamless_unet.config import TrainConfig, UNetConfig
from seamless_unet.dataset import make_dataset
from seamless_unet.device import choose_device
from seamless_unet.metrics import evaluate
from seamless_unet.model_file import save_model
from seamless_unet.model_header import ModelInfo
from seamless_unet.predict import predict
from seamless_unet.segment import segment
from seamless_unet.train import Finished, Prepared, Step, Validated, _most_validated, train
from seamless_unet.train_state import TrainState
from seamless_unet.validate import predict_samples, score

SMALL = {"depth": 1, "base_channels": 4, "patch": 32, "batch_size": 2, "learning_rate": 1e-2}


def squares(seed=0, shape=(64, 64)):
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint16)
    corners = itertools.product(*(range(4, n - 10, 14) for n in shape))
    for number, corner in enumerate(corners, 1):
        labels[tuple(slice(c, c + rng.integers(6, 11)) for c in corner)] = number
    return ((labels > 0) * 80 + rng.normal(100, 8, shape)).astype(np.uint16), labels


@pytest.fixture
def pairs():
    return tuple(zip(*(squares(seed) for seed in range(3)), strict=True))


def weights(state):
    return {key: value.cpu() for key, value in state.best_model().network.state_dict().items()}


def assert_same(one, two):
    assert one.keys() == two.keys()
    for key in one:
        assert torch.equal(one[key], two[key]), key


def test_it_learns_to_find_objects(pairs):
    events = list(train(*pairs, TrainConfig.preset(steps=150, **SMALL)))
    assert isinstance(events[0], Prepared)
    assert isinstance(events[-1], Finished)
    steps = [event for event in events if isinstance(event, Step)]
    assert [event.step for event in steps] == list(range(1, 151))
    assert steps[-1].fraction == 1
    validations = [event for event in events if isinstance(event, Validated)]
    assert validations[-1].step == 150
    assert validations[0].best
    model = events[-1].model
    assert model.info.training["score"] == max(event.score for event in validations)
    image, labels = squares(seed=9)
    found = segment(predict(model, image), min_size=model.info.min_size)
    assert evaluate(labels, found).ap50 > 0.8


@pytest.mark.parametrize("mixed", [False, True])
def test_either_precision_learns_float32_weights(pairs, mixed, monkeypatch):
    monkeypatch.setattr("seamless_unet.update.is_mixed", lambda device, ndim: mixed)
    events = train(*pairs, TrainConfig.preset(steps=150, **SMALL))
    state = next(events).state
    *_, finished = events
    assert {value.dtype for value in state.network.parameters()} == {torch.float32}
    assert finished.model.info.training["score"] > 0.8


def test_same_seed_same_model_and_another_seed_another(pairs):
    def trained(seed):
        *_, finished = train(*pairs, TrainConfig.preset(steps=4, seed=seed, **SMALL))
        return finished.model.network.state_dict()

    assert_same(trained(1), trained(1))
    assert any(
        not torch.equal(a, b) for a, b in zip(trained(1).values(), trained(2).values(), strict=True)
    )


@pytest.mark.parametrize("stop", [Step, Validated])
@pytest.mark.parametrize(
    ("preset", "shape"), [("quick", (64, 64)), ("paper", (64, 64)), ("quick", (15, 30, 30))]
)
def test_resuming_gives_the_same_numbers_as_not_having_stopped(preset, shape, stop, tmp_path):
    pairs = list(zip(*(squares(seed, shape) for seed in range(3)), strict=True))
    changes = {**SMALL, "dropout": 0.5, "ndim": len(shape)}
    config = TrainConfig.preset(preset, steps=12, **changes)
    straight = list(train(*pairs, config))
    resumed = []
    path = tmp_path / "half.safetensors"
    for event in train(*pairs, config):
        resumed.append(event)
        if isinstance(event, Prepared):
            state = event.state
        if isinstance(event, stop) and event.step == 5:
            break
    state.save(path)
    del state
    state = TrainState.load(path)
    resumed += itertools.islice(train(*pairs, state=state), 1, None)  # by its own recipe
    numbers = [
        [
            (e.step, e.loss, getattr(e, "score", None))
            for e in events
            if isinstance(e, Step | Validated)
        ]
        for events in (straight, resumed)
    ]
    assert numbers[0] == numbers[1]
    assert_same(straight[-1].model.network.state_dict(), resumed[-1].model.network.state_dict())
    assert_same(straight[0].state.network.state_dict(), state.network.state_dict())


def test_stopping_keeps_the_best_model(pairs):
    events = train(*pairs, TrainConfig.preset(steps=40, **SMALL))
    state = next(events).state
    assert state.best_model().info.training["score"] is None  # usable at any time
    best = None
    for event in events:
        if isinstance(event, Validated) and event.best:
            best = {key: value.cpu().clone() for key, value in state.average.items()}
        if isinstance(event, Validated) and event.step >= 10:
            break
    events.close()
    assert_same(weights(state), best)


def test_a_budget_in_minutes_ends_in_time_and_anneals(pairs):
    events = train(*pairs, TrainConfig.preset(minutes=0.03, **SMALL))
    state = next(events).state
    seen = [(event, state.optimizer.param_groups[0]["lr"]) for event in events]
    rates = [rate for _, rate in seen]
    assert isinstance(seen[-1][0], Finished)
    assert state.elapsed >= 1.8
    assert rates[-1] < max(rates) <= state.config.learning_rate


def test_scribbles_and_classes_learn_too():
    image, labels = squares()
    sparse = np.random.default_rng(0).random(labels.shape) < 0.1
    scribbles = np.where(sparse, 1 + (labels > 0), 0)
    *_, finished = train(
        image, scribbles, TrainConfig.preset(steps=150, annotation="scribbles", **SMALL)
    )
    assert finished.model.info.output == "objects"
    found = predict(finished.model, image)[1] > 0.5
    assert (found == (labels > 0)).mean() > 0.95
    classes = np.where(labels > 0, 5, 3)
    *_, finished = train(
        image, classes, TrainConfig.preset(steps=150, annotation="classes", **SMALL)
    )
    assert finished.model.info.class_values == (3, 5)
    found = predict(finished.model, image).argmax(axis=0)
    assert (found == (labels > 0)).mean() > 0.95


def stroked(labels, values=(2,)):
    """A short stroke in every object, of these values in turn, and some of background."""
    drawn = np.zeros(labels.shape, np.uint8)
    drawn[::7] = labels[::7] == 0
    for number in range(1, labels.max() + 1):
        y, x = np.argwhere(labels == number).mean(axis=0).astype(int)
        drawn[y, x - 2 : x + 3] = values[number % len(values)]
    return drawn


def test_what_is_found_under_strokes_says_how_objects_are_made(pairs, tmp_path):
    images, labels = pairs
    config = TrainConfig.preset(steps=100, annotation="scribbles", start="scratch", **SMALL)
    drawn = [stroked(each) for each in labels]
    *_, finished = train(images, drawn, config)
    chosen = finished.model.info
    assert (chosen.threshold, chosen.seed_threshold) == (0.75, None)
    assert 5 < chosen.min_size < 36  # a stroke has 5 pixels, the smallest square 36
    events = train(images, drawn, config)
    state = next(events).state
    while state.step < 60:
        next(events)
    loaded = TrainState.load(state.save(tmp_path / "c.checkpoint.safetensors"))
    assert loaded.best_model().info.min_size == state.best_model().info.min_size > 5
    *_, again = train(images, drawn, config, state=loaded)
    assert again.model.info.instances == chosen.instances


def test_strokes_of_classes_make_no_objects(pairs):
    images, labels = pairs
    drawn = [stroked(each, values=(2, 3)) for each in labels]
    config = TrainConfig.preset(steps=2, annotation="scribbles", start="scratch", **SMALL)
    *_, finished = train(images, drawn, config)
    info = finished.model.info
    assert (info.output, info.min_size, info.neck) == ("classes", 0, 0)


def test_strokes_in_one_image_and_whole_objects_in_a_part_of_another_are_learned_together():
    (image, labels), (other, objects) = squares(), squares(seed=1)
    strokes = np.where(objects > 0, 2, 1) * (np.random.default_rng(0).random(objects.shape) < 0.1)
    region = np.zeros(labels.shape, bool)
    region[:50] = True
    labels[50:] = 0  # nobody looked there
    *_, finished = train(
        [image, other],
        [labels, strokes],
        TrainConfig.preset(steps=150, **SMALL),
        annotations=["objects", "scribbles"],
        regions=[region, None],
    )
    assert finished.model.info.training["config"]["annotation"] == "objects"
    unseen, truth = squares(seed=9)
    found = segment(predict(finished.model, unseen), **finished.model.info.instances)
    assert evaluate(truth, found).ap50 > 0.8


def test_one_image_may_be_given_with_a_bare_region_and_words(pairs):
    (image, *_), (labels, *_) = pairs
    region = np.zeros(labels.shape, bool)
    region[:50] = True
    bare = {"regions": region, "annotations": "objects", "names": "cells", "axes": "YX"}
    several = {name: [value] for name, value in bare.items()}
    bare, several = (
        next(train(*given, TrainConfig(steps=1), **others)).summary
        for given, others in (((image, labels), bare), (([image], [labels]), several))
    )
    assert bare == several
    assert bare.pairs[0].name == "cells"


def test_lists_and_dask_arrays_are_images_too(pairs):
    image, labels = pairs[0][0], pairs[1][0]

    def step_of(*given):
        events = train(*given, TrainConfig.preset(steps=1, **SMALL))
        return next(event.loss for event in events if isinstance(event, Step))

    expected = step_of(image, labels)
    for given in (
        (da.from_array(image), da.from_array(labels)),
        ([da.from_array(image)], [labels]),
        ([image.tolist()], [labels.tolist()]),
    ):
        assert step_of(*given) == expected


def test_a_recipe_that_is_left_open_goes_on_as_it_began(pairs, tmp_path):
    first = next(train(*pairs, TrainConfig.preset(minutes=5, **SMALL))).state
    model = save_model(first.best_model(), tmp_path / "m.safetensors")
    named = TrainConfig.preset(minutes=5, **SMALL | {"start": str(model)})
    state = next(train(*pairs, named)).state
    going_on = TrainConfig.preset(minutes=5, **SMALL)  # another start
    assert next(train(*pairs, going_on, state=state)).state.config.start == str(model)


def test_an_update_that_fails_has_drawn_nothing(pairs, monkeypatch):
    state = next(train(*pairs, TrainConfig.preset(steps=3, **SMALL))).state
    before = state.rng.bit_generator.state

    def no_memory(*_):
        raise MemoryError

    monkeypatch.setattr("seamless_unet.update.weighted_cross_entropy", no_memory)
    with pytest.raises(MemoryError):
        list(train(*pairs, state.config, state=state))
    assert state.rng.bit_generator.state == before
    assert state.step == 0


def test_on_a_cpu_the_score_is_measured_on_what_the_minutes_allow():
    def most(**budget):
        config = TrainConfig.preset(**budget, **SMALL)
        network = UNetConfig(depth=1, base_channels=2)
        return _most_validated(TrainState.start(config, ModelInfo(network)))

    assert most(steps=5) == 2**24
    assert most(minutes=5) == 2_000_000
    assert most(minutes=0.1) == 400_000
    assert most(minutes=600) == 2**24


def test_what_is_no_recipe_and_no_model_is_said(pairs):
    with pytest.raises(TypeError, match=r"config='quick': give a recipe, such as TrainConfig\.pre"):
        next(train(*pairs, "quick"))
    with pytest.raises(TypeError, match=r"load_model\('nuclei'\)"):
        predict("nuclei", pairs[0][0])


def test_volumes(tmp_path):
    image, labels = squares(shape=(24, 40, 40))
    config = TrainConfig.preset(ndim=3, steps=3, depth=1, base_channels=2, patch=16)
    *_, finished = train(image, labels, config)
    assert finished.model.info.axes == "ZYX"
    assert predict(finished.model, image).shape == (3, 24, 40, 40)  # background, rim, core


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="needs oneDNN")
def test_a_step_of_volumes_convolves_in_no_slow_way():
    image, labels = squares(shape=(24, 40, 40))
    config = TrainConfig.preset(ndim=3, steps=1, base_channels=2)
    events = train(image, labels, config, device="cpu")
    cpu = [torch.profiler.ProfilerActivity.CPU]
    while True:  # validations are no steps
        with torch.profiler.profile(activities=cpu, record_shapes=True) as profiled:
            event = next(events)
        if isinstance(event, Step):
            break
    kernels = {"aten::mkldnn_convolution": set(), "aten::slow_conv3d_forward": set()}
    for called in profiled.key_averages(group_by_input_shape=True):
        if called.key in kernels:
            kernels[called.key].add(called.input_shapes[1][-1])
    assert 3 in kernels["aten::mkldnn_convolution"]
    assert 3 not in kernels["aten::slow_conv3d_forward"]


def test_the_model_remembers_what_it_was_trained_on(pairs):
    config = TrainConfig.preset(steps=1, **SMALL)
    *_, finished = train(*pairs, config, names=["a", "b", "c"], pixel_size={"Y": 0.5, "X": 0.5})
    info = finished.model.info
    assert info.pixel_size == {"Y": 0.5, "X": 0.5}
    assert info.training["config"] == config.to_json()
    assert info.training["data"]["images"] == 3
    assert info.training["steps"] == 1
    assert 0 < info.min_size < 36


def test_a_checkpoint_of_another_network_is_refused(pairs):
    state = next(train(*pairs, TrainConfig.preset(steps=1, **SMALL))).state
    wider = TrainConfig.preset(steps=1, **{**SMALL, "base_channels": 8})
    with pytest.raises(ValueError, match=r"other settings \(base_channels\)"):
        next(train(*pairs, wider, state=state))
    colored = [np.stack([image, image]) for image in pairs[0]]
    with pytest.raises(ValueError, match=r"for 1 channel\(s\) and not 2: choose the same channels"):
        next(train(colored, pairs[1], state.config, state=state, axes="CYX"))


def test_a_checkpoint_does_not_go_on_with_another_channel_or_other_dimensions():
    images, labels = (np.stack(each) for each in zip(*map(squares, range(12)), strict=True))
    config = TrainConfig.preset(steps=1, **SMALL, start="scratch")
    state = next(train(images, labels, config, axes="SYX")).state
    assert next(train(images, labels, config, axes="SYX", state=state)).state is state
    for other, axes in ((images**2, "SYX"), (images, "ZYX"), (images, "TYX")):
        with pytest.raises(ValueError, match="or with other dimensions or channels of them"):
            next(train(other, labels, config, axes=axes, state=state))
    both = np.stack([images, images**2], axis=1)
    state = next(train(both, labels, config, axes="SCYX")).state
    with pytest.raises(ValueError, match="or with other dimensions or channels of them"):
        next(train(both[:, ::-1], labels, config, axes="SCYX", state=state))


def test_the_image_with_a_bad_pixel_is_named(pairs):
    images, labels = [image.astype(float) for image in pairs[0]], pairs[1]
    images[1][3, 4] = np.nan
    with pytest.raises(ValueError, match=r"b: the image has 1 pixel.s. that are NaN"):
        next(train(images, labels, TrainConfig.preset(steps=1, **SMALL), names=["a", "b", "c"]))


def test_resuming_refuses_other_settings_and_goes_on_with_a_larger_budget(pairs):
    config = TrainConfig.preset(steps=2, **SMALL)
    events = train(*pairs, config, pixel_size={"Y": 0.5, "X": 0.5})
    state = next(events).state
    list(events)
    other = TrainConfig(**{**config.to_json(), "seed": 5})
    with pytest.raises(ValueError, match=r"other settings \(seed\): take the same"):
        next(train(*pairs, other, state=state))
    prepared, finished = train(*pairs, config, state=state)
    assert (prepared.state.step, finished.reason) == (2, "used up")
    assert prepared.state.info.pixel_size == {"Y": 0.5, "X": 0.5}  # as it was
    more = TrainConfig(**{**config.to_json(), "steps": 3, "start": "auto"})
    assert [e.step for e in train(*pairs, more, state=state) if isinstance(e, Step)] == [3]


def test_divergence_is_an_error_that_says_what_to_do(pairs):
    config = TrainConfig.preset("paper", steps=50, **{**SMALL, "learning_rate": 1e12})
    with pytest.raises(FloatingPointError, match=r"diverged at step .* Lower the learning rate"):
        list(train(*pairs, config))


def test_the_first_loss_is_that_of_ignorance(pairs):
    config = TrainConfig.preset(steps=1, **{**SMALL, "border_weight": 0, "base_channels": 16})
    loss = next(e.loss for e in train(*pairs, config) if isinstance(e, Step))
    assert 0.2 * math.log(2) < loss < 5 * math.log(2)


def test_an_unknown_device_is_refused_in_words():
    assert choose_device("cpu") == "cpu"
    with pytest.raises(ValueError, match="device 'abacus' is not available here"):
        choose_device("abacus")


@pytest.mark.parametrize("annotation", ["classes", "scribbles"])
def test_a_checkpoint_does_not_go_on_with_another_class(annotation):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (40, 40)) + (annotation == "scribbles")
    image = labels * 50.0
    config = TrainConfig.preset(steps=1, annotation=annotation, **SMALL)
    state = next(train(image, labels, config)).state
    more = labels.copy()
    more[::4] = labels.max() + 1
    with pytest.raises(ValueError, match=r"another network|other settings"):
        next(train(image, more, config, state=state))


def test_settings_are_chosen_with_the_best_weights_and_survive_a_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr("seamless_unet.calibrate._LEAST_OBJECTS", 20)
    many = tuple(zip(*(squares(seed, shape=(100, 100)) for seed in range(3)), strict=True))
    config = TrainConfig.preset(steps=60, **SMALL | {"validation": 0.5})
    *_, finished = train(*many, config)
    info = finished.model.info
    dataset = make_dataset(*many, config)
    predicted = predict_samples(finished.model.network, info, dataset.validation)
    assert score(info, predicted) == pytest.approx(info.training["score"], abs=1e-6)
    untouched = dataclasses.replace(info, threshold=0.5, seed_threshold=0.5)
    assert score(untouched, predicted) <= score(info, predicted)
    events = train(*many, config)
    state = next(events).state
    while state.step < 45:
        next(events)
    chosen = state.best_model().info.instances
    loaded = TrainState.load(state.save(tmp_path / "c.checkpoint.safetensors"))
    assert loaded.best_model().info.instances == chosen
    resumed = train(*many, config, state=loaded)
    next(resumed)
    assert loaded.best_model().info.instances == chosen
    *_, again = resumed
    assert again.model.info.instances == info.instances
    assert again.model.info.training["score"] == info.training["score"]
