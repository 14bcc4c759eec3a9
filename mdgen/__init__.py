"""mdgen: learn how each person's walk looks to a radar, draw new examples of it, and prove what they are worth."""

__version__ = "0.1.0"
