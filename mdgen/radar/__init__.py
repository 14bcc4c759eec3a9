"""Physics of a walking person seen by radar, in NumPy and SciPy alone: a Walker's parameters become
body-segment trajectories, these an echo, the echo a spectrogram, and measures read gait figures back from any
spectrogram."""

from mdgen.radar.echo import Radar, radar_echo
from mdgen.radar.gait import Walk, Walker, simulate_walk
from mdgen.radar.gait_figures import GaitFigures, gait_figures
from mdgen.radar.measures import asymmetry, bandwidth, cadence, envelope, limb_amplitude, torso_line
from mdgen.radar.population import draw_walkers, vary
from mdgen.radar.simulation import PROFILES, Profile, draw_recording, profile, walking_spectrogram
from mdgen.radar.spectrogram import Spectrogram, spectrogram

__all__ = ["GaitFigures", "PROFILES", "Profile", "Radar", "Spectrogram", "Walk", "Walker", "asymmetry", "bandwidth",
           "cadence", "draw_recording", "draw_walkers", "envelope", "gait_figures", "limb_amplitude", "profile",
           "radar_echo", "simulate_walk", "spectrogram", "torso_line", "vary", "walking_spectrogram"]
