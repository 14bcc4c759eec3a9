"""The report as one HTML page: the verdict first, then every figure beside its floor or ceiling."""

from mdgen.validation.report.exhibits import Exhibits
from mdgen.validation.report.html import page
from mdgen.validation.report.pdf import pdf_possible
from mdgen.validation.report.sections import distribution, evidence, held_out, identity, overview, own_files, training


def render(results: dict, pictures, couples, exhibits: Exhibits, sets=(None, None, None), colormap=None, axes=None,
           log=None) -> str:
    """The page; its figures and tables are collected in `exhibits`. What results or sets do not hold is left out.

    pictures: per user (real held-out, generated), uint8 [n, H, W, 3] each; couples: see `nearest_couples`; sets:
    training, held-out and generated JudgedSets; colormap: of their images; axes: ImageAxes; log: path of log.jsonl.
    """
    def where(key, make, *more):
        return make(results[key], *more) if results.get(key) else ""

    def within(key, make, *more):
        return make(results, *more) if results.get(key) else ""

    look = sets, colormap, axes, exhibits
    sections = [
        overview.introduction(results), overview.verdict_box(results["verdict"], exhibits),
        overview.cards(results, exhibits),
        overview.users(results, pictures, exhibits),
        within("split", held_out.held_out, exhibits),
        within("recognition", identity.recognised, exhibits), within("own_files", own_files.judged_files, exhibits),
        where("verification", identity.verified, exhibits),
        identity.identity_basis(results.get("identity_basis"), exhibits),
        evidence.two_sample(results, *look), where("levels", own_files.levels, exhibits),
        *(distribution.distances(extractor, part, exhibits)
          for extractor, part in (results.get("distribution") or {}).items()),
        where("tests", evidence.tested, results["users"], exhibits),
        distribution.on_average(*look), distribution.spread(results, exhibits),
        within("physics", distribution.gait, exhibits), evidence.cases(results, *look),
        within("originality", evidence.originality, couples, exhibits),
        training.honest(results.get("honest"), exhibits),
        training.usefulness(results.get("usefulness"), exhibits, bool(results.get("honest"))),
        training.trained(log, exhibits), overview.methods(results, exhibits),
        overview.footer(results, pdf_possible())]
    return page("mdgen report", "\n".join(filter(None, sections)))
