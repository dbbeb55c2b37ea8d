import pytest

from seamless_unet.plugin.save_name import with_suffix


@pytest.mark.parametrize(
    ("typed", "name"),
    [("plate1.well2", "plate1.well2.csv"), ("a.csv", "a.csv"), ("A.CSV", "A.CSV"), ("a", "a.csv")],
)
def test_the_suffix_is_added_and_replaces_nothing(tmp_path, typed, name):
    assert with_suffix(str(tmp_path / typed), ".csv") == tmp_path / name


def test_a_name_that_nobody_was_asked_about(tmp_path):
    (tmp_path / "plate1.csv").touch()
    with pytest.raises(ValueError, match=r"There is already a 'plate1.csv'. Choose another name"):
        with_suffix(str(tmp_path / "plate1"), ".csv")
    assert with_suffix(str(tmp_path / "plate1.csv"), ".csv").exists()  # the dialog has asked
