"""Which images are held out without a leak: the ends of every user's recordings, whole recordings, or those of a name.

Images are given by their users, recordings and windows (`mdgen.data.windows`), parts as their places.
"""

import numpy as np
import torch

from mdgen.data.image_io import shown
from mdgen.data.windows import WINDOWS_FILE, Recordings, overlapping
from mdgen.errors import RequestError


def block_sizes(count: int, fractions=(0.85, 0.15), gap: int = 4):
    """Sizes of contiguous parts of count images, and the gap between them: (list of int, int).

    Every part has at least one image. The gap is as asked unless a part would be empty; then it shrinks as
    far as it must. Raises RequestError if count is less than the number of parts.
    """
    parts = len(fractions)
    check_fractions(fractions, gap)
    if count < parts:
        raise RequestError(f"{count} images cannot be split into {parts} parts; add images")
    if parts > 1:
        gap = min(gap, (count - parts) // (parts - 1))
    spare = count - gap * (parts - 1) - parts  # after one image for each part
    ends = np.rint(np.cumsum(fractions) * spare).astype(int)
    return (np.diff(ends, prepend=0) + 1).tolist(), gap


def check_fractions(fractions, gap=0):
    if not fractions or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6 or gap < 0:
        raise RequestError(f"a split into {tuple(fractions)} with gap {gap} is not possible; fractions must "
                           "be above 0 and sum to 1, and the gap 0 or more")


def split_blocks(labels, fractions=(0.85, 0.15), gap: int = 4, windows=None, names=None, recordings=None):
    """Leak-free split of windows in recording order: a list of int64 index tensors, one per fraction.

    Neighbouring windows of a recording overlap, so the images of each recording, in the order in which labels [N] holds
    them, are cut into contiguous blocks with `gap` images dropped in between. Every user is in every part.
    recordings: [N] int64, which recording an image is of; by default that of its window, or one for each user. A user
    with one recording that is too short for the gap gets a smaller one (see `block_sizes`). Where there are others, a
    recording too short for the gap, or of which a part would get less than half an image, stays whole, in the part that
    keeps the fractions best.
    windows: what is known of the overlap, int64 [N, 3] rows (recording, first sample, last sample). Then blocks are
    contiguous in that order, and what is dropped, of the gap as beyond it, is what shares samples with a later part.
    names: the users', for messages. Raises RequestError naming a user whose images do not give every part one.
    """
    labels = np.asarray(labels)
    if recordings is None:
        recordings = labels if windows is None else windows[:, 0]

    def cut(places, name):
        return cut_recordings(places, np.asarray(recordings), fractions, gap, windows, name)

    return split_users(labels, len(fractions), cut, windows, names)


def split_recordings(labels, fractions, recordings, names=None):
    """The same with whole recordings [N], in the order of their numbers: parts as near to the fractions as these allow.

    Raises RequestError naming a user with fewer recordings than parts.
    """
    check_fractions(fractions)
    recordings = np.asarray(recordings)

    def cut(places, name):
        own = one_by_one(places, recordings)
        if len(own) < len(fractions):
            raise RequestError(f"user {name} has one recording, but data.held_out=recording holds whole ones out; "
                               "record again, or leave it at data.held_out=block")
        return dealt(own, whole_parts(own, fractions), len(fractions))

    return split_users(labels, len(fractions), cut, None, names)


def split_named(labels, recordings: Recordings, patterns, names=None):
    """Training and held-out images: those of the recordings that patterns name (`Recordings.matching`) are held out.

    Raises RequestError naming a user of whom all or no images would be held out.
    """
    chosen = recordings.matching(patterns)[recordings.of]

    def cut(places, name):
        hits = chosen[places]
        if hits.all() or not hits.any():
            raise RequestError(f"data.held_out_names ({', '.join(map(shown, patterns))}) holds out "
                               f"{'all' if hits.any() else 'no'} images of user {name}; expected some, so that the "
                               "user is trained on and judged. Name others, or leave the user out")
        return [places[~hits], places[hits]]

    return split_users(labels, 2, cut, None, names)


def split_ends(labels, fractions, gap: int, windows=None, names=None):
    """What `split_blocks` was before users could have several recordings, for runs that were begun then: all of a
    user's images in a row are cut, and the gap is dropped whether or not it shares samples."""
    def cut(places, name):
        if windows is None:
            return contiguous(places, fractions, gap)
        return disjoint(places, fractions, gap, windows, fill=False) or refuse_one_moment(places, name)

    return split_users(labels, len(fractions), cut, windows, names)


def refuse_one_moment(places, name):
    raise RequestError(f"user {name} has {len(places)} windows, but all of them share samples, so that no two can be "
                       "in different parts; record for longer, or cut with less overlap")


def split_users(labels, parts: int, cut, windows=None, names=None):
    """A list of `parts` index tensors from cut(places [n], name), which gives those of one user in every part."""
    labels = np.asarray(labels)
    found = [[] for _ in range(parts)]
    for user in np.unique(labels):
        places, name = np.flatnonzero(labels == user), names[user] if names else user
        if len(places) < parts:
            raise RequestError(f"user {name} has {len(places)} image{'s' if len(places) > 1 else ''}, but a split into "
                               f"{parts} parts needs one for each; add images or leave the user out")
        for part, block in zip(found, cut(places, name), strict=True):
            part.append(block)
    found = [np.concatenate([*part, np.empty(0, np.int64)]) for part in found]
    if windows is not None and any(overlapping(windows[part], windows[np.concatenate([part[:0], *found[i + 1:]])]).any()
                                   for i, part in enumerate(found)):
        raise RequestError(f"{WINDOWS_FILE} lists one recording under several users, so that their windows share "
                           "samples; give every recording one user")
    return [torch.from_numpy(part) for part in found]


def one_by_one(places, recordings):
    """places [n] of every recording, by the numbers of recordings [N]: a list of int64 arrays."""
    return [places[recordings[places] == number] for number in np.unique(recordings[places])]


def cut_recordings(places, recordings, fractions, gap, windows, name):
    """One user's part of `split_blocks`: places [n] -> the places of every part."""
    own = one_by_one(places, recordings)
    cuts = [cut_one(recording, fractions, gap, windows, len(own) == 1) for recording in own]
    short = [recording for recording, blocks in zip(own, cuts) if blocks is None]
    if len(short) == len(own) < len(fractions):
        refuse_one_moment(places, name)
    homes = iter(dealt([recording], [part], len(fractions)) for recording, part in zip(
        short, whole_parts(short, fractions, least=int(len(short) == len(own)))))
    return [np.concatenate(blocks) for blocks in zip(*(blocks or next(homes) for blocks in cuts))]


def cut_one(places, fractions, gap, windows, alone: bool):
    """The blocks of one recording; None where it is too short for them. alone: its user has no other."""
    if not alone and len(places) * min(fractions) < 0.5:   # one image would be far more than the share
        return None
    if len(places) < len(fractions):
        return None
    if windows is not None:
        return disjoint(places, fractions, gap, windows)
    return contiguous(places, fractions, gap) if alone or block_sizes(len(places), fractions, gap)[1] == gap else None


def whole_parts(recordings, fractions, least: int = 1):
    """The part of every recording (arrays), later ones in later parts, so that parts have images as near to the
    fractions as may be and `least` recordings or more: int [R]."""
    counts = np.array([len(recording) for recording in recordings], np.int64)
    reached, ends = np.concatenate([[0], counts.cumsum()]), [0]
    for share, later in zip(np.cumsum(fractions)[:-1], range(len(fractions) - 1, 0, -1)):
        choice = np.arange(ends[-1] + least, len(counts) - least * later + 1)
        ends.append(choice[np.abs(reached[choice] - share * reached[-1]).argmin()])
    return np.searchsorted(ends[1:], np.arange(len(counts)), side="right")


def dealt(recordings, homes, parts: int):
    """The places of every part, from recordings (arrays) and the part that each is in."""
    nothing = np.empty(0, np.int64)
    return [np.concatenate([nothing, *(places for places, home in zip(recordings, homes) if home == part)])
            for part in range(parts)]


def contiguous(places, fractions, gap, fill: bool = False):
    """places [n] cut into blocks with the gap between them, which falls to the earlier one with `fill`: a list of int64
    arrays."""
    sizes, dropped = block_sizes(len(places), fractions, gap)
    starts = np.cumsum([0] + [size + dropped for size in sizes[:-1]])
    ends = [*starts[1:], len(places)] if fill else starts + sizes
    return [places[start:end] for start, end in zip(starts, ends, strict=True)]


def disjoint(places, fractions, gap, windows, fill: bool = True):
    """As `contiguous`, in the order of windows [N, 3], without what an earlier block shares with a later one.

    Where that leaves a block empty, a wider gap makes the later blocks smaller, down to one image each. None where
    that does not help either.
    """
    places = places[np.lexsort(windows[places].T[::-1])]
    for wider in range(gap, max(gap + 1, len(places))):
        *earlier, last = contiguous(places, fractions, wider, fill)
        blocks = [last]
        for block in reversed(earlier):
            blocks.insert(0, block[~overlapping(windows[block], windows[np.concatenate(blocks)])])
        if all(map(len, blocks)):
            return blocks
    return None
