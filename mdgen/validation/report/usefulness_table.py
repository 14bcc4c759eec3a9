"""What generated images add to identification, as lines for a terminal: the honest curve first."""

from mdgen.validation.report.html import number, real_images

ARMS = {"real": "real alone", "both": "real + generated", "gain": "gain"}


def honest_lines(honest: dict) -> list[str]:
    """The result of `honest_usefulness`."""
    return [*heading(honest, "a generator for every line, trained on these real images alone"),
            columns("real images", *ARMS.values(), "generated alone", "copies of them"),
            *(columns(row["per_user"], *means(row), number(row["generated"]["mean"]),
                      number(row["copy_rate"], percent=True)) for row in honest["curve"])]


def study_lines(study: dict) -> list[str]:
    """The result of `usefulness`, the report's curve."""
    return [*heading(study, "the report's generator, which has seen all training images"),
            columns("real images", *ARMS.values()),
            *(columns(f"all ({real_images(row)})" if row["all"] else row["per_user"], *means(row))
              for row in study["curve"]),
            columns("none", "", number(study["tstr"]["mean"]), "")]


def heading(found: dict, generator: str) -> list[str]:
    return [f"identification of {found['held_out']} real held-out images: {generator}",
            f"accuracy, mean of {found['seeds']} seeds, chance {found['chance']:.2f}; real images per user"]


def means(row: dict) -> list[str]:
    """The figures of ARMS, with the deviation between seeds where there are several."""
    return [number(row[arm]["mean"]) + ("" if row[arm]["std"] is None else f" ± {row[arm]['std']:.2f}")
            for arm in ARMS]


def columns(*cells) -> str:
    first, *others = map(str, cells)
    return f"{first:<14}" + "".join(f"{cell:>18}" for cell in others)
