"""The section about the real images that were held out: which, and what their recordings are worth as a test."""

from html import escape

from mdgen.validation.report.html import folded, look_up, section
from mdgen.validation.report.tables import Number, Table

KINDS = {"block": "the last {share:.0f} % of every recording", "end": "the last {share:.0f} % of every user's images",
         "recording": "the last recordings of every user, whole, about {share:.0f} % of the images",
         "names": "the recordings named {names}", "other": "images of another folder"}
TITLES = {"block": "block: the end of every recording", "recording": "recording: whole recordings"}


def chosen(found: dict) -> str:
    """Which images were held out, in words."""
    words = KINDS[found["kind"]].format(share=100 * found["share"], names=", ".join(found["names"]))
    if found["kind"] not in ("block", "end"):
        return words
    return words + (", without windows that share samples with them" if found["listed"] else
                    f", after a gap of {found['gap']} images")


def held_out(results: dict, exhibits) -> str:
    """Kind of the split, images and recordings of every user, accuracy by recording and by kind of split."""
    found, names = results["split"], results["users"]
    rows = [[name, *map(str, counts)] for name, *counts in zip(names, *(found[key] for key in (
        "recordings", "training", "held_out")))]
    counts = Table("split", ["user", "recordings", "training images", "held-out images"], rows,
                   "Real images of every user")
    several = max(found["recordings"]) > 1
    parts = [exhibits.table(by_recording(found["accuracy"]))] if several and found["accuracy"] else []
    parts += [exhibits.table(by_kind(found["both"]))] if found["both"] else []
    more = (" A judge can know a recording by its day, its clothes or its radar. So held-out images of recordings that "
            "it has seen the beginning of are easier than those of others. The small classifiers learn from real "
            "images alone, by either split.") if parts else ""
    return section("Which real images were held out",
                   f"Held out: {escape(chosen(found))} (data.held_out). {found['left_out']} images are in neither "
                   f"part.{more}", *parts, folded("Numbers of every user", exhibits.table(counts)))


def by_recording(found: dict) -> Table:
    rows = [[title, str(found[key]["n"]), Number(found[key]["accuracy"], interval=found[key]["interval"])]
            for key, title in (("seen", "recordings that training images are of, too"), ("unseen", "other recordings"))]
    return Table("accuracy_by_recording", ["held-out images of", "images", "accuracy"], rows,
                 "Accuracy of the user classifier on real held-out images, by recording")


def by_kind(found: dict) -> Table:
    rows = [[title, str(found[kind]["training"]), str(found[kind]["held_out"]),
             Number(look_up(found, kind, "accuracy", "mean"), error=look_up(found, kind, "accuracy", "std"))]
            for kind, title in TITLES.items()]
    return Table("accuracy_by_split", ["data.held_out", "training images", "held-out images", "accuracy"], rows,
                 f"Accuracy of small classifiers of the {found['users']} users with several recordings")
