"""Walker -> image in one call, and profiles: the radars and image settings that the literature uses."""

from dataclasses import dataclass, replace

import numpy as np

from mdgen.errors import RequestError, check_number
from mdgen.radar.echo import Radar, radar_echo
from mdgen.radar.gait import simulate_walk
from mdgen.radar.population import vary
from mdgen.radar.range_bins import near_body
from mdgen.radar.spectrogram import section, spectrogram

START_JITTER = 0.02  # deviation of a window's start from a heel strike, in gait cycles
LEAD_S = 0.05  # simulated before and after the image at least


@dataclass(frozen=True)
class Profile:
    """A radar, how its images are made, and the walks that it records.

    image: keyword arguments of `spectrogram`. frame_s: seconds that a column shows at the radar's own pace; columns
    of the image repeat or average such frames. None: as fine as the image. duration_s: of an image with a plain time
    axis; steps: of one with a gait-normalised axis, None for plain. range_bins: about the body, of an FMCW radar.
    range_m, snr_db, clutter_db: lowest and highest value among recordings; heading_deg: largest; bursts: share of
    recordings with a burst of interference. aspect: of radar_echo.
    """

    radar: Radar
    image: dict
    duration_s: float = 2.2
    steps: int | None = None
    frame_s: float | None = None
    range_bins: int = 15
    range_m: tuple = (9.0, 14.0)
    snr_db: tuple = (20.0, 30.0)
    clutter_db: tuple = (-15.0, -5.0)
    heading_deg: float = 10.0
    bursts: float = 0.05
    aspect: float = 1.0


PROFILES = dict(
    # a single channel of a 77 GHz radar, everything well visible: the built-in demo users
    plain77=Profile(Radar(carrier_hz=77e9, prf_hz=10000.0), dict(velocity_span=(-1.5, 6.0))),
    # TI-class FMCW: chirps of 95 us, 2 GHz, four receivers, Blackman over 255 chirps
    ti77=Profile(Radar(carrier_hz=77.5e9, prf_hz=1 / 95e-6, bandwidth_hz=2e9, receivers=4),
                 dict(velocity_span=(-3.0, 8.0), window_s=0.0242), duration_s=3.0, range_m=(7.0, 10.0),
                 snr_db=(25.0, 35.0)),
    # continuous wave at 24 GHz, Hann window of 0.1 s
    cw24=Profile(Radar(carrier_hz=24.125e9, prf_hz=4000.0),
                 dict(velocity_span=(-3.0, 8.0), window="hann", window_s=0.1, overlap_s=0.09), duration_s=3.0),
    # the look of measured 77 GHz identification sets (docs/simulator.md): four steps, a column per frame of 38 ms
    gait77=Profile(Radar(carrier_hz=77.5e9, prf_hz=1 / 95e-6),
                   dict(velocity_span=(-1.33, 6.07), window="hann", window_s=0.0242, overlap_s=0.0),
                   steps=4, frame_s=0.038, range_m=(14.0, 20.0), snr_db=(18.0, 26.0), aspect=3.0),
)


def profile(name):
    if name not in PROFILES:
        raise RequestError(f"there is no radar profile {name}; expected one of {', '.join(PROFILES)}")
    return PROFILES[name]


def walking_spectrogram(walker, radar=Radar(), *, duration_s=2.2, start_phase=0.0, steps=None, frame_s=None,
                        range_bins=15, image=None, **echo):
    """Simulate one recording of a walker and return its Spectrogram.

    duration_s, steps, frame_s, range_bins: as in Profile. start_phase: of simulate_walk, at the image's time 0.
    image: keyword arguments of spectrogram; echo: of radar_echo (range, heading, noise, seed).
    """
    image = dict(image or {})
    height, width = image.pop("size", (64, 64))
    for name, value in (("duration_s", duration_s), ("steps", 1 if steps is None else steps),
                        ("frame_s", 1 if frame_s is None else frame_s), ("image width", width)):
        check_number(name, value, 1e-3)
    check_number("range_bins", range_bins, 1, whole=True)
    duration_s = steps / walker.step_rate_hz if steps else duration_s
    columns = width if frame_s is None else max(2, round(duration_s / frame_s))
    column_s = duration_s / columns
    lead = int(np.ceil(LEAD_S / column_s))  # columns before and after, where the clutter filter rings
    simulated_s = duration_s + 2 * lead * column_s
    walk = simulate_walk(walker, radar.cell_times(simulated_s) - lead * column_s, start_phase)
    signal = radar_echo(walk, radar, duration_s=simulated_s, **echo)
    if radar.bandwidth_hz:
        signal = near_body(signal, range_bins, radar.prf_hz)
    result = spectrogram(signal, radar, size=(height, columns + 2 * lead), **image)
    result = section(result, lead * column_s, lead * column_s + duration_s, width)
    return replace(result, time_s=result.time_s - lead * column_s)


def draw_recording(chosen, walker, seed, size):
    """One walk of a person as a Profile records it: (walker on that walk, keyword arguments of walking_spectrogram).

    seed: list of ints on which alone the draw depends. size: (H, W). Windows begin near a heel strike of either foot,
    as data sets cut by gait detection do.
    """
    rng = np.random.default_rng(seed)
    own = vary(walker, rng)
    phase = (0.5 * rng.integers(2) + START_JITTER * rng.standard_normal()) % 1
    return own, dict(
        duration_s=chosen.duration_s, steps=chosen.steps, frame_s=chosen.frame_s, range_bins=chosen.range_bins,
        start_phase=float(phase), range_m=float(rng.uniform(*chosen.range_m)),
        heading_deg=float(rng.uniform(-1, 1) * chosen.heading_deg), snr_db=float(rng.uniform(*chosen.snr_db)),
        clutter_db=float(rng.uniform(*chosen.clutter_db)), bursts=int(rng.random() < chosen.bursts),
        aspect=chosen.aspect, seed=[*seed, 1], image=dict(chosen.image, size=tuple(size)))


def simulate_image(job):
    """walking_spectrogram of one job (walker, radar, options), as process pools want it."""
    walker, radar, options = job
    return walking_spectrogram(walker, radar, **options)
