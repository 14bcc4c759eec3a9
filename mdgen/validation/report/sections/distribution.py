"""Sections about sets as a whole: distances, gait, mean images and spectra, features."""

from html import escape

from mdgen.validation.comparisons.distribution import NAMES
from mdgen.validation.report.html import COLUMNS, SIDES, both, folded, look_up, section, side_by_side
from mdgen.validation.report.looks import POINTS, feature_scatter, mean_images, mean_spectrum
from mdgen.validation.report.summary import FEATURES_OF
from mdgen.validation.report.tables import Number, Table

FLOORS = "generated", "floor"   # how a Fréchet distance names the two sides


def distances(extractor: str, part: dict, exhibits) -> str:
    """All distribution metrics in the features of one extractor."""
    fd, kd, score = NAMES[extractor].values()
    d, k, s = part[fd], part.get(kd) or {}, part.get(score) or {}
    rows = [*([f"{fd} to {others} images, N = {d['n']} to {count}",
               *(Number(look_up(d, key, side), interval=look_up(d, key, f"{side}_interval")) for side in FLOORS)]
              for others, key, count in (("training", "against_training", d["n_training"]),
                                         ("held-out", "against_held_out", d["n"])) if d.get(key))]
    if whole := d.get("all_images"):
        rows.append([f"{fd} to training images, all: {whole['n']} or {whole['n_held_out']} to {whole['n_training']}",
                     *(Number(whole.get(f"{side}_to_training")) for side in SIDES)])
    rows.append([f"{kd} to training images ± standard error", *(
        Number(look_up(k, side, "value"), ".3g", error=look_up(k, side, "standard_error")) for side in SIDES)])
    rows += [[name, *both(part[name])] for name in ("precision", "recall", "density", "coverage") if part.get(name)]
    if s:
        rows.append([f"{score}, N = {s['n']} in {s['splits']} split{'s' if s['splits'] > 1 else ''}", *both(s)])
    warning = ("2015 Inception weights: comparable with published figures at the same N." if fd == "fid" else
               "This is no FID: compare it only within this report.")
    return section(f"Distribution, in {FEATURES_OF[extractor]}",
                   f"{warning} Fréchet distance (fd) and kernel distance (kd): lower is closer, and the held-out "
                   "column is the floor. Precision: share of images that lie among real ones. Recall: share of real "
                   "images that lie among these. Density and coverage: the same, but more robust to outliers. "
                   "Inception Score (is): high for confident and varied class predictions.",
                   exhibits.table(Table(f"distribution_{extractor}", ["measure", *COLUMNS], rows,
                                        f"Distribution metrics in {FEATURES_OF[extractor]}")))


def spread(results: dict, exhibits) -> str:
    """Diversity and fine texture of both sides, with their intervals."""
    asked = (("diversity within a user, features", ("diversity", "features")),
             ("diversity within a user, pixels", ("diversity", "pixels")), ("fine texture", ("texture",)))
    rows = [[title, *both(part, "overall", interval=("interval",))] for title, path in asked
            if (part := look_up(results, *path))]
    if not rows:
        return ""
    return section("Diversity and texture",
                   "Distance between images of one user, and spectral power beyond "
                   f"{Number(look_up(results, 'texture', 'cycles'), '.0f')} cycles per image, both as shares of that "
                   "of real training images. 1 is as in training.",
                   exhibits.table(Table("diversity_texture", ["share of training images'", *COLUMNS], rows,
                                        "Diversity and fine texture")))


def on_average(sets, colormap, axes, exhibits) -> str:
    """Mean images, mean spectra and the features' main plane; what the sets do not hold is left out."""
    grid, spectrum, cloud = mean_images(sets, colormap, axes), mean_spectrum(sets, axes), feature_scatter(*sets)
    if not (grid or spectrum or cloud):
        return ""
    return section("On average, and in the judge's features",
                   "Mean image: the mean level over all images of a set. Mean spectrum: the same over time too, one "
                   "value for every Doppler row; a curve above the real ones where there is no echo is a haze. "
                   "Scatter: features of the user classifier in the two directions in which those of training images "
                   f"vary most (principal component analysis), at most {2 * POINTS} images. Generated images should "
                   "lie where held-out ones do.",
                   exhibits.figure(grid), side_by_side(exhibits.figure(spectrum), exhibits.figure(cloud)))


def gait(results: dict, exhibits) -> str:
    """Distances of gait and texture in units of the user's own variation."""
    physics, names = results["physics"], results["users"]
    measured = {name.replace("_", " "): feature for name, feature in physics["features"].items() if feature}
    rows = [[name, *(tuple(both(feature, key, "overall")) for key in ("to_user", "to_others", "spread")),
             Number(look_up(feature, "separability", "overall"))] for name, feature in measured.items()]
    missing = "; ".join(f"{name.replace('_', ' ')}: {reason}" for name, reason in physics["not_measured"].items())
    per_user = [[name, *(tuple(both(feature, "to_user", "per_user", user)) for user in range(len(names)))]
                for name, feature in measured.items()]
    return section("Gait and texture",
                   "To the user: mean distance to the user's real training images, over that among those. 1: as near "
                   "as the user's own images are to each other. To others: mean distance to other users' training "
                   "images, over that of the user's own. Spread: mean distance within the set, over that within the "
                   "user's training images. Between / within: mean distance between users, over that within a user; "
                   "near 1 the measure cannot tell users apart. Pairs are generated / real held-out.",
                   exhibits.table(Table("gait", ["measure", "to the user", "to others", "spread", "between / within"],
                                        rows, "Gait and texture, generated / real held-out")),
                   f"<p class=\"soft\">Not measured: {escape(missing)}.</p>" if missing else "",
                   folded("To the user, user by user: generated / real held-out", exhibits.table(Table(
                       "gait_per_user", ["measure", *names], per_user,
                       "Distance to the user's training images, generated / real held-out"))))
