"""How many chirps per second a file has: as asked, as the file itself says, and whether the two agree."""

import math

from mdgen.errors import RequestError
from mdgen.radar.echo import LIGHT_SPEED
from mdgen.radar.recording_files import spelled

# what follows may be a converter's
RATES = ("fs", "fshz", "samplerate", "sampleratehz", "samplingrate", "samplingratehz", "samplefrequency", "samplefreq",
         "samplingfrequency", "samplingfreq", "sr")
PERIODS = ("ts", "dt", "sampleperiod", "samplingperiod", "sampletime", "samplinginterval")
PULSE_RATES = ("prf", "prfhz", "pulserepetitionfrequency", "chirprate")
PULSE_PERIODS = ("pri", "prt", "pulserepetitioninterval", "chirpperiod")
PLAUSIBLE_HZ = (20.0, 1e6)  # a number outside is in another unit, or no rate of pulses
TOLERANCE = 0.01
NO_VARIABLE = "none"  # in place of a name: whatever the files say, --prf holds


def plain(name):
    return name.lower().replace("_", "")


def is_rate(name):
    """Whether a lone number of that name in a file would be a rate or period of pulses."""
    return plain(name) in RATES + PERIODS + PULSE_RATES + PULSE_PERIODS


def rate_of(path, content, prf_hz, prf_variable, period_variable, *, raw=False, transmitters=1):
    """Chirps per second of a file with that Content.

    prf_hz: as --prf, or None; prf_variable, period_variable: as the flags. raw: the file holds raw samples of chirps,
    so that a sampling rate is the converter's. transmitters: in turn, so that the file may tell the rate of one.
    RequestError where the file lacks what was asked for or contradicts --prf.
    """
    said = told(content, raw)
    named = ((prf_variable, "--prf-variable", False), (period_variable, "--period-variable", True))
    for name, flag, is_period in named:
        if name in (None, NO_VARIABLE):
            continue
        value = content.scalars.get(name, math.nan)
        if not 0 < value < math.inf:
            held = ", ".join(f"{key} = {number:g}" for key, number in content.scalars.items()) or "no such number"
            raise RequestError(f"{path} has no single number above 0 named {name}; it holds {held}. Correct {flag}, or "
                               "give --prf")
        return 1 / value if is_period else value
    if prf_hz is None:
        if "prf_hz" in content.facts:
            return content.facts["prf_hz"]
        hint = f"it holds {said[0][1]}: give {flag_of(said[0][1])}" if said else "give --prf"
        raise RequestError(f"--prf is missing, and {path} does not say it as its format's own; {hint}")
    near = [close(rate, prf_hz) or close(rate * transmitters, prf_hz) for rate, _ in said]
    if said and not any(near) and prf_variable != NO_VARIABLE:
        rate, spoken = said[0]
        read = "leave --prf out" if "prf_hz" in content.facts else f"give {flag_of(spoken)} in place of --prf"
        raise RequestError(f"--prf is {prf_hz:g}, but {path} says {spoken}, that is {rate:g} Hz; {read} to read every "
                           f"file at its own rate, or add --prf-variable {NO_VARIABLE} if --prf is right")
    return prf_hz


def frame_rate_of(path, shape, axes, prf_hz, frame_rate_hz):
    """Frames per second where there are pauses between frames; None where chirps follow each other throughout."""
    if len(axes.slow) == 1:
        return None
    if len(axes.slow) > 2:
        raise RequestError(f"--slow-axis names {len(axes.slow)} axes; expected slow time, or frames and chirps")
    chirps = shape[axes.slow[1]]
    most = f"at most {prf_hz / chirps:g}, which is that of frames without pauses"
    if frame_rate_hz is None:
        raise RequestError(f"--frame-rate is missing, but {path} ({spelled(shape)}) has frames of {chirps} chirps "
                           f"along axes {axes.slow[0]} and {axes.slow[1]}; give frames per second, {most}")
    pause = prf_hz / frame_rate_hz - chirps  # in chirps
    if pause < -0.5:
        raise RequestError(f"--frame-rate is {frame_rate_hz:g}, but frames of {chirps} chirps at --prf {prf_hz:g} take "
                           f"{chirps / prf_hz:g} s each; give {most}. --prf is the rate of chirps within a frame")
    return frame_rate_hz if pause > 0.5 else None


def told(content, raw):
    """[(Hz, "name = value")] of what a file says of its rate of pulses."""
    said = [(content.facts["prf_hz"], f"prf_hz = {content.facts['prf_hz']:g}")] if "prf_hz" in content.facts else []
    for name, value in content.scalars.items():
        is_period, is_pulses = plain(name) in PERIODS + PULSE_PERIODS, plain(name) in PULSE_RATES + PULSE_PERIODS
        if value > 0 and (is_pulses or plain(name) in RATES + PERIODS and not raw):
            rate = 1 / value if is_period else value
            if PLAUSIBLE_HZ[0] <= rate <= PLAUSIBLE_HZ[1]:
                said.append((rate, f"{name} = {value:g}"))
    return said


def flag_of(spoken):
    """The flag that reads "name = value"."""
    name = spoken.split()[0]
    return f"--period-variable {name}" if plain(name) in PERIODS + PULSE_PERIODS else f"--prf-variable {name}"


def close(one, other):
    return abs(one - other) <= TOLERANCE * other


def carrier_of(path, content, carrier_hz):
    """Carrier in Hz, as asked or as the file's format tells; RequestError where neither does, or they differ by 5 %."""
    own = content.facts.get("carrier_hz")
    if carrier_hz is None and own is None:
        raise RequestError(f"--carrier is missing, and {path} does not say it; give it in Hz, such as 77e9")
    if None not in (carrier_hz, own) and abs(own - carrier_hz) > 0.05 * own:
        raise RequestError(f"--carrier is {carrier_hz:g}, but {path} says {own:g} Hz; correct it, or leave it out")
    return own if carrier_hz is None else carrier_hz


def check_radar(carrier_hz, prf_hz, transmitters, walks):
    """RequestError unless they can be a radar's. walks: the speeds shown are to hold a walk's, of 0.5 m/s and more."""
    if not 1e8 <= carrier_hz <= 1e12:
        raise RequestError(f"--carrier is {carrier_hz:g} Hz; expected 1e8 to 1e12, such as 77e9 for 77 GHz")
    limit = LIGHT_SPEED / carrier_hz * prf_hz / transmitters / 4
    if limit < 0.5 and walks or prf_hz / transmitters < 1:
        raise RequestError(f"--prf is {prf_hz:g} Hz, which shows +-{limit:.2g} m/s at {carrier_hz / 1e9:g} GHz, less "
                           "than a walk has. If it is a frame rate, give --prf the chirps per second within a frame, "
                           f"with --slow-axis FRAMES CHIRPS --frame-rate {prf_hz:g}; to show so slow a motion, give "
                           "--velocity-span")
