import numpy as np
import pytest

from mdgen.errors import RequestError
from mdgen.radar import Radar, Walk, Walker, radar_echo, simulate_walk
from mdgen.radar.scatterers import ellipsoid_rcs, visibility

RADAR = Radar(carrier_hz=24e9, prf_hz=3000.0, height_m=0.0)
TIMES = np.arange(401) / 400


def moving_sphere(speed, radius=0.1, name="ball", offset=0.0):
    """A Walk of one segment without length at the radar's height, moving at speed m/s towards the radar."""
    path = np.zeros((1, len(TIMES), 3))
    path[0, :, 0], path[0, :, 1] = speed * TIMES, offset
    velocity = np.zeros_like(path) + [speed, 0, 0]
    return Walk((name,), TIMES, path, path, velocity, velocity, np.array([radius]))


def mean_power(signal):
    return float(np.mean(np.abs(signal.astype(np.complex128)) ** 2))


@pytest.mark.parametrize("speed, heading, sign", [(2.0, 0, 1), (5.0, 0, 1), (2.0, 180, -1), (0.7, 60, 0.5)])
def test_a_point_shows_twice_its_radial_speed_over_the_wavelength(speed, heading, sign):
    signal = radar_echo(moving_sphere(speed), RADAR, range_m=200.0, heading_deg=heading, points_per_segment=1)
    assert signal.dtype == np.complex64 and len(signal) == 3000
    spectrum = np.abs(np.fft.fft(signal * np.hanning(len(signal)), 1 << 16)) ** 2
    frequency = np.fft.fftfreq(1 << 16, 1 / RADAR.prf_hz)
    centroid = (spectrum * frequency).sum() / spectrum.sum()
    assert centroid == pytest.approx(sign * 2 * speed * 24e9 / 299792458.0, abs=3)


def test_phase_follows_the_exact_range():
    signal = radar_echo(moving_sphere(2.0), RADAR, range_m=10.0, points_per_segment=1)
    step = np.angle(signal[1:] * np.conj(signal[:-1]))
    assert np.median(step) == pytest.approx(4 * np.pi * 2.0 / RADAR.wavelength_m / RADAR.prf_hz, rel=1e-2)


def test_power_falls_with_the_fourth_power_of_range():
    near, far = (mean_power(radar_echo(moving_sphere(0.0), RADAR, range_m=r)) for r in (4.0, 8.0))
    assert near / far == pytest.approx(16, rel=1e-3)               # same seed, same speckle


def test_ensemble_power_is_the_radar_equation():
    powers = [mean_power(radar_echo(moving_sphere(0.0), RADAR, range_m=5.0, seed=s)) for s in range(1500)]
    assert np.mean(powers) == pytest.approx(np.pi * 0.1**2 / 5.0**4, rel=0.03)


@pytest.mark.parametrize("axis, expected", [((0, 0, 0.5), 0.25**2), ((0.5, 0, 0), 0.1**4 / 0.25**2),
                                            ((0, 0, 0), 0.1**2)])
def test_spheroid_closed_forms_broadside_end_on_and_sphere(axis, expected):
    middle = np.array([5.0, 0, 0])
    ends = [((middle + side * np.array(axis) / 2)[None, None], None) for side in (-1, 1)]
    assert ellipsoid_rcs(ends, np.array([0.1])).item() == pytest.approx(np.pi * expected)


@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_noise_has_the_requested_power(snr_db):
    walk = simulate_walk(Walker(), TIMES)
    radar = Radar()
    clean = radar_echo(walk, radar, seed=5)
    noise = radar_echo(walk, radar, snr_db=snr_db, seed=5) - clean
    assert 10 * np.log10(mean_power(clean) / mean_power(noise)) == pytest.approx(snr_db, abs=0.3)
    assert abs(np.corrcoef(noise.real, noise.imag)[0, 1]) < 0.05


def test_clutter_stands_still_and_bursts_are_broadband():
    walk, radar = simulate_walk(Walker(), TIMES), Radar()
    clean = radar_echo(walk, radar, seed=5)
    clutter = radar_echo(walk, radar, clutter_db=10.0, seed=5) - clean
    assert 10 * np.log10(mean_power(clutter) / mean_power(clean)) == pytest.approx(10, abs=0.5)
    spectrum = np.abs(np.fft.fft(clutter)) ** 2
    assert spectrum[:10].sum() + spectrum[-10:].sum() > 0.99 * spectrum.sum()
    burst = np.abs(radar_echo(walk, radar, bursts=1, seed=5) - clean)
    assert 0 < (burst > 0).sum() <= 3.1e-3 * radar.prf_hz


def test_aliasing_is_refused_with_the_least_prf_and_that_prf_works():
    walk = simulate_walk(Walker(), TIMES)
    with pytest.raises(RequestError, match=r"is 4000.*foot.*use at least (\d+) Hz at 77 GHz") as caught:
        radar_echo(walk, Radar(prf_hz=4000.0))
    least = int(str(caught.value).split("at least ")[1].split(" Hz")[0])
    fastest = np.abs(walk.end_velocity[..., 0]).max()
    assert 0.9 < least / (4 * fastest / Radar().wavelength_m) < 1.02
    radar_echo(walk, Radar(prf_hz=least))
    with pytest.raises(RequestError):
        radar_echo(walk, Radar(prf_hz=least - 20))


def test_a_walker_at_the_radar_is_refused():
    with pytest.raises(RequestError, match="raise range_m"):
        radar_echo(moving_sphere(2.0), RADAR, range_m=2.0)


def test_the_far_side_is_shadowed_only_from_the_side():
    walk = simulate_walk(Walker(arm_swing=0.2), np.linspace(0, 2, 100))

    def seen(turned):
        shift = np.array([0, 6.0, -1.0]) if turned else np.array([-12.0, 0, -1.0])
        ends = [(p - [[walk.times[-1] / 2 * 1.3, 0, 0]] + shift, None) for p in (walk.start, walk.end)]
        through = visibility(ends, walk)
        return {side: through[walk.names.index(f"{side}_upper_arm")].mean() for side in ("left", "right")}

    ahead, side = seen(False), seen(True)
    assert min(ahead.values()) > 0.95                              # both arms are free head-on
    assert side["left"] < 0.7 < 0.95 < side["right"]               # broadside, the trunk hides the far arm


def test_the_seed_alone_decides():
    walk = simulate_walk(Walker(), TIMES)
    options = dict(snr_db=10.0, clutter_db=0.0, bursts=2)
    first = radar_echo(walk, seed=3, **options)
    again = radar_echo(walk, seed=np.random.default_rng(3), **options)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, radar_echo(walk, seed=4, **options))


# --- range bins and receivers ---

FMCW = Radar(carrier_hz=77e9, prf_hz=3000.0, height_m=0.0, bandwidth_hz=1e9)


def test_range_bins_are_those_of_raw_chirps():
    """A moving point's beat signal, sample by sample, windowed and transformed, against the closed form."""
    radar, speed, samples = FMCW, 1.0, 64
    ours = radar_echo(moving_sphere(speed), radar, range_m=3.0, points_per_segment=1, seed=2)[0]
    sphere = radar_echo(moving_sphere(speed), Radar(77e9, 3000.0, 0.0), range_m=3.0, points_per_segment=1, seed=2)
    ranges = 3.0 - speed * np.arange(3000) / 3000
    sweep = (np.arange(samples) - (samples - 1) / 2) / samples              # of the bandwidth, about the carrier
    beat = sphere[None] * np.exp(-4j * np.pi * np.outer(sweep * radar.bandwidth_hz, ranges) / 299792458.0)
    taper = np.sin(np.pi * (np.arange(samples) + 0.5) / samples) ** 2
    first = int(np.rint(2.0 / radar.range_resolution_m)) - 2              # the nearest bin that the walk touches
    for b in range(ours.shape[0]):
        distance = (first + b) * radar.range_resolution_m
        steering = np.exp(4j * np.pi * sweep * radar.bandwidth_hz * distance / 299792458.0)
        profile = (taper * steering) @ beat / taper.sum()
        assert np.abs(profile - ours[b]).max() < 0.03 * np.abs(sphere).max()


def test_a_point_in_the_middle_of_a_bin_has_the_radar_equations_power_there():
    middle = 40 * FMCW.range_resolution_m
    signal = radar_echo(moving_sphere(0.0), FMCW, range_m=middle, points_per_segment=1, seed=1)
    plain = radar_echo(moving_sphere(0.0), RADAR, range_m=middle, points_per_segment=1, seed=1)
    power = (np.abs(signal[0]) ** 2).mean(axis=1)
    assert power.argmax() == 2 and power[2] == pytest.approx(mean_power(plain), rel=1e-3)
    np.testing.assert_allclose(power[[0, 1, 3, 4]] / power[2], [0, 0.25, 0.25, 0], atol=1e-3)  # Hann's main lobe


@pytest.mark.parametrize("offset, phase", [(0.0, 0.0), (2.0, np.pi * 2 / np.hypot(20, 2))])
def test_receivers_half_a_wavelength_apart_see_the_direction_as_a_phase(offset, phase):
    radar = Radar(24e9, 3000.0, 0.0, receivers=3)
    signal = radar_echo(moving_sphere(0.0, offset=-offset), radar, range_m=20.0, points_per_segment=1)
    assert signal.shape == (3, 1, 3000)
    step = np.angle(signal[1:, 0] * signal[:-1, 0].conj())
    np.testing.assert_allclose(step, phase, atol=1e-3)


def test_channels_have_their_own_noise_at_the_requested_ratio_and_share_the_bursts():
    walk = simulate_walk(Walker(), TIMES)
    radar = Radar(prf_hz=8000.0, bandwidth_hz=1e9, receivers=2)
    clean = radar_echo(walk, radar, range_m=8.0, seed=5)
    noise = radar_echo(walk, radar, range_m=8.0, snr_db=10.0, seed=5) - clean
    body = mean_power(clean) * clean.shape[1] / 1.5                         # a scatterer lights 1 + 2 / 4 bins
    assert 10 * np.log10(body / mean_power(noise)) == pytest.approx(10, abs=0.2)
    assert abs(np.vdot(noise[0, 0], noise[1, 3])) < 0.05 * np.vdot(noise[0, 0], noise[0, 0]).real
    burst = radar_echo(walk, radar, range_m=8.0, bursts=1, seed=5) - clean
    struck = np.abs(burst) > 0
    assert 0 < struck[0, 0].sum() and (struck == struck[0, 0]).all()


def test_the_cubic_within_a_cell_is_the_range(monkeypatch):
    """Against sine and cosine of ranges computed pulse by pulse, without speckle."""
    monkeypatch.setattr("mdgen.radar.scatterers.STEADY_POWER", 1.0)
    radar = Radar(77e9, 10000.0, 0.0)
    times = np.arange(0, 0.5, 1e-4)
    walk = simulate_walk(Walker(height=1.8, speed=1.6), times)
    foot = walk.names.index("right_foot")
    toe = [p[foot:foot + 1] for p in (walk.end, walk.end, walk.end_velocity, walk.end_velocity)]
    one = Walk(("foot",), times, *toe, np.array([0.1]))
    signal = radar_echo(one, radar, range_m=9.0, points_per_segment=1, duration_s=0.49)
    ranges = np.linalg.norm(walk.end[foot] * [-1, -1, 1] + [9.0, 0, 0], axis=-1)[:4900]
    expected = np.exp(-4j * np.pi * ranges / radar.wavelength_m)
    still = signal * expected.conj()
    error = np.abs(np.angle(still * still[0].conj()))
    assert np.quantile(error, 0.9) < 1e-3 and error.max() < 0.05            # most where a joint's curve has a corner


def test_what_the_model_does_not_cover_is_refused():
    with pytest.raises(RequestError, match="hold from 5 GHz"):
        radar_echo(moving_sphere(1.0), Radar(2.4e9, 3000.0, 0.0), range_m=20.0)
    with pytest.raises(RequestError, match="radar receivers is 0"):
        Radar(receivers=0)


def test_the_aspect_exponent_dims_tilted_limbs_and_leaves_broadside_alone():
    middle, radius = np.array([5.0, 0, 0]), np.array([0.06])

    def rcs(tilt, aspect):
        half = 0.2 * np.array([np.sin(tilt), 0, np.cos(tilt)])
        return ellipsoid_rcs([((middle + sign * half)[None, None], None) for sign in (-1, 1)], radius, aspect).item()

    assert rcs(0, 2.0) == pytest.approx(rcs(0, 1.0))
    assert rcs(0.4, 2.0) / rcs(0, 2.0) == pytest.approx((rcs(0.4, 1.0) / rcs(0, 1.0)) ** 2)


@pytest.mark.parametrize("wrong, message", [
    (dict(duration_s=2.0), "duration_s is 2, but the walk lasts 1 s"), (dict(duration_s=-1), "duration_s is -1"),
    (dict(range_m=float("nan")), "range_m is nan"), (dict(range_m=-5.0), "range_m is -5.0; expected a finite number"),
    (dict(snr_db=float("nan")), "snr_db is nan"), (dict(bursts=1.5), "bursts is 1.5; expected a whole number from 0"),
    (dict(points_per_segment=0), "points_per_segment is 0"), (dict(aspect=float("inf")), "aspect is inf")])
def test_senseless_requests_are_refused_in_one_line(wrong, message):
    with pytest.raises(RequestError, match=message):
        radar_echo(moving_sphere(0.5), RADAR, **{"range_m": 20.0, **wrong})


def test_walks_too_coarse_to_follow_are_refused():
    fine = radar_echo(simulate_walk(Walker(), np.arange(401) / 400), Radar(prf_hz=10000.0), seed=1)
    coarse = radar_echo(simulate_walk(Walker(), np.arange(51) / 50), Radar(prf_hz=10000.0), seed=1)
    assert abs(np.vdot(fine, coarse)) > 0.98 * np.linalg.norm(fine) * np.linalg.norm(coarse)
    with pytest.raises(RequestError, match="the walk has 11 times; expected at least 2, rising by at most 0.02 s"):
        radar_echo(simulate_walk(Walker(), np.arange(11) / 10), Radar(prf_hz=10000.0))
    with pytest.raises(RequestError, match="the walk has 1 times"):
        radar_echo(simulate_walk(Walker(), np.zeros(1)), Radar(prf_hz=10000.0))
