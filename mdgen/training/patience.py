"""Ending a training that no longer helps: the held-out error stops falling, or drawn images become copies."""

import copy
import math

MOST_COPIES = 0.1   # of a preview's images: of thirty, three may lie too near by chance


class Patience:
    """Counts reports in a row that were no better than the best one (Prechelt 1998), and keeps that one's average.

    limit: reports in a row after which training has `ended`; 0 never ends and keeps nothing.
    A report is better if its "error" is the lowest so far and its "copy_rate", if it has one, at most MOST_COPIES.
    """

    def __init__(self, limit: int):
        self.limit, self.waited, self.ended, self.best = limit, 0, False, {}

    def observe(self, step: int, metrics: dict, average) -> None:
        """metrics: of the averaged network `average` after `step` optimiser steps."""
        if not self.limit:
            return
        if metrics["error"] < self.best.get("error", math.inf) and metrics.get("copy_rate", 0.0) <= MOST_COPIES:
            self.waited = 0
            self.best = {"step": step, "error": metrics["error"], "average": copy.deepcopy(average.state_dict())}
        else:
            self.waited += 1
            self.ended = self.waited >= self.limit

    def reason(self) -> str:
        """Why training has ended, in one line."""
        best = f"the best was {self.best['error']:.4g} at step {self.best['step']}" if self.best else "none was good"
        return (f"{self.waited} previews in a row without a lower held-out error at a copy rate of at most "
                f"{MOST_COPIES:g}; {best}")

    def state_dict(self) -> dict:
        return {"waited": self.waited, "ended": self.ended, "best": self.best}

    def load_state_dict(self, state: dict) -> None:
        self.waited, self.ended, self.best = state["waited"], state["ended"], state["best"]
