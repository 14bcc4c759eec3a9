import numpy as np
import pytest
from PIL import Image

from mdgen.data.check.findings import DECISION, NOTE
from mdgen.data.colormap import to_color


def decisions(found):
    return [finding.line for finding in found.values() if finding.level == DECISION]


@pytest.mark.parametrize("colormap, suffix", [("jet", ".png"), ("jet", ".jpg"), ("gray", ".jpg"), ("hot", ".png")])
def test_a_clean_set_needs_no_decision(check, walks, colormap, suffix):
    assert not decisions(check(to_color(walks, colormap), suffix))


def test_gray_files_of_one_channel_are_clean_too(check, walks):
    assert not decisions(check((walks * 255).round().astype(np.uint8)))


def test_a_frame_is_told_with_the_crop_that_cures_it(check, look, jet):
    framed = np.pad(jet, ((0, 0), (0, 0), (5, 4), (3, 14), (0, 0)), constant_values=255)
    found = check(framed)["frames"]
    assert found.level == DECISION and "--set data.crop=[3,5,14,4]" in found.cure
    assert found.counts["images"] == 24
    assert not decisions(look(crop=(3, 5, 14, 4)))


def test_frames_of_some_users_alone_have_no_common_crop(check, jet):
    bigger = [np.pad(jet[user], ((0, 0), (9, 9), (9, 9), (0, 0)), constant_values=255 * (user == 1))
              for user in range(3)]
    bigger[0][:, :9] = bigger[0][:, -9:] = bigger[2][:, :9] = bigger[2][:, -9:] = jet[0, 0, 0, 0]   # floor
    for user in (0, 2):
        bigger[user][:, :, :9] = bigger[user][:, :, -9:] = jet[0, 0, 0, 0]
    found = check(bigger)["frames"]
    assert found.level == DECISION and "not all users alike" in found.text and "ID_2" in found.text
    assert found.counts["images"] == 8


def test_another_map_among_jet_is_named(check, walks, jet):
    pictures = jet.copy()
    pictures[1, :2] = to_color(walks[1, :2], "viridis")
    found = check(pictures)["mixed_colormaps"]
    assert found.level == DECISION and found.counts["images"] == 2
    assert "nearest to them, with their misfit (0 to 442): viridis 0" in found.text and "ID_2" in found.text


def test_gray_among_jet_is_told(check, walks, jet):
    pictures = jet.copy()
    pictures[2] = to_color(walks[2], "gray")
    found = check(pictures)["colours_and_gray"]
    assert found.level == DECISION and found.counts == {"coloured": 16, "gray": 8} and "ID_3" in found.text


def test_colours_of_no_map_are_told_unless_rgb_is_meant(check, look, walks):
    level = np.rint(walks * 255)
    pink = np.stack([255 - 0.2 * level, level / 2, 160 + 0 * level], axis=-1).astype(np.uint8)   # in no table
    assert check(pink)["unknown_colormap"].level == DECISION
    assert "unknown_colormap" not in look(channels="rgb")


@pytest.mark.parametrize("colormap", ["jet", "gray"])
def test_images_painted_backwards_among_others_are_told(check, walks, colormap):
    pictures = to_color(walks, colormap)
    pictures[1, 2:5] = to_color(1 - walks[1, 2:5], colormap)
    found = check(pictures)
    named = found.get("inverted") or found.get("ambiguous_colormap")
    assert named.level == DECISION
    if named.name == "inverted":
        assert named.counts["images"] == 3 and "ID_2" in named.text


def test_a_set_in_a_reversed_map_is_read_so_and_noted(check, walks):
    found = check(to_color(1 - walks, "gray"))
    assert found["reversed_colormap"].level == NOTE and "gray_r" in found["reversed_colormap"].text
    assert not decisions(found)


def test_dark_sets_and_few_levels_are_told(check, walks):
    found = check(np.rint(walks * 15).astype(np.uint8))
    assert found["dark"].counts["largest"] == 15 and found["dark"].level == DECISION
    assert found["few_levels"].counts["levels"] == 16


def test_the_bits_of_deep_files_are_told_and_users_who_use_fewer(plant, look, walks):
    def deep(user, full):
        for place, image in enumerate(walks[user]):
            values = np.rint(image * full).astype(np.uint16)
            Image.fromarray(values).save(root / f"ID_{user + 1}" / f"{place:03}.png")

    root = plant(np.zeros((3, 8, 2, 2), np.uint8))
    for user in range(3):
        deep(user, 1023)
    found = look()
    assert found["depth"].level == NOTE and found["depth"].counts["largest"] == 1023 and "10 bit" in found["depth"].text
    assert not decisions(found)
    deep(1, 65535)
    found = look()["depth"]
    assert found.level == DECISION and found.counts["bits"] == {"ID_1": 10, "ID_2": 16, "ID_3": 10}
    assert "those of ID_1, ID_3 use fewer bits" in found.text
