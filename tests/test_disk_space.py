import shutil

import pytest

from seamless_unet.disk_space import check_room


@pytest.fixture
def free(monkeypatch):
    """Let 5 GB be free on every disk."""
    usage = shutil._ntuple_diskusage(total=10**12, used=10**12 - 5 * 10**9, free=5 * 10**9)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)


def test_folders_on_one_disk_share_its_room(tmp_path, free):
    other = tmp_path / "other"
    other.mkdir()
    check_room([(tmp_path, 3 * 10**9), (other, 2 * 10**9)])
    check_room([])
    with pytest.raises(OSError, match="is not enough room") as info:
        check_room([(tmp_path, 3 * 10**9), (other, 2_100_000_000)])
    assert str(info.value) == (
        f"There is not enough room on the disk of {other}: about 5.1 GB are needed and 5.0 GB are "
        "free. Delete files there, choose a folder on another disk (for temporary files by the "
        "environment variable TMPDIR), or segment a part of the image."
    )
