from dataclasses import replace

import numpy as np
import pytest

from mdgen.errors import RequestError
from mdgen.radar import PROFILES, Walker, cadence, draw_recording, profile, torso_line, walking_spectrogram

WALKER = Walker(speed=1.3, foot_lock=1.0, surge=-0.7)


@pytest.mark.parametrize("name", list(PROFILES))
def test_every_profile_shows_the_walkers_speed(name):
    chosen = PROFILES[name]
    walker, options = draw_recording(chosen, WALKER, [1, 2], (64, 64))
    result = walking_spectrogram(walker, chosen.radar, **options)
    assert result.image.shape == (64, 64) and result.image.max() > 0.9
    radial = walker.speed * np.cos(np.deg2rad(options["heading_deg"]))
    assert torso_line(result.image, result.velocity).mean() == pytest.approx(radial, rel=0.06)
    assert (result.velocity[0], result.velocity[-1]) == pytest.approx(chosen.image["velocity_span"][::-1], abs=0.1)


def test_a_gait_normalised_image_shows_its_steps_whatever_the_cadence():
    for factor in (0.9, 1.15):
        walker = replace(WALKER, cadence=factor)
        image = walking_spectrogram(walker, profile("gait77").radar, steps=4, frame_s=0.035, range_m=9.0, snr_db=25.0,
                                    seed=1).image
        steps = np.arange(64) / 64 * 4                                     # the axis in steps
        assert cadence(image, steps, low_hz=0.75, high_hz=1.4)[0] == pytest.approx(1, abs=0.03)


def test_frames_coarser_than_the_image_stand_as_blocks():
    image = walking_spectrogram(WALKER, duration_s=2.0, frame_s=0.125, range_m=9.0, seed=0).image
    blocks = image.reshape(64, 16, 4)
    np.testing.assert_allclose(blocks, blocks[..., :1] + 0 * blocks, atol=1e-6)
    assert np.abs(np.diff(blocks[..., 0], axis=1)).mean() > 0.02


def test_the_edges_of_the_image_are_free_of_the_clutter_filters_ringing():
    images = [walking_spectrogram(WALKER, range_m=12.0, clutter_db=20.0, start_phase=0.1 * k, seed=k).image
              for k in range(12)]
    column = np.mean(images, axis=0)[-16:].mean(axis=0)                     # about and below 0 m/s
    assert max(column[0], column[-1]) < column[8:-8].mean() + 0.05


@pytest.mark.parametrize("wrong", [dict(duration_s=-1), dict(steps=float("nan")), dict(frame_s=0), dict(range_bins=0)])
def test_senseless_numbers_are_refused(wrong):
    with pytest.raises(RequestError, match=f"{next(iter(wrong))} is"):
        walking_spectrogram(WALKER, range_m=9.0, **wrong)


def test_a_recording_depends_on_its_seed_alone_and_unknown_profiles_are_refused():
    chosen = PROFILES["plain77"]
    assert draw_recording(chosen, WALKER, [0, 1], (64, 64)) == draw_recording(chosen, WALKER, [0, 1], (64, 64))
    assert draw_recording(chosen, WALKER, [0, 1], (64, 64)) != draw_recording(chosen, WALKER, [0, 2], (64, 64))
    with pytest.raises(RequestError, match="no radar profile ti24; expected one of plain77, ti77, cw24, gait77"):
        profile("ti24")
