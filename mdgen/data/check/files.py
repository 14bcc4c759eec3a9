"""Findings about the files themselves: what is not read, sizes and types, users with few images."""

from collections import Counter

import numpy as np

from mdgen.data.check.findings import DECISION, NOTE, Finding, images, listed
from mdgen.data.image_io import EXTENSIONS

PICTURES = (*EXTENSIONS, ".tif", ".tiff", ".bmp", ".webp", ".jfif", ".gif")
FEW = 20            # images of a user, of which half of what a generator makes are copies (docs/ablations.md)
SHAPE = 1.05        # of two proportions, above which the same walk looks different in both


def find(survey) -> list:
    return [finding for finding in (unreadable(survey), *skipped(survey), *formats(survey), small_users(survey))
            if finding]


def unreadable(survey):
    lines = survey.unreadable
    return lines and Finding("unreadable", DECISION, f"{images(len(lines))} cannot be read, first {lines[0]}",
                             "replace or remove them", {"files": lines})


def skipped(survey) -> list:
    """Images that the reader passes by, and other files."""
    found = []
    names = [str(path.relative_to(survey.root)) for path in survey.skipped]
    pictures = [name for name in names if name.lower().endswith(PICTURES)]
    if pictures:
        found.append(Finding("skipped_images", DECISION, f"{images(len(pictures))} in the users' folders are not read, "
                             f"such as {pictures[0]}; {len(survey.paths)} are",
                             f"put them directly into the user's folder, as {', '.join(EXTENSIONS)}, or move them away",
                             {"files": pictures}))
    if others := sorted(set(names) - set(pictures)):
        found.append(Finding("other_files", NOTE, f"{len(others)} files in the users' folders are no images, such as "
                             f"{others[0]}", "none needed; they are left alone", {"files": others}))
    return found


def formats(survey) -> list:
    """Sizes and types of which there are several: a decision where they alone tell users apart, or shapes differ."""
    if not survey.looks:
        return []
    heights, widths = np.array([look.size for look in survey.looks]).T
    different = (widths / heights).max() > SHAPE * (widths / heights).min()
    sizes = [f"{height} x {width}" for height, width in zip(heights, widths)]
    kinds = [f"{look.kind}, {look.depth} bit, {'gray' if look.grey else 'colours'}" for look in survey.looks]
    found = [mixed(survey, "mixed_sizes", "sizes", sizes, "make all files at one size, as the radar made them",
                   "of different proportions, so that the same walk looks different" if different else ""),
             mixed(survey, "mixed_types", "types", kinds, "make all files as one type", "")]
    return [finding for finding in found if finding]


def mixed(survey, name: str, what: str, values, cure: str, why: str):
    """One Finding where values, one for each image, are not all the same."""
    counts, owners = Counter(values), {}
    if len(counts) < 2:
        return None
    for value, label in zip(values, survey.labels):
        owners.setdefault(value, set()).add(survey.users[label])
    if sum(map(len, owners.values())) == len({user for users in owners.values() for user in users}):
        why = "and each user has one of them, which tells users apart without their walk"
    told = "; ".join(f"{value} ({images(count)} of {listed(sorted(owners[value]))})"
                     for value, count in counts.most_common(4))
    return Finding(name, DECISION if why else NOTE,
                   f"files have {len(counts)} {what}{', ' if why else ''}{why}: {told}", cure, dict(counts))


def small_users(survey):
    """Users with far fewer images than others."""
    counts = np.bincount(survey.labels, minlength=len(survey.users))
    usual = float(np.median(counts))
    rows = np.flatnonzero((counts < FEW) & (counts < usual / 2) | (counts < usual / 4))
    few = {survey.users[row]: int(counts[row]) for row in rows}
    if not few:
        return None
    told = listed(f"{user} has {count}" for user, count in few.items())
    return Finding("small_users", DECISION if min(few.values()) < FEW else NOTE,
                   f"{len(few)} of {len(survey.users)} users have far fewer images than the usual {usual:g}: {told}; "
                   "with 5 of a user nearly all, with 20 half of the generated images are copies",
                   "record more of them, or move their folders away", few)
