"""Does a judge know what it says? One that does not beat chance on real images says nothing of generated ones."""

BEYOND_CHANCE = 0.25   # share of the way from chance to a perfect judge that the interval has to have gone


def trust(figure: str, value: float, interval, chance: float, *, perfect: float) -> dict:
    """Whether a judge clearly beats chance on real held-out images: {"figure", "value", "interval", "chance", "needs",
    "trusted", "reason"}.

    figure: its name; value and its 95 % interval [low, high]; chance, perfect: what guessing and a perfect judge get.
    The end of the interval that is nearer to chance must lie a quarter of the way from chance to perfect or beyond
    ("needs"). reason: None where the judge is trusted, else one line.
    """
    needs, sign = chance + BEYOND_CHANCE * (perfect - chance), 1 if perfect > chance else -1
    nearer = (interval[0] if sign > 0 else interval[1]) if interval else value
    trusted = sign * (nearer - needs) >= 0
    spread = f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else ""
    reason = None if trusted else (
        f"the judge's {figure} on real held-out images is {value:.2f}{spread} where guessing gives {chance:.2f}; it "
        f"would have to reach {needs:.2f} at the end nearer to chance")
    return {"figure": figure, "value": value, "interval": interval, "chance": chance, "needs": needs,
            "trusted": bool(trusted), "reason": reason}


def trust_in_classifier(recognition: dict, num_users: int) -> dict:
    """Of the user classifier: recognition of held-out images with its "interval"."""
    return trust("accuracy", recognition["accuracy"], recognition["interval"], 1 / num_users, perfect=1.0)


def trust_in_verification(verification: dict) -> dict:
    """Of the Siamese network: verification of held-out images with its "intervals"."""
    return trust("equal error rate", verification["eer"], verification["intervals"]["eer"], 0.5, perfect=0.0)


def trust_in_files(own_files: dict, num_users: int) -> dict:
    """Of the classifiers of the training files: their mean accuracy on the held-out files at the first size."""
    return trust("accuracy", own_files["by_size"][0]["accuracy"]["held_out"]["mean"], None, 1 / num_users, perfect=1.0)
