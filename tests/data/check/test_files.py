import numpy as np
import pytest
from PIL import Image

from mdgen.data.check import files
from mdgen.data.check.findings import DECISION, NOTE
from mdgen.data.check.frames import cropped
from mdgen.errors import RequestError


@pytest.fixture
def part():
    return lambda survey, data: files.find(survey)


def test_a_clean_set_has_no_finding_of_this_kind(check, jet):
    assert not check(jet).keys() & {"unreadable", "skipped_images", "other_files", "mixed_sizes", "mixed_types",
                                    "small_users"}


def test_what_is_not_read_is_told(plant, look, jet):
    root = plant(jet)
    (root / "ID_1" / "bad.png").write_bytes(b"no picture")
    (root / "ID_2" / "notes.txt").write_text("")
    (root / "ID_2" / "clip.gif").write_bytes(b"")
    (root / ".hidden").mkdir()
    (root / ".hidden" / "x.png").write_bytes(b"")
    (root / "windows.txt").write_text("")
    found = look()
    assert found["unreadable"].level == DECISION and "ID_1/bad.png" in found["unreadable"].text
    assert found["skipped_images"].counts["files"] == ["ID_2/clip.gif"]
    assert found["other_files"].counts["files"] == ["ID_2/notes.txt"] and found["other_files"].level == NOTE


def test_mixed_sizes_are_a_note_unless_they_tell_users_apart_or_have_other_shapes(plant, look, jet):
    def resized(user, places, width, height):
        for place in places:
            Image.fromarray(jet[user, place]).resize((width, height)).save(root / f"ID_{user + 1}" / f"{place:03}.png")

    root = plant(jet)
    resized(0, (0, 1), 48, 48)
    resized(1, (3,), 48, 48)
    assert look()["mixed_sizes"].level == NOTE
    resized(0, (2,), 48, 64)
    assert look()["mixed_sizes"].level == DECISION
    plant(jet)
    resized(2, range(8), 48, 48)
    found = look()["mixed_sizes"]
    assert found.level == DECISION and found.counts == {"64 x 64": 16, "48 x 48": 8} and "ID_3" in found.text


def test_so_are_mixed_types(plant, look, jet):
    root = plant(jet)
    (root / "ID_1" / "000.png").unlink()
    Image.fromarray(jet[0, 0]).save(root / "ID_1" / "000.jpg")
    assert look()["mixed_types"].level == NOTE
    for place in range(1, 8):
        (root / "ID_1" / f"{place:03}.png").unlink()
        Image.fromarray(jet[0, place]).save(root / "ID_1" / f"{place:03}.jpg")
    assert look()["mixed_types"].level == DECISION


def test_users_with_far_fewer_images_are_named(check, jet):
    found = check([*jet[:2], jet[2, :1]])["small_users"]
    assert found.level == DECISION and found.counts == {"ID_3": 1}


def test_a_set_with_equally_few_of_all_is_not_blamed(check, jet):
    assert "small_users" not in check(jet[:, :5])


def test_a_folder_without_users_is_refused_as_it_is_by_training(look, root):
    root.mkdir()
    with pytest.raises(RequestError, match="is empty"):
        look()


def test_cropped_is_a_view_of_what_is_left():
    pixels = np.arange(30).reshape(5, 6)
    assert cropped(pixels, (1, 2, 3, 0)).tolist() == [[13, 14], [19, 20], [25, 26]]
    assert cropped(pixels, ()).shape == (5, 6)
