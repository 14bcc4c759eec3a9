from functools import cache

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mdgen.errors import RequestError
from mdgen.radar import Radar, Walker, radar_echo, simulate_walk, spectrogram
from mdgen.radar.foot_speed import foot_curve, max_foot_speed
from mdgen.radar.gait_figures import gait_figures

VELOCITY = np.linspace(5.9, -1.5, 64)
TIME = (np.arange(64) + 0.5) * 2.5 / 64


PEOPLE = range(40)


def draw(seed):
    """A walker from the whole range of people, its radar and its recording."""
    rng = np.random.default_rng([5, seed])
    joints = {name: rng.uniform(0.85, 1.15) for name in ("hip", "knee", "ankle", "shoulder", "elbow")}
    walker = Walker(height=rng.uniform(1.5, 1.95), speed=rng.uniform(0.6, 2), cadence=rng.uniform(0.9, 1.1), **joints,
                    arm_swing=rng.uniform(0.3, 1.5), surge=rng.uniform(-1.3, 1), build=rng.uniform(0.85, 1.25),
                    asymmetry=rng.uniform(-0.1, 0.1), foot_lock=float(seed % 2))
    radar, window_s = (Radar(24e9, 7000.0), 0.08) if seed % 3 == 0 else (Radar(77e9, 12000.0), 0.03)
    duration = rng.uniform(2.2, 4)
    range_m = 3 + walker.speed * duration + rng.uniform(0, 6)
    return walker, radar, window_s, duration, range_m, rng.random(), 1 if seed % 5 == 0 else 5


@cache
def recording(seed, snr_db):
    """(Spectrogram, true step rate, true torso speed, true foot speed), straight ahead of the radar; the span does
    not depend on the truth."""
    walker, radar, window_s, duration, range_m, phase, points = draw(seed)
    walk = simulate_walk(walker, np.arange(round(duration * 400) + 1) / 400, phase)

    def radial(point, velocity):
        sight = point - [range_m, 0, radar.height_m]
        return -(sight * velocity).sum(-1) / np.linalg.norm(sight, axis=-1)

    feet, share = [walk.names.index(f"{side}_foot") for side in ("left", "right")], 1 - 0.5 / points
    foot = radial((1 - share) * walk.start[feet] + share * walk.end[feet],
                  (1 - share) * walk.start_velocity[feet] + share * walk.end_velocity[feet]).max()
    echo = radar_echo(walk, radar, range_m=range_m, snr_db=snr_db, clutter_db=-10.0, seed=seed,
                      points_per_segment=points)
    cells = (64, 128, 256)[seed // 2 % 3]
    image = spectrogram(echo, radar, size=(cells, cells), window_s=window_s, velocity_span=(-3.0, 10.0))
    return image, walker.step_rate_hz, radial(*walk.middle("torso")).mean(), foot


@cache
def read(seed, snr_db):
    image = recording(seed, snr_db)[0]
    return gait_figures(image.image, image.velocity, image.time_s)


def errors(figure, truth, snr_db):
    return np.array([getattr(read(seed, snr_db), figure) / recording(seed, snr_db)[truth] - 1 for seed in PEOPLE])


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_torso_speed_and_cadence_of_all_people(snr_db):
    torso, cadence = (np.abs(errors(*column, snr_db)) for column in (("torso_speed", 2), ("cadence_hz", 1)))
    assert np.mean(torso < 0.03) >= 0.95 and torso.max() < 0.06
    assert np.mean(cadence < 0.03) >= 0.95 and np.nanmax(cadence) < 0.05


@pytest.mark.parametrize("snr_db, least_reported, least_right", [(10.0, 0.85, 0.95), (20.0, 0.95, 0.96)])
def test_foot_speed(snr_db, least_reported, least_right):
    error = errors("max_foot_speed", 3, snr_db)
    error = error[np.isfinite(error)]
    assert len(error) >= least_reported * len(PEOPLE)
    assert np.mean(np.abs(error) < 0.08) >= least_right and np.abs(error).max() < 0.16
    assert abs(np.median(error)) < 0.02


def test_drowned_feet_are_not_guessed():
    figures = [read(seed, 0.0) for seed in PEOPLE]
    assert np.mean([np.isnan(f.max_foot_speed) for f in figures]) >= 0.98
    assert all(f.notes for f in figures if np.isnan(f.max_foot_speed))


@pytest.mark.parametrize("snr_db", [10.0, 20.0])
def test_feet_beyond_the_image_are_not_guessed(snr_db):
    for seed in PEOPLE[:15]:
        image, *_, foot = recording(seed, snr_db)
        inside = image.velocity < foot - 0.6
        figures = gait_figures(image.image[inside], image.velocity[inside], image.time_s)
        assert np.isnan(figures.max_foot_speed) and figures.notes


@pytest.mark.parametrize("noise_db", [None, -42.0])
@pytest.mark.parametrize("scale, uneven", [(0.85, 0.0), (1.0, 0.05), (1.2, -0.05)])
def test_foot_speed_of_a_drawn_edge(noise_db, scale, uneven):
    velocity, time, rate = np.linspace(9.95, -2.95, 130), (np.arange(120) + 0.5) / 40, 1.8
    curve = foot_curve(1.3)
    phase = rate * time + 0.3
    height = 1.3 * scale * np.interp(phase % 1, np.arange(97) / 96, np.append(curve, curve[0]))
    height *= 1 + uneven * (-1) ** np.round(phase)
    power = 1e-4 * ((velocity[:, None] < 1.3 + height) & (velocity[:, None] > 0.3))
    power += 10.0 ** (-4 * np.abs(velocity[:, None] - 1.3))
    if noise_db:
        power = power + 10 ** (noise_db / 10) * np.random.default_rng(0).exponential(size=power.shape)
    image = np.clip(1 + 10 * np.log10(power + 1e-12) / 40, 0, 1)
    image = np.where(power > 5e-5, np.maximum(image, 0.15), image)  # the band is 6 dB above the floor
    speed, note = max_foot_speed(image, velocity, time, 1.3, rate)
    assert note == "" and speed == pytest.approx(1.3 + height.max(), rel=0.04)


def test_a_receding_walker_is_the_mirror_image():
    image = recording(1, 20.0)[0]
    there, back = read(1, 20.0), gait_figures(image.image[::-1], -image.velocity[::-1], image.time_s)
    assert there.max_foot_speed > 2 and there.notes == back.notes == ()
    for figure, sign in (("torso_speed", -1), ("cadence_hz", 1), ("max_foot_speed", -1), ("asymmetry", 1)):
        assert getattr(back, figure) == pytest.approx(sign * getattr(there, figure), rel=1e-6)


def no_walk(kind):
    rng = np.random.default_rng(0)
    if kind == "haze":
        haze = gaussian_filter(rng.random((64, 64)), 1.5)
        return (haze - haze.min()) / np.ptp(haze)
    power = rng.exponential(size=(64, 64))
    return dict(noise=np.clip(1 + 10 * np.log10(power / power.max()) / 40, 0, 1), empty=np.zeros((64, 64)),
                uniform=rng.random((64, 64)), flat=np.full((64, 64), 0.5))[kind]


@pytest.mark.parametrize("kind", ["noise", "uniform", "haze", "empty", "flat"])
def test_images_without_a_walk_give_no_figure(kind):
    figures = gait_figures(no_walk(kind), VELOCITY, TIME)
    assert np.isnan([figures.torso_speed, figures.cadence_hz, figures.max_foot_speed, figures.asymmetry]).all()
    assert figures.notes[0].startswith("torso:")


@pytest.mark.parametrize("columns", [8, 64])
def test_a_line_has_a_speed_but_no_steps(columns):
    line = np.exp(-((VELOCITY[:, None] - 1.3) / 0.1) ** 2) * np.ones(columns)
    figures = gait_figures(line, VELOCITY, TIME[:columns])
    assert figures.torso_speed == pytest.approx(1.3, abs=0.02)
    assert np.isnan([figures.cadence_hz, figures.max_foot_speed]).all() and figures.notes[0].startswith("cadence:")


def test_wrong_requests():
    with pytest.raises(RequestError, match="dynamic_range_db is 0.0; expected a finite number from 1"):
        gait_figures(np.zeros((64, 64)), VELOCITY, TIME, dynamic_range_db=0.0)
    with pytest.raises(ValueError, match=r"image \(64, 64\) and time_s \(63,\)"):
        gait_figures(np.zeros((64, 64)), VELOCITY, TIME[:-1])


@pytest.mark.parametrize("spoil, message", [
    (lambda i, v, t: (255 * i, v, t), "no intensities"),
    (lambda i, v, t: (np.where(i == i.max(), np.nan, i), v, t), "no intensities"),
    (lambda i, v, t: (i, v, t**2), "time_s has steps"),
    (lambda i, v, t: (i, v - 0.01 * v**2, t), "velocity has steps")])
def test_images_and_axes_that_mislead_are_refused(spoil, message):
    image = np.clip(np.random.default_rng(0).random((64, 64)), 0, 1)
    with pytest.raises(ValueError, match=message):
        gait_figures(*spoil(image, VELOCITY, TIME))
