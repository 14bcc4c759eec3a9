"""Signs in the samples themselves that a recording is not what it was taken for."""

import numpy as np

from mdgen.errors import RequestError

PIECE = 256  # samples whose mean is taken out: what stands still and drifts says nothing of two channels
MOST_CORRELATION, MOST_RATIO = 0.9, 10.0  # of I and Q; a receiver's imbalance is below 3 dB
MOST_TRANSMITTERS = 12  # in turn, as cascaded radars have them
COPY = 0.2  # amplitude of the copies, relative to what they are of, twice; 0.2 is -20 dB
SURE = 8.0  # standard errors
FRAMES = (*range(16, 65, 4), 25, *range(72, 129, 8), 100, 160, 192, 200, 256)  # usual numbers of chirps in a frame
BREAK, SURE_BREAK = 0.5, 5.0  # of the usual step; standard errors


def check_finite(path, values, first):
    """values: [..., n], the samples from `first` on."""
    bad = ~np.isfinite(values).reshape(-1, values.shape[-1]).all(axis=0)
    if bad.any():
        raise RequestError(f"{path} has NaN or infinite values, the first at sample {first + int(bad.argmax())}; "
                           "expected finite numbers. Repair that part or cut it out")


def check_pairs(path, blocks):
    """RequestError where real and imaginary part cannot be I and Q of one receiver.

    blocks: complex arrays [..., n], n > 1, from all over a recording. I and Q of something that moves by more than
    half a wavelength are uncorrelated and of one power. A part that only rises or falls is a time, an index or a ramp.
    """
    sums, count = np.zeros(3), 0
    blocks = [block for block in blocks if np.isfinite(block).all()]  # the others are told where the image is made
    for name in ("real", "imag"):
        steps = [np.diff(getattr(block, name), axis=-1) for block in blocks if block.shape[-1] > 16]
        if steps and (all((step > 0).all() for step in steps) or all((step < 0).all() for step in steps)):
            which = "first" if name == "real" else "second"
            raise RequestError(f"{path} is taken for I and Q, but the {which} of the two only "
                               f"{'rises' if (steps[0] > 0).all() else 'falls'}, as times do; expected two channels of "
                               "one receiver. Name them with --variable, or save complex numbers")
    for block in blocks:
        whole = block.shape[-1] // PIECE * PIECE
        pieces = block[..., :whole].reshape(-1, PIECE)
        pieces = pieces - pieces.mean(axis=-1, keepdims=True)
        i, q = pieces.real.astype(np.float64), pieces.imag.astype(np.float64)
        sums += (i * i).sum(), (q * q).sum(), (i * q).sum()
        count += pieces.size
    power_i, power_q, product = sums
    if count < 2 * PIECE or min(power_i, power_q) <= 0:
        return  # too little, or nothing in one: told where the image is made
    correlation = product / np.sqrt(power_i * power_q)
    ratio = max(power_i / power_q, power_q / power_i)
    if abs(correlation) > MOST_CORRELATION or ratio > MOST_RATIO:
        found = (f"have a correlation of {correlation:.2f}" if abs(correlation) > MOST_CORRELATION else
                 f"differ in power by {10 * np.log10(ratio):.0f} dB")
        raise RequestError(f"{path} is taken for I and Q, but the two {found}, as two receivers or two quantities have "
                           "it; expected I and Q of one receiver, uncorrelated and of one power. Save complex numbers, "
                           "or name the two with --variable; a radar without Q cannot tell approaching from receding")


def check_turns(path, channels):
    """RequestError where a spectrum holds copies of itself at distances of PRF / N: transmitters in turn, or frames.

    channels: complex [channels, F, C], C chirps that follow each other, F of them (frames). With one transmitter the
    phase from chirp to chirp does not depend on the chirp's number: it is stationary. With N in turn it has a period
    of N chirps (a cyclostationary signal; Gardner, "Introduction to Random Processes", 1990, ch. 12), and where frames
    of N chirps were put one after the other, the step from one to the next is a pause. Only the unit phasors are
    compared, so that a burst of interference counts no more than its few chirps.
    """
    strongest = int((np.abs(channels) ** 2).sum(axis=(-1, -2)).argmax())
    signal = channels[strongest]  # [F, C]
    found = {count: turn_size(signal, count) for count in range(2, MOST_TRANSMITTERS + 1)}
    most = max(found.values())
    if most > COPY:
        count = next(count for count, size in found.items() if size > 0.8 * most)
        raise RequestError(f"{path} has a spectrum that holds a copy of itself at a distance of PRF / {count}, as "
                           f"{count} transmitters in turn leave it; expected one transmitter. Give --transmitters "
                           f"{count}, or --transmitters 1 if there is one")
    count = frame_of(signal[0]) if len(signal) == 1 else 0
    if count:
        raise RequestError(f"{path} has a break in its phase at every {count}th sample, as frames of {count} chirps "
                           "with pauses between have it; expected chirps that follow each other. Save it as an array "
                           "of frames by chirps, with --slow-axis 0 1 and --frame-rate, or give --transmitters 1 if "
                           "there are no frames")


def turn_size(signal, count):
    """How far the phase from chirp to chirp depends on the chirp's number modulo count; 0 where that is not sure.

    signal: [F, C]. 0 is not at all, 1 a turn of 90 degrees.
    """
    steps, error = phase_steps(signal, count)
    spread = np.sqrt((np.abs(steps - steps.mean()) ** 2).mean())
    return float(spread / np.abs(steps).max()) if spread > SURE * error else 0.0


def frame_of(signal):
    """The number of chirps after which a signal [n] takes a step unlike all others, 0 where there is none."""
    whole = len(signal) // PIECE * PIECE
    pieces = signal[:whole].reshape(-1, PIECE)
    unit = unit_steps((pieces - pieces.mean(axis=-1, keepdims=True)).reshape(1, -1))[0]  # [n - 1]
    found = {}
    for count in FRAMES:
        rounds = len(unit) // count
        if rounds > SURE_BREAK**2:
            steps = unit[:rounds * count].reshape(rounds, count).mean(axis=0)
            away = np.sort(np.abs(steps - np.median(steps.real) - 1j * np.median(steps.imag)))
            if away[-1] > max(BREAK * np.abs(steps).max(), SURE_BREAK / np.sqrt(rounds), 3 * away[-2]):
                found[count] = away[-1]
    return max(found, key=found.get, default=0)


def unit_steps(signal):
    """Phasors of length 1 from every chirp to the next, [..., n - 1], of a signal [..., n]."""
    product = signal[..., 1:] * signal[..., :-1].conj()
    return product / np.maximum(np.abs(product), np.finfo(np.float32).tiny)


def phase_steps(signal, count):
    """(mean unit phasor [count] from every chirp to the next, by the chirp's number modulo count; its standard error).

    signal: [F, C]; the error is infinite where there are too few chirps.
    """
    frames, chirps = signal.shape
    rounds = chirps // count
    if frames * rounds < 16 or rounds < 2:
        return np.zeros(count, np.complex64), np.inf
    turns = signal[:, :rounds * count].reshape(frames, rounds, count)
    if rounds >= 16:  # means of short pieces, so that what stands still or drifts goes for every transmitter apart
        rounds = rounds // 16 * 16
        pieces = turns[:, :rounds].reshape(frames, -1, 16, count)
        turns = (pieces - pieces.mean(axis=2, keepdims=True)).reshape(frames, rounds, count)
    else:
        turns = turns - turns.mean(axis=(0, 1))
    unit = unit_steps(turns.reshape(frames, -1))  # [F, rounds * count - 1]
    steps = np.stack([unit[:, k::count][:, :rounds - 1].mean() for k in range(count)])
    return steps, 1 / np.sqrt(frames * (rounds - 1))
