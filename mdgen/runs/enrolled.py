"""Persons who joined a run after its training: embeddings of their own, fitted to weights that stayed as they were.

    RUN/enrolled/<NAME>/enrolment.json   whose images, for which weights, fitted how
                        state.pt         the embeddings, and all that an interrupted enrolment needs
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch

from mdgen.config import TrainingConfig, build
from mdgen.data.user_folders import check_names, natural_key
from mdgen.diffusion.objective import Denoiser
from mdgen.errors import RequestError
from mdgen.runs.pipeline import Generator
from mdgen.models.unet import WithUsers
from mdgen.runs.folder import RunFolder, read_text, write_text
from mdgen.runs.checkpoint import RunState


@dataclass(frozen=True)
class Enrolment:
    """What embeddings were fitted to. images: as `Split.training_digests`; weights: of `Generator`."""

    images_dir: str
    images: list
    weights: str
    training: TrainingConfig

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "enrolment.json", json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False))

    @staticmethod
    def read(folder: Path) -> "Enrolment | None":
        """None where there is none; RequestError if it is damaged."""
        path = folder / "enrolment.json"
        if not path.is_file():
            return None
        try:
            values = json.loads(read_text(path))
            return Enrolment(**{**values, "training": build(TrainingConfig, values["training"], "training")})
        except (json.JSONDecodeError, TypeError, KeyError):
            raise RequestError(f"{path} is damaged; expected what train.py enroll wrote there. Delete {folder} and "
                               "enrol again") from None


def enrolment_folder(run: RunFolder, name: str) -> Path:
    return run.path / "enrolled" / name


def enrolled_names(run: RunFolder) -> list[str]:
    """Who was enrolled, in natural order; the run's own users are not among them."""
    return sorted((path.parent.name for path in run.path.glob("enrolled/*/enrolment.json")), key=natural_key)


def check_new_name(run: RunFolder, name: str) -> None:
    """RequestError for a name that a user of the run has, or that is too like one, or no name for a folder."""
    if name in ("previews", "log.jsonl"):   # what the enrolments' folder holds beside persons
        raise RequestError(f"--user {name} is a name that RUN/enrolled needs for itself; give another --user NAME")
    if name in run.users.names:
        raise RequestError(f"user {name} is one of those that {run.path} was trained for; give another --user NAME")
    check_names([*run.users.names, *(other for other in enrolled_names(run) if other != name), name])


def load_embeddings(run: RunFolder, name: str, weights: str):
    """An enrolled person's entry of `WithUsers`, [1 + stages, E]; RequestError unless fitted to these weights."""
    folder = enrolment_folder(run, name)
    enrolment, state = Enrolment.read(folder), RunState(folder / "state.pt")
    if enrolment.weights != weights:
        raise RequestError(f"{name} was enrolled for the weights {enrolment.weights}, but {weights} are to draw; draw "
                           f"with the former (--weights, --stage), or delete {folder} and enrol again")
    saved = state.load() if state.exists() else {"step": 0}
    if saved["step"] < enrolment.training.steps:
        raise RequestError(f"the enrolment of {name} is at step {saved['step']} of {enrolment.training.steps}; run "
                           "the same train.py enroll command again to end it")
    with state.must_fit():
        return saved["ema"]["average"]["weight"]


def with_enrolled(generator: Generator, names: list[str]):
    """What draws these users of the run and enrolled persons: (Generator, index per name, weights' hash per name).

    An enrolled person's hash adds, behind a "+", that of the embeddings. Whoever was trained with the run is drawn as
    without the others, bit for bit. RequestError for guidance by something that does not know the person.
    """
    run, weights, network = generator.run, generator.weights_hash, generator.denoiser.network
    index = {name: place for place, name in enumerate(run.users.names)}
    hashes = dict.fromkeys(index, weights)
    enrolled = [name for name in names if name not in index]
    if not enrolled:
        return generator, index, hashes
    if run.config.sampling.guidance in ("auto", "classifier"):
        raise RequestError(f"guidance {run.config.sampling.guidance} knows the {len(index)} users of {run.path}, but "
                           f"not {enrolled[0]}, who was enrolled; add --guidance free or free+auto")
    rows = torch.stack([load_embeddings(run, name, weights) for name in enrolled])
    extended = WithUsers(network, rows.to(network.user_embedding.weight.device))
    for place, name in enumerate(enrolled):
        index[name] = extended.num_users + 1 + place   # behind the null user
        hashes[name] = f"{weights}+{hashlib.sha256(rows[place].numpy().tobytes()).hexdigest()[:8]}"
    denoiser = Denoiser(extended, generator.denoiser.schedule, generator.denoiser.prediction)
    return dataclasses.replace(generator, denoiser=denoiser), index, hashes
