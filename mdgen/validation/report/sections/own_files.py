"""The section on files as others read them, and on the levels that they are painted from."""

from html import escape

from mdgen.validation.report.html import both, look_up, section
from mdgen.validation.report.sections.training import arm
from mdgen.validation.report.tables import Number, Table

KINDS = {"held_out": "the held-out files", "read_and_written": "the same, read and written by mdgen",
         "autoencoded": "the same, through the autoencoder, too", "generated": "generated files"}


def judged_files(results: dict, exhibits) -> str:
    """Accuracies and distances of files for classifiers that were trained on the training files."""
    found = results["own_files"]
    sizes = found["by_size"]
    rows = [[words, *(cell for line in sizes for cell in (arm(line["accuracy"], kind),
                                                          Number(look_up(line, "fd", kind), ".1f")))]
            for kind, words in KINDS.items() if kind in sizes[0]["accuracy"]]
    header = ["files", *(f"{what}, {line['size']} px" for line in sizes for what in ("recognised", "distance"))]
    use, taught = found["usefulness"], ""
    if use:
        taught = (f"<p>A classifier trained on the real files recognises {arm(use, 'real')} of the held-out files, on "
                  f"generated files alone {arm(use, 'generated')}, on both {arm(use, 'both')}.</p>")
    return section("In your own files",
                   f"The training files are read as anybody would read them: RGB, shrunk by a box filter. Classifiers "
                   f"trained on them are shown other files ({escape(found['format'])}). Read and written: real files "
                   "through mdgen's reader and writer, the ceiling of any generator of this size. Distance: Fréchet "
                   "distance to the training files in the classifier's features, of equally many files. Mean and "
                   "standard deviation over seeds.",
                   exhibits.table(Table("own_files", header, rows, "Files for classifiers of the training files")),
                   taught)


def levels(found: dict, exhibits) -> str:
    """How often each level occurs."""
    rows = [[f"{low}" if low == high else f"{low} to {high}",
             *(Number(look_up(found, "shares", kind, k), ".3f") for kind in ("generated", "held_out", "training"))]
            for k, (low, high) in enumerate(found["bands"])]
    pair = both(found["distance"])
    return section("Levels",
                   "Shares of all pixels, from the floor (0) to the strongest echo (255). Too few at the floor and too "
                   "many just above it are a haze. Distance to the training images, in levels (Wasserstein): "
                   f"generated {pair[0]}, held-out {pair[1]}.",
                   exhibits.table(Table("levels", ["level", "generated", "real held-out", "training"], rows,
                                        "Shares of the levels")))
