"""Physics of a walking person seen by radar, in NumPy and SciPy alone: a Walker's parameters become
body-segment trajectories, these an echo, the echo a spectrogram, and measures read gait figures back from any
spectrogram."""

from mdgen.radar.echo import Radar, radar_echo
from mdgen.radar.gait import Walk, Walker, simulate_walk
from mdgen.radar.motion import StopAndGo, Straight, TurnBack
from mdgen.radar.measures import bandwidth, cadence, envelope, limb_amplitude, torso_line
from mdgen.radar.spectrogram import Spectrogram, spectrogram, walking_spectrogram

__all__ = ["Radar", "Spectrogram", "StopAndGo", "Straight", "TurnBack", "Walk", "Walker", "bandwidth", "cadence", "envelope", "limb_amplitude",
           "radar_echo", "simulate_walk", "spectrogram", "torso_line", "walking_spectrogram"]
