"""What walkers.json holds, told to a person who finds the folder."""

from dataclasses import fields

from mdgen.radar.echo import Radar
from mdgen.radar.gait import Walker


def data_sheet(truth):
    """Markdown for the truth of data.demo.ground_truth."""
    request, chosen = truth["request"], truth["profile"]
    radar, image = chosen["radar"], chosen["image"]
    axis = (f"gait-normalised, {chosen['steps']} steps an image" if chosen["steps"]
            else f"plain, {chosen['duration_s']:g} s an image")
    channels = (f"range bins of {Radar(**radar).range_resolution_m:.3f} m, {radar['receivers']} receivers"
                if radar["bandwidth_hz"] else "continuous wave")
    low, high = image["velocity_span"]
    users = list(truth["users"])
    walkers = [truth["users"][user]["walker"] for user in users]
    rows = "".join(f"\n| {field.name} | {' | '.join(f'{walker[field.name]:.3g}' for walker in walkers)} |"
                   for field in fields(Walker))
    note = " (here: column k of W lies at (k + 0.5) / W of the duration)" if chosen["steps"] else ""
    return f"""# Simulated walkers: data sheet

{len(users)} simulated persons, {request['images_per_user']} images each, {request['size']} x {request['size']} \
pixels, {request['colormap']}. Nobody was recorded; the images may be used for anything.

- Made by mdgen, `mdgen.data.demo`, version {request['version']}, seed {request['seed']}, profile \
`{request['profile']}`.
- Walk: Boulic, Magnenat-Thalmann and Thalmann (1990), sixteen segments; echo: spheroids with flickering points.
- Radar: {radar['carrier_hz'] / 1e9:g} GHz, {radar['prf_hz']:.0f} Hz PRF, {channels}, {radar['height_m']:g} m high.
- Images: up is approaching, {low:g} to {high:g} m/s; left to right is time, {axis}; \
{truth['axes']['dynamic_range_db']:g} dB from the image's peak to the floor colour.
- Every image is a walk of its own, near the person's parameters, with its own range, heading, start phase, noise,
  clutter and, in {100 * chosen['bursts']:g} % of them, a burst of interference. No two share samples: any split is
  free of leaks.
- `walkers.json`: `users.<ID>.walker` is the person; `users.<ID>.images[k]` has the file, the walker on that walk, the
  recording's settings and seed, its speed (m/s), step rate (Hz), heading (degrees) and duration (s); `axes` the rows in
  m/s and Hz and the columns in s{note}.
  `mdgen.data.demo.simulate_again(folder, file)` makes an image anew.
- Not in it: clothes, shoes, floors, other people, multipath, the radar's own imperfections. A method that works here
  may fail on real recordings.

## Persons

height in m, speed in m/s, phase_shift in cycles; all else are factors, signed shares or 0 (`mdgen.radar.Walker`).

| | {' | '.join(users)} |
| --- |{' --- |' * len(users)}{rows}
"""
