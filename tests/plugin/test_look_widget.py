import numpy as np
import pytest
import tifffile
from napari._app_model import get_app_model

from seamless_unet.features import feature_maps
from seamless_unet.model_file import save_model
from seamless_unet.plugin.library import rename
from seamless_unet.plugin.look_features import levels
from seamless_unet.weight_map import separate_touching, weight_map


@pytest.fixture
def stack(viewer):
    """A stack with touching cells, drawn in its second plane."""
    image = np.zeros((3, 64, 72), np.uint8)
    labels = np.zeros((3, 64, 72), np.uint16)
    for number, (y, x) in enumerate([(8, 8), (8, 20), (40, 8), (40, 40)], 1):
        image[1, y : y + 12, x : x + 12] = 200
        labels[1, y : y + 12, x : x + 12] = number
    place = {"scale": (2, 0.5, 0.5), "translate": (10, 3, 4), "units": ("um",) * 3}
    place["axis_labels"] = ("z", "y", "x")
    image = viewer.add_image(image, name="cells", **place)
    labels = viewer.add_labels(labels, name="drawn", **place)
    viewer.dims.set_point(0, 12)
    return image, labels


def test_levels_are_named_in_the_order_of_the_way():
    assert levels(2) == [
        ("down 1: full size, fine detail", 0),
        ("down 2: 1/2 size", 1),
        ("deepest: 1/4 size, widest view", 2),
        ("up 2: 1/2 size", 3),
        ("up 1: full size, decision", 4),
    ]


def test_border_weights_of_the_plane_in_view_then_of_every_plane(viewer, dock, click, ended, stack):
    labels = stack[1]
    panel = dock("Look inside")
    assert panel.labels.value is labels
    assert not panel.image.native.isVisible()
    assert not panel.more.native.isVisible()
    panel.weights.w0.value = 7
    click(panel.start_button)
    expected = weight_map(separate_touching(labels.data[1]), w0=7, sigma=5, class_balance=False)
    assert ended(panel) == f"Done. The largest weight is {expected.max():.1f}."
    weights = viewer.layers[-1]
    assert weights.name == "border weights of drawn"
    np.testing.assert_array_equal(weights.data, expected[np.newaxis])
    np.testing.assert_array_equal(weights.translate, (12, 3, 4))
    np.testing.assert_array_equal(weights.scale, labels.scale)
    assert weights.units == labels.units
    panel.weights.part.value = 2
    click(panel.start_button)
    ended(panel)
    assert [layer.name for layer in viewer.layers] == ["cells", "drawn", "border weights of drawn"]
    assert viewer.layers[-1].data.shape == labels.data.shape
    np.testing.assert_array_equal(viewer.layers[-1].translate, labels.translate)


def test_border_weights_of_a_volume_with_one_pixel_for_all_channels(
    viewer, dock, click, ended, stack
):
    drawn = stack[1].data[:, 8:28, 8:32]
    labels = viewer.add_labels(drawn[:, np.newaxis], name="for all")
    panel = dock("Look inside")
    panel.labels.value = labels
    panel.weights.part.value = 3
    click(panel.start_button)
    assert ended(panel).startswith("Done.")
    expected = weight_map(separate_touching(drawn), w0=10, sigma=5, class_balance=False)
    np.testing.assert_array_equal(viewer.layers[-1].data, expected[:, np.newaxis])


def test_a_renamed_layer_is_kept(viewer, dock, click, ended, stack):
    panel = dock("Look inside")
    for _ in range(2):
        click(panel.start_button)
        ended(panel)
        viewer.layers[-1].name = "mine"
    assert [layer.name for layer in viewer.layers[2:]] == ["mine", "mine [1]"]


def test_a_layer_that_is_removed_is_not_kept(viewer, dock, click, ended, stack):
    panel = dock("Look inside")
    click(panel.start_button)
    ended(panel)
    made = [layer for layers in panel._made.values() for layer, _ in layers]
    assert made
    for layer in made:
        viewer.layers.remove(layer)
    assert not any(panel._made.values())


def test_the_command_of_the_layers_menu(viewer, click, ended, stack):
    viewer.layers.selection.active = stack[1]
    command = "napari-seamless-unet.border_weights"
    get_app_model().commands.execute_command(command).result()
    (panel,) = viewer.window.dock_widgets.values()
    assert ended(panel).startswith("Done.")
    assert viewer.layers[-1].name == "border weights of drawn"


def test_features_lie_over_what_they_show(
    viewer, dock, click, ended, stack, pixel_model, library, monkeypatch
):
    monkeypatch.setattr("seamless_unet.plugin.models.bundled_models", dict)
    model = pixel_model()
    save_model(model, library / "pixels.safetensors")
    image = stack[0]
    image.rotate = 30
    panel = dock("Look inside")
    panel.kind.value = "features"
    panel.image.value = image
    assert panel.more.native.isVisible()
    assert len(panel.features.level.choices) == 3
    panel.features.level.value = 1
    click(panel.start_button)
    assert ended(panel) == "Done: 1 of the 4 maps show something here."
    layer = viewer.layers[-1]
    assert layer.name == "pixels features of cells, deepest"
    expected = feature_maps(model, image.data[1], 1, measured=(0, 1))
    np.testing.assert_array_equal(layer.data, expected.maps[:1, np.newaxis])
    for pixel in [(0, 0), (5, 9), (20, 3)]:
        at = np.array(expected.offset) + expected.scale * np.array(pixel)
        np.testing.assert_allclose(
            layer.data_to_world((0, 0, *pixel))[1:], image.data_to_world((1, *at)), atol=1e-9
        )
    assert viewer.dims.point[0] == 0
    assert layer.metadata["features"] == [0]


def test_a_model_sees_channels_by_their_names(
    viewer, dock, click, ended, pixel_model, library, tmp_path, monkeypatch
):
    monkeypatch.setattr("seamless_unet.plugin.models.bundled_models", dict)
    model = pixel_model(in_channels=2, channels=("DAPI", "GFP"))
    save_model(model, library / "pixels.safetensors")
    path, data = tmp_path / "stained.ome.tif", np.zeros((3, 2, 40, 48), np.float32)
    data[:, 0, 5:30, 8:40], data[1, 1, 10:20, 10:20] = 0.5, 1
    metadata = {"axes": "TCYX", "Channel": {"Name": ["GFP", "DAPI"]}}
    tifffile.imwrite(path, data, metadata=metadata, ome=True)
    viewer.open(path, plugin="napari")
    viewer.dims.set_current_step(0, 1)
    panel = dock("Look inside")
    panel.kind.value = "features"
    panel.features.level.value = 1
    click(panel.start_button)
    assert ended(panel).startswith("Done: 1 of the 4 maps")
    expected = feature_maps(model, data[1, ::-1], 1)
    np.testing.assert_array_equal(viewer.layers[-1].data.squeeze(), expected.maps[0])


def test_examples_are_beside_the_image_and_new_ones_replace_them(viewer, dock, click, ended, stack):
    image = stack[0]
    panel = dock("Look inside")
    panel.status.setText("Done. The largest weight is 9.")
    panel.kind.value = "examples"
    assert panel.status.text() == ""
    panel.image.value = image
    panel.examples.count.value = 2
    drawn = []
    for seed in (0, 0, 1):
        panel.examples.seed.value = seed
        click(panel.start_button)
        assert ended(panel).startswith("Done: right of the image.")
        names = [layer.name for layer in viewer.layers[2:]]
        assert names == [
            "examples of cells",
            "examples of cells: weights",
            "examples of cells: classes",
        ]
        drawn.append(viewer.layers["examples of cells"].data)
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    examples, _, classes = viewer.layers[2:]
    assert examples.extent.world[0][-1] > image.extent.world[1][-1]
    np.testing.assert_array_equal(examples.scale, image.scale[1:])
    assert classes.data.shape == examples.data.shape
    assert classes.data.max() == 2
    assert examples.data[classes.data == 2].mean() > examples.data[classes.data == 0].mean()


def test_examples_of_strokes_show_what_strokes_say(viewer, dock, click, ended):
    strokes = np.zeros((64, 64), np.uint8)
    strokes[4:8, 4:60], strokes[30:34, 4:60] = 1, 2
    viewer.add_image(np.random.default_rng(0).random((64, 64)), name="a")
    viewer.add_labels(strokes)
    panel = dock("Look inside")
    panel.kind.value = "examples"
    panel.examples.annotation.value = "scribbles"
    panel.examples.count.value = 1
    click(panel.start_button)
    assert ended(panel).startswith("Done")
    weights = viewer.layers["examples of a: weights"].data
    assert 0 < np.count_nonzero(weights) < weights.size / 4


def test_the_form_is_as_it_was_left(viewer, dock, click, stack, library, pixel_model, qtbot):
    save_model(pixel_model(), library / "pixels.safetensors")
    panel = dock("Look inside")
    panel.kind.value = "features"
    panel.image.value = stack[0]
    panel.features.model.value = str(library / "pixels.safetensors")
    panel.features.level.value = 2
    panel.weights.sigma.value = 7.5
    panel.examples.turn.value = False
    panel.examples.annotation.value = "classes"
    click(panel.start_button)
    click(panel.stop_button)
    again = type(panel)(viewer)
    qtbot.addWidget(again)
    assert again.kind.value == "features"
    assert again.meaning.text() == panel.features.meaning
    assert again.features.model.value == str(library / "pixels.safetensors")
    assert again.features.level.value == 2
    assert again.weights.sigma.value == 7.5
    assert again.examples.turn.value is False
    assert again.examples.annotation.value == "classes"


def test_what_is_missing_is_said(viewer, dock, click, library, monkeypatch):
    monkeypatch.setattr("seamless_unet.plugin.models.bundled_models", dict)
    panel = dock("Look inside")
    click(panel.start_button)
    assert panel.status.text().startswith("Draw labels first")
    panel.kind.value = "features"
    click(panel.start_button)
    assert panel.status.text().startswith("Open an image first")
    viewer.add_image(np.zeros((20, 30)))
    click(panel.start_button)
    assert panel.status.text().startswith("There is no model to look into")
    viewer.add_labels(np.zeros((20, 31), int))
    panel.kind.value = "examples"
    click(panel.start_button)
    assert "choose the labels that were drawn on this image" in panel.status.text()
    assert panel.job is None


def test_channels_that_do_not_fit(viewer, dock, click, library, pixel_model, monkeypatch):
    monkeypatch.setattr("seamless_unet.plugin.models.bundled_models", dict)
    save_model(pixel_model(), library / "pixels.safetensors")
    viewer.add_image(np.zeros((20, 30, 3), np.uint8), rgb=True)
    panel = dock("Look inside")
    panel.kind.value = "features"
    click(panel.start_button)
    assert "The image has 3 channels but the model takes 1" in panel.status.text()
    assert "then Split Stack or Split RGB" in panel.status.text()
    save_model(pixel_model(in_channels=2), library / "two.safetensors")
    panel.features.model.reset_choices()
    panel.features.model.value = str(library / "two.safetensors")
    panel.image.value = viewer.add_image(np.zeros((20, 30)))
    click(panel.start_button)
    assert "The image has 1 channel but the model takes 2" in panel.status.text()
    assert "then Merge to Stack" in panel.status.text()


def test_a_model_that_is_renamed_stays_chosen(dock, click, library, threshold_model):
    panel = dock("Look inside")
    save_model(threshold_model, library / "other.safetensors")
    panel.features.model.reset_choices()
    panel.features.model.value = str(library / "other.safetensors")
    new = rename(library / "other.safetensors", "mine")
    assert panel.features.model.value == str(new)
