"""Which axis of an array is what. An axis that nobody named is never summed: the user is asked."""

from dataclasses import dataclass

from mdgen.errors import RequestError
from mdgen.radar.recording_files import spelled


@dataclass(frozen=True)
class Layout:
    """The order of axes in the arrays that a maker's own programs save. names: of the axes; the rest as in `Axes`."""

    names: tuple
    slow: tuple
    summed: tuple = ()
    fast: int | None = None
    bins: int | None = None


LAYOUTS = {
    # DCA1000 captures as mmWave Studio's and OpenRadar's readers sort them
    "ti": Layout(("frames", "chirps", "receivers", "samples"), slow=(0, 1), summed=(2,), fast=3),
    # Radar SDK of the XENSIV BGT60 sensors
    "infineon": Layout(("frames", "receivers", "chirps", "samples"), slow=(0, 2), summed=(1,), fast=3),
    # sparse IQ of the A121: the sensor gives distances, not raw samples
    "acconeer": Layout(("frames", "sweeps", "distances"), slow=(0, 1), bins=2),
    # one receiver without frames, as in the text files of Ancortek's radars
    "chirps": Layout(("chirps", "samples"), slow=(0,), fast=1),
}


@dataclass(frozen=True)
class Axes:
    """Axes of an array, from 0.

    slow: slow time, or frames and the chirps of a frame. fast: raw samples in a chirp; bins: range bins; either or
    neither. summed: those whose power adds up. picked: ((axis, index), ...), of which one index is used. stack: every
    index of it is a recording of its own.
    """

    slow: tuple
    fast: int | None = None
    bins: int | None = None
    summed: tuple = ()
    picked: tuple = ()
    stack: int | None = None

    @property
    def order(self):
        """All axes as `Recording.read` gives them: those of one index, then what adds up, range, slow time."""
        alone = [axis for axis, _ in self.picked] + ([] if self.stack is None else [self.stack])
        return (*alone, *self.summed, *(axis for axis in (self.fast, self.bins) if axis is not None), *self.slow)


def find_axes(path, shape, *, slow=None, fast=None, bins=None, summed=(), index=(), stack=None, layout=None):
    """The Axes of an array of a shape, as named; slow time need not be named where no other axis is left.

    slow: None, an axis or two; index: "AXIS=K" each; layout: a name in LAYOUTS. Axes of length 1 need no name.
    RequestError where an axis has two names or none.
    """
    slow = () if slow is None else tuple(slow) if isinstance(slow, (tuple, list)) else (slow,)
    picked = tuple(parse_index(path, shape, text) for text in index)
    if layout:
        check_layout(path, shape, layout, slow, fast, bins, summed)
        chosen = LAYOUTS[layout]
        slow, fast, bins, summed = chosen.slow, chosen.fast, chosen.bins, chosen.summed
        summed = [axis for axis in summed if axis not in dict(picked)]  # one receiver of them
    if not shape:
        raise RequestError(f"{path} is {spelled(shape)}; expected an array with an axis of slow time. Correct "
                           "--variable, or save one recording a file")
    named = [("--slow-axis", axis) for axis in slow] + [("--sum-axis", axis) for axis in summed]
    named += [(flag, axis) for flag, axis in (("--fast-axis", fast), ("--range-axis", bins), ("--stack-axis", stack))
              if axis is not None]
    places = {}
    for flag, axis in [*((flag, named_axis(path, shape, axis, flag)) for flag, axis in named),
                       *(("--index", axis) for axis, _ in picked)]:
        if axis in places:
            raise RequestError(f"{places[axis]} and {flag} are both {axis}; name two axes of {path} "
                               f"({spelled(shape)})")
        places[axis] = flag
    rest = [axis for axis in range(len(shape)) if axis not in places]
    free = [axis for axis in rest if shape[axis] > 1]
    if not slow and (len(free) == 1 or not free and rest):
        slow = (free or rest)[-1:]
        free = []
    if free or not slow:
        raise RequestError(unnamed(path, shape, free, slow))
    whole = [None if axis is None else axis % len(shape) for axis in (fast, bins, stack)]
    slow, summed = ([axis % len(shape) for axis in axes] for axes in (slow, summed))
    alone = [axis for axis in rest if axis not in slow]
    return Axes(tuple(slow), whole[0], whole[1], (*summed, *alone), picked, whole[2])


def unnamed(path, shape, free, slow):
    """The message for axes that have no name."""
    if not free:
        return f"{path} is {spelled(shape)}, and no axis is left for slow time; name it with --slow-axis"
    lengths = " and ".join(f"{axis} (length {shape[axis]})" for axis in free)
    what, shortest = "what they are" if len(free) > 1 else "what it is", min(free, key=lambda axis: shape[axis])
    makers = [name for name, layout in LAYOUTS.items() if len(layout.names) == len(shape) > 2 and not slow]
    of_maker = f"; --layout {' or '.join(makers)} names all of them as these save them" if makers else ""
    slow = "" if slow else f"slow time with --slow-axis (0 to {len(shape) - 1}), "
    return (f"{path} is {spelled(shape)}, and nothing says {what}: axis {lengths}. Name {slow}frames and their chirps "
            f"with two of --slow-axis, channels whose power adds up with --sum-axis {shortest}, or take one of them "
            f"with --index {shortest}=0{of_maker}")


def check_layout(path, shape, layout, *named):
    names = LAYOUTS[layout].names
    if len(shape) != len(names):
        raise RequestError(f"{path} is {spelled(shape)}, but --layout {layout} is for {len(names)} axes: "
                           f"{', '.join(names)}; name the axes with --slow-axis, --fast-axis and --sum-axis instead")
    if any(axis not in (None, ()) for axis in named):
        raise RequestError(f"--layout {layout} names all axes ({', '.join(names)}); leave --slow-axis, --fast-axis, "
                           "--range-axis and --sum-axis out, or --layout")


def parse_index(path, shape, text):
    """"AXIS=K" -> (axis, index)."""
    try:
        axis, k = (int(part) for part in text.split("="))
    except ValueError:
        raise RequestError(f"--index is {text}; expected AXIS=K, such as 1=0 for the first of axis 1") from None
    axis = named_axis(path, shape, axis, "--index")
    if not -shape[axis] <= k < shape[axis]:
        raise RequestError(f"--index is {text}, but axis {axis} of {path} ({spelled(shape)}) has length {shape[axis]}; "
                           f"give one of 0 to {shape[axis] - 1}")
    return axis, k % shape[axis]


def named_axis(path, shape, axis, flag):
    if not -len(shape) <= axis < len(shape):
        raise RequestError(f"{flag} is {axis}, but {path} ({spelled(shape)}) has {len(shape)} axes; give one of 0 to "
                           f"{len(shape) - 1}")
    return axis % len(shape)
