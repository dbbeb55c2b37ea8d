from seamless_unet.plugin.resizing import comparison, known_sizes, worth_doing, worth_saying

MODEL = {"Y": 0.5, "X": 0.5}


def square(size):
    return {"Y": size, "X": size}


def test_small_differences_do_not_matter():
    assert not worth_saying(square(0.52), MODEL, "YX")
    assert worth_saying(square(0.53), MODEL, "YX")
    assert not worth_doing(square(0.57), MODEL, "YX")
    assert worth_doing(square(0.58), MODEL, "YX")
    assert worth_doing(square(0.43), MODEL, "YX")
    assert worth_doing({"Y": 0.5, "X": 0.58}, MODEL, "YX")


def test_depth_matters_to_models_of_volumes_only():
    image, model = {"Z": 3, **MODEL}, {"Z": 1, **MODEL}
    assert worth_doing(image, model, "ZYX")
    assert not worth_saying(image, model, "YX")
    assert not worth_saying({"Z": 3, **MODEL}, MODEL, "ZYX")


def test_what_is_unknown_does_not_differ():
    assert not worth_saying({}, MODEL, "YX")
    assert not worth_saying(square(9), {}, "YX")
    assert not worth_saying({"Z": 1, "X": 9}, MODEL, "YX")  # an image cannot be resized by half


def test_in_words():
    assert comparison({"Y": 0.5, "X": 0.25}, MODEL, "YX") == "x 0.25 → 0.5 µm, y 0.5 → 0.5 µm"
    assert comparison(square(1.23456), MODEL, "YX") == "1.23 → 0.5 µm"
    assert known_sizes(square(0.25), MODEL, "YX") == "0.25 µm; the model expects 0.5 µm"
    assert known_sizes({"Z": 2, **MODEL}, {}, "ZYX") == "2 µm x 0.5 µm"
    assert known_sizes({}, {}, "YX") == "unknown"
