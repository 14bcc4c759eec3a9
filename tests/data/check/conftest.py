"""Simulated walkers as pictures, and trees of them in which faults are planted."""

import io

import numpy as np
import pytest
from PIL import Image

from mdgen.config import DataConfig
from mdgen.data.check.check import check_folder
from mdgen.data.check.survey import survey
from mdgen.data.colormap import to_color
from mdgen.radar.population import draw_walkers
from mdgen.radar.simulation import PROFILES, draw_recording, walking_spectrogram

USERS, EACH, SIZE = 3, 8, 64


@pytest.fixture(scope="session")
def walks():
    """Intensities float32 [users, images, H, W]; up is approaching, no two share samples; speeds differ."""
    chosen, found = PROFILES["plain77"], []
    for user, person in enumerate(draw_walkers(USERS, 0)):
        for index in range(EACH):
            walker, options = draw_recording(chosen, person, [0, 1, user, index], (SIZE, SIZE))
            found.append(walking_spectrogram(walker, chosen.radar, **options).image)
    return np.array(found, dtype=np.float32).reshape(USERS, EACH, SIZE, SIZE)


@pytest.fixture(scope="session")
def jet(walks):
    """The same in jet: uint8 [users, images, H, W, 3]."""
    return to_color(walks)


@pytest.fixture(scope="session")
def compressed():
    """compressed(uint8 [H, W, 3], quality=75): the same through JPEG."""
    def run(pixels, quality=75):
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
        return np.asarray(Image.open(stream))
    return run


@pytest.fixture
def root(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def plant(root):
    """plant(pictures, suffix=".png"): write pictures[user][image] as root/ID_1/000.png and so on."""
    def run(pictures, suffix=".png"):
        for user, images in enumerate(pictures):
            folder = root / f"ID_{user + 1}"
            folder.mkdir(parents=True, exist_ok=True)
            for place, pixels in enumerate(images):
                Image.fromarray(pixels).save(folder / f"{place:03}{suffix}")
        return root
    return run


@pytest.fixture
def part():
    """part(survey, data): the findings of one kind, of images in jet; None for all kinds, in whatever map there is."""
    return None


@pytest.fixture
def look(root, part):
    """look(**settings of data): {name: Finding} of what stands below root."""
    def run(**settings):
        data = DataConfig(**settings)
        findings = part(survey(root, "jet"), data) if part else check_folder(root, data)[1]
        found = {finding.name: finding for finding in findings}
        assert len(found) == len(findings)
        return found
    return run


@pytest.fixture
def check(plant, look):
    """check(pictures, suffix, **settings): both."""
    def run(pictures, suffix=".png", **settings):
        plant(pictures, suffix)
        return look(**settings)
    return run
