"""Findings about how images look: frames, colour maps, inverted and dark ones, few levels."""

import numpy as np

from mdgen.data.check.findings import DECISION, NOTE, Finding, images, listed
from mdgen.data.check.survey import MAPPED, Survey, spaced
from mdgen.data.color_tables import CYCLES, color_table
from mdgen.data.colormap import candidates, to_levels

SLACK = 2           # pixels by which the frames of two users may differ and one crop still does
DARK = 128          # of 255: a set whose strongest echo is below has lost half of its levels
FEW_LEVELS = 32     # of 256, that a set without compression has in all
WORSE = 2.5         # times the usual misfit, and
LEAST_MISFIT = 8.0  # a misfit at the least, from which on images are in another map
SHOWN = 3           # maps that are named with their misfit


def find(survey: Survey, channels: str = "auto") -> list:
    """channels: as the reader is told; images that shall stay RGB need no colour map."""
    found = [frames(survey), *levels(survey)]
    if channels != "rgb":
        found += [colours_and_grey(survey), unknown_map(survey), which_map(survey), other_maps(survey),
                  inverted(survey)]
    return [finding for finding in found if finding]


def common_crop(crops: dict):
    """The crop (left, top, right, bottom) that all users' frames {user: crop} ask for; () where there is none, None
    where they ask for different ones."""
    crops = np.array([crop or (0, 0, 0, 0) for crop in crops.values()])
    if np.ptp(crops, axis=0).max() > SLACK:
        return None
    most = tuple(int(side) for side in crops.max(axis=0))
    return most if any(most) else ()


def frames(survey: Survey):
    framed = [row for row, one in enumerate(survey.looks) if one.framed]
    if not framed:
        return None
    crop, whose = common_crop(survey.crops), listed(survey.names(framed))
    counts = {"images": len(framed), "crops": {user: list(crop) for user, crop in survey.crops.items()}}
    if crop is None:
        return Finding("frames", DECISION, f"{images(len(framed))} of {len(survey.looks)} have the same pixels around "
                       f"the spectrogram (frame, axes or colour bar), but not all users alike; seen in {whose}",
                       "make these files anew without them: data.crop cuts all files alike", counts)
    left, top, right, bottom = crop
    return Finding("frames", DECISION, f"{images(len(framed))} of {len(survey.looks)} have the same pixels around the "
                   f"spectrogram (frame, axes or colour bar): {left} at the left, {top} at the top, {right} at the "
                   f"right, {bottom} at the bottom; seen in {whose}",
                   f"--set data.crop=[{left},{top},{right},{bottom}] or --set data.crop=auto", counts)


# --- colours ---

def rows_of(survey: Survey, grey: bool) -> list:
    return [row for row, one in enumerate(survey.looks) if one.grey == grey]


def colours_and_grey(survey: Survey):
    grey, coloured = rows_of(survey, True), rows_of(survey, False)
    if not grey or not coloured:
        return None
    less = grey if len(grey) < len(coloured) else coloured
    return Finding("colours_and_gray", DECISION, f"{images(len(coloured))} are in colours and {len(grey)} in gray, "
                   f"whose levels are taken as they are; the fewer ones are of {listed(survey.names(less))}",
                   "make all of them with one colour map", {"coloured": len(coloured), "gray": len(grey)})


def fits(survey: Survey, rows) -> list:
    """(colour map, misfit) of some of the images, nearest first; of a map and its reverse, which fit alike, one."""
    found, names = [], set()
    for name, distance in candidates([survey.looks[row].colours for row in spaced(rows, MAPPED)]):
        if name.removesuffix("_r") not in names:
            found.append((name, round(distance, 1)))
        names.add(name.removesuffix("_r"))
    return found


def told(found) -> str:
    return ", ".join(f"{name} {distance:.0f}" for name, distance in found[:SHOWN])


def unknown_map(survey: Survey):
    rows = rows_of(survey, False)
    if survey.colormap is not None or not rows:
        return None
    found = fits(survey, rows)
    known = next(name for name, _ in found if name not in CYCLES)
    return Finding("unknown_colormap", DECISION, f"the colours of {images(len(rows))} are those of no known map, so "
                   "that they are learnt as RGB, without intensities; nearest, with their misfit (0 to 442): "
                   f"{told(found)}", f"--set data.colormap={known} if it is that one, --set data.channels=rgb if RGB "
                   "is meant, or make the files anew in jet or gray", dict(found))


def which_map(survey: Survey):
    """A map that is only the likeliest of several; a reversed one, which is read as such."""
    if survey.undecided:
        text, _, cure = survey.undecided.partition("; ")
        rows = rows_of(survey, False) or list(range(len(survey.looks)))
        return Finding("ambiguous_colormap", DECISION, text, cure, dict(fits(survey, rows)))
    if survey.colormap and survey.colormap.endswith("_r"):
        return Finding("reversed_colormap", NOTE, f"the images are painted in {survey.colormap}, a reversed map with a "
                       "bright floor, and are read so", "none needed; --set data.colormap=NAME if it is another one")
    return None


def other_maps(survey: Survey):
    """Images in colours that do not fit the map of the set: far worse than most, and better another one."""
    rows = [] if survey.colormap in (None, "gray", "gray_r") else rows_of(survey, False)
    if not rows:
        return None
    colours = np.stack([survey.looks[row].colours for row in rows])                   # [m, THUMB, THUMB, 3]
    painted = color_table(survey.colormap)[to_levels(colours, survey.colormap)].astype(np.float32)
    distances = np.linalg.norm(colours - painted, axis=-1).mean(axis=(1, 2))
    if not (odd := distances > max(WORSE * np.median(distances), LEAST_MISFIT)).any():
        return None
    rows = [row for row, one in zip(rows, odd) if one]
    found = fits(survey, rows)
    if found[0][0].removesuffix("_r") == survey.colormap.removesuffix("_r"):
        return None   # nearer to no other
    return Finding("mixed_colormaps", DECISION, f"{images(len(rows))} of {len(survey.looks)} are not in "
                   f"{survey.colormap}, by which all are read; nearest to them, with their misfit (0 to 442): "
                   f"{told(found)}; seen in {listed(survey.names(rows))}", "make all files with one colour map",
                   {"images": len(rows), **dict(found)})


def inverted(survey: Survey):
    """Images whose floor is bright and whose echoes are dark: the usual level is high, and most others lie below."""
    if survey.colormap is None or survey.undecided:
        return None
    low, middle, high = np.percentile(survey.levels.reshape(len(survey.looks), -1), [5, 50, 95], axis=1)
    rows = np.flatnonzero((middle > DARK) & (middle - low > 1.5 * (high - middle)))
    if not len(rows):
        return None
    return Finding("inverted", DECISION, f"{images(len(rows))} of {len(survey.looks)} look inverted: a bright floor "
                   f"and dark echoes as {survey.colormap}; seen in {listed(survey.names(rows))}",
                   f"--set data.colormap={survey.colormap.removesuffix('_r')}_r if all are so, else make these anew",
                   {"images": len(rows)})


# --- levels ---

def levels(survey: Survey) -> list:
    """Sets that use a small part of the levels."""
    deep = {row: int(one.values.max()) for row, one in enumerate(survey.looks)
            if one.depth == 16 and one.values is not None}
    found = [depth(survey, deep)] if deep else []
    largest = int(survey.levels.max())
    if largest < DARK:
        found.append(Finding("dark", DECISION, f"the strongest echo of all images has level {largest} of 255",
                             "make the files with the strongest echo at the end of the scale", {"largest": largest}))
    plain = [one.values for one in survey.looks if one.values is not None and one.kind != "JPEG"]
    if len(plain) == len(survey.looks) and (count := len(np.unique(np.concatenate(plain)))) < FEW_LEVELS:
        found.append(Finding("few_levels", NOTE, f"all images together have {count} different levels",
                             "make the files with 256 levels, if the radar gives them", {"levels": count}))
    return found


def depth(survey: Survey, deep: dict) -> Finding:
    """The bits that 16-bit files use, and whether all users' files use the same."""
    bits = {user: max(deep[row] for row in deep if survey.users[survey.labels[row]] == user).bit_length()
            for user in survey.names(list(deep))}
    most = max(deep.values())
    count = len(np.unique(np.concatenate([survey.looks[row].values for row in deep])))
    counts = {"largest": most, "levels": count, "bits": bits}
    text = (f"{images(len(deep))} are of 16 bit; their largest value is {most}, so that they are read as "
            f"{survey.depth} bit; they have {count} different values")
    if len(set(bits.values())) > 1 and max(bits.values()) > min(bits.values()) + 1:
        few = [user for user in bits if bits[user] < max(bits.values()) - 1]
        return Finding("depth", DECISION, f"{text}; those of {listed(few)} use fewer bits than the others'",
                       "write all files with one full scale", counts)
    return Finding("depth", NOTE, text, "none needed where the strongest echo reads as white", counts)
