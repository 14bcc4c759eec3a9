"""Persons who joined a run after its training: embeddings of their own, fitted to weights that stayed as they were.

    RUN/enrolled/<NAME>/enrolment.json   whose images, for which weights, fitted how
                        state.pt         the embeddings, and all that an interrupted enrolment needs
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import torch

from mdgen.config import TrainingConfig, build
from mdgen.config.upgrade import upgrade_training
from mdgen.data.user_folders import check_names, natural_key
from mdgen.diffusion.objective import NetworkDenoiser
from mdgen.errors import RequestError
from mdgen.files import digest, read_json, write_json
from mdgen.models.unet import UNetWithExtraUsers
from mdgen.runs.checkpoint import Checkpoint
from mdgen.runs.folder import RunFolder
from mdgen.runs.pipeline import GenerationPipeline


@dataclass(frozen=True)
class Enrolment:
    """What embeddings were fitted to. images: as `Split.training_digests`; weights: `weights_hash` of a pipeline."""

    images_dir: str
    images: list
    weights: str
    training: TrainingConfig

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "enrolment.json", dataclasses.asdict(self))

    @staticmethod
    def of(values: dict) -> "Enrolment":
        training = build(TrainingConfig, upgrade_training(values["training"]), "training")
        return Enrolment(**{**values, "training": training})

    @staticmethod
    def read(folder: Path) -> "Enrolment | None":
        """None where there is none; RequestError if it is damaged."""
        path = folder / "enrolment.json"
        return read_json(path, Enrolment.of, f"Delete {folder} and enrol again") if path.is_file() else None


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
    """An enrolled person's entry of `UNetWithExtraUsers`, [1 + stages, E]; RequestError if of other weights."""
    folder = enrolment_folder(run, name)
    enrolment = Enrolment.read(folder)
    if enrolment.weights != weights:
        raise RequestError(f"{name} was enrolled for the weights {enrolment.weights}, but {weights} are to generate; "
                           f"give those (--weights, --stage), or delete {folder} and enrol again")
    path = folder / "state.pt"
    found = Checkpoint.read(path) if path.is_file() else None
    if found is None or not found.finished(enrolment.training.steps):
        raise RequestError(f"the enrolment of {name} is at step {found.step if found else 0} of "
                           f"{enrolment.training.steps}; run the same train.py enroll command again to end it")
    return found.weights()["weight"]


def with_enrolled(pipeline: GenerationPipeline, names: list[str]):
    """What generates these users of the run and enrolled ones: (pipeline, index per name, weights' hash per name).

    An enrolled user's hash adds, behind a "+", that of the embeddings. The images of whoever was trained with the run
    are as without the others, bit for bit. RequestError for guidance by a classifier that does not know the user.
    """
    run, weights, network = pipeline.run, pipeline.weights_hash, pipeline.denoiser.network
    index = {name: place for place, name in enumerate(run.users.names)}
    hashes = dict.fromkeys(index, weights)
    enrolled = [name for name in names if name not in index]
    if not enrolled:
        return pipeline, index, hashes
    if run.config.sampling.classifier_scale:
        raise RequestError(f"the noisy classifier knows the {len(index)} users of {run.path}, but not {enrolled[0]}, "
                           "who was enrolled; give --classifier-scale 0")
    rows = torch.stack([load_embeddings(run, name, weights) for name in enrolled])
    extended = UNetWithExtraUsers(network, rows.to(network.user_embedding.weight.device))
    for place, name in enumerate(enrolled):
        index[name] = extended.num_users + 1 + place   # behind the null user
        hashes[name] = f"{weights}+{digest(rows[place].numpy().tobytes())[:8]}"
    denoiser = NetworkDenoiser(extended, pipeline.denoiser.schedule, pipeline.denoiser.prediction)
    return dataclasses.replace(pipeline, denoiser=denoiser), index, hashes
