"""A trained run in Python: its users, and new images of them."""

from pathlib import Path

import numpy as np
import torch

from mdgen import distributed
from mdgen.data.image_io import to_uint8
from mdgen.errors import RequestError, check_number
from mdgen.files import named_seed
from mdgen.runs import pictures
from mdgen.runs.draw import choose_users
from mdgen.runs.enrolled import enrolled_names, with_enrolled
from mdgen.runs.folder import RunFolder
from mdgen.runs.pipeline import load_pipeline


def load(run: str | Path, device: str | None = None) -> "TrainedRun":
    """Open the output folder of train.py, ready to generate images as its config.json says.

    device: "cpu" or "cuda"; default cuda where there is one. Turns TF32 off for the whole process. Raises RequestError
    if it is no run or is not trained to its end, RunError if a file is damaged.
    """
    return TrainedRun(RunFolder.open(Path(run)), distributed.init_from_environment(device))


class TrainedRun:
    """users: the names of those whom the run was trained with; enrolled: of those who joined it later."""

    def __init__(self, run: RunFolder, device):
        self.run, self.device = run, device
        self.users, self.enrolled = list(run.users.names), enrolled_names(run)
        with torch.random.fork_rng(devices=[]):   # whose networks' first weights nobody sees
            self.pipeline = load_pipeline(run, device)

    def draw(self, user: str, n: int, seed: int = 0, *, as_intensity: bool = False) -> np.ndarray:
        """n new images of a user: uint8 [n, H, W, 3] in the colours of the run's files, top row approaching fastest.

        The same seed, user and place give the same image, also that of sample.py with this seed. as_intensity: the
        levels below the colours, uint8 [n, H, W], 0 weakest to 255 strongest. Raises RequestError for a user whom the
        run does not know, a number that makes no sense, and intensities of a run whose images are plain RGB.
        """
        check_number("n", n, 0, whole=True)
        check_number("seed", seed, -2**63, 2**63 - 1, whole=True)
        choose_users(self.run, [user])
        channels, data = self.run.users.channels, self.run.config.data
        if as_intensity and channels != "intensity":
            raise RequestError("as_intensity needs a run of intensity images, but this one's are rgb; leave it out")
        pipeline, index, _ = with_enrolled(self.pipeline, [user])
        size = data.height, data.width
        found = [np.empty((0, *size, *(() if as_intensity else (3,))), np.uint8)]
        for places in torch.arange(n).split(self.run.config.sampling.batch_size) if n else ():
            users = torch.full((len(places),), index[user], device=self.device)
            images = pipeline.generate(users, [named_seed(seed, user, place) for place in places.tolist()])
            found.append(to_uint8(pictures.as_intensity(self.run, images, *size)).cpu().numpy()[:, 0] if as_intensity
                         else pictures.as_pixels(self.run, images, *size))
        return np.concatenate(found)
