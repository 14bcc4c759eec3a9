"""What a run is made with: the settings, what is refused, and the presets."""

from mdgen.config.schema import *  # noqa: F403
