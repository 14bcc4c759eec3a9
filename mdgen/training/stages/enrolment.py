"""Enrolment: a new person's embeddings from a few images, for networks that stay as they are.

Textual inversion (Gal et al. 2022) with a user in the place of a word: the run's own diffusion loss on the new
images, whose gradient reaches the person's embedding and nothing else; as in P+ (Voynov et al. 2023) every layer may
have one of its own.
"""

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from mdgen import distributed
from mdgen.config import TrainingConfig
from mdgen.data.columns import canvases
from mdgen.data.image_io import save_rows, to_floats
from mdgen.data.latents import encode_latents
from mdgen.data.splits import digests
from mdgen.data.user_folders import read_folder
from mdgen.diffusion.generate import generate
from mdgen.diffusion.objective import NetworkDenoiser, diffusion_loss
from mdgen.errors import RequestError
from mdgen.files import named_seed
from mdgen.models.unet import UNetWithExtraUsers
from mdgen.runs.enrolled import Enrolment, check_new_name, enrolment_folder
from mdgen.runs.folder import RunFolder, listing
from mdgen.runs.pipeline import GenerationPipeline, load_pipeline
from mdgen.training.gradient_checkpointing import checkpoint_blocks
from mdgen.training.loop import Task, train
from mdgen.training.stages.diffusion import fixed_error

MIN_IMAGES = 2
PREVIEW_IMAGES = 8


class EmbeddingTask(Task):
    """Denoise a new person's latents, [N, c, h, w] on the run's scale; validate beside the users that there are.

    images: [N, C, H, W] in [-1, 1]; pipeline: of the run. The network is an entry of
    `UNetWithExtraUsers`: the mean user's embedding, and for every stage an addition that starts at 0.
    """

    def __init__(self, pipeline: GenerationPipeline, name: str, images, device):
        self.run, self.name, self.images, self.device = pipeline.run, name, images, device
        self.vae, self.denoiser, self.statistics = pipeline.vae, pipeline.denoiser, pipeline.statistics
        self.unet, self.num_samples = self.denoiser.network.requires_grad_(False), len(images)
        self.user = self.unet.num_users + 1   # behind the null user
        self.config = replace(self.run.config.diffusion, label_dropout=0.0)   # the null user learns nothing here
        self.cache = encode_latents(self.vae, lambda rows: images[rows], torch.full((len(images),), self.user), [name],
                                    pipeline.weights_hash, statistics=self.statistics)
        mean = self.unet.user_embedding.weight[:self.unet.num_users].mean(dim=0, keepdim=True)
        rows = torch.cat([mean, mean.new_zeros(self.unet.num_stages, mean.shape[1])])
        self.network = nn.Embedding.from_pretrained(rows, freeze=False)

    def extended(self, network) -> UNetWithExtraUsers:
        """The run's UNet, which knows the new person by the rows of `network`."""
        return UNetWithExtraUsers(self.unet, network.weight[None])

    def loss(self, indices, generator):
        latents, users = self.cache.batch(indices, generator, self.device)
        loss, error = diffusion_loss(self.extended(self.network), self.denoiser.schedule, self.config, latents, users,
                                     generator)
        return loss, {"error": error.mean()}

    @torch.inference_mode()
    def validate(self, network) -> dict:
        """The unweighted error on the images themselves, at fixed times and noise, as the new user and as the known
        one that fits best."""
        def error(user: int) -> float:
            return fixed_error(self.extended(network), self.denoiser.schedule, self.config, self.cache.means,
                               torch.full_like(self.cache.users, user), self.run.config.seed, self.device)

        return {"error": error(self.user), "error_as_nearest_user": min(map(error, range(self.unet.num_users)))}

    def preview(self, network, path: Path) -> None:
        """Real images, and generated ones below them."""
        real = self.images[:PREVIEW_IMAGES]
        denoiser = NetworkDenoiser(self.extended(network), self.denoiser.schedule, self.denoiser.prediction)
        seeds = [named_seed(self.run.config.seed, self.name, index) for index in range(len(real))]
        users = torch.full((len(real),), self.user, device=self.device)
        generated = generate(denoiser, self.vae, self.statistics, self.run.config.sampling.without_guides, users, seeds,
                             self.run.latent_shape)
        save_rows([real, generated], path, self.run.users.colormap)


def enroll(run: RunFolder, images_dir: Path, name: str | None, training: TrainingConfig, device) -> str:
    """Fit (or resume) the embedding of the person whose images lie in a folder; returns the person's name.

    name: None takes the folder's. RequestError where the images cannot be used, the name is taken, or the person was
    enrolled from other images, with other settings or for other weights.
    """
    name = name or Path(images_dir).resolve().name
    check_new_name(run, name)
    data, folder = run.config.data, enrolment_folder(run, name)
    if known := [user for user in run.users.names if (Path(images_dir) / user).is_dir()]:
        raise RequestError(f"{images_dir} has folders of {listing(known)}, whom the run knows; give --images the "
                           "folder of one person")
    pixels = read_folder(images_dir, height=data.height, width=data.width, channels=run.users.channels,
                         colormap=run.users.colormap or "auto", crop=data.crop, depth=run.depth)
    if len(pixels) < MIN_IMAGES:
        raise RequestError(f"{images_dir} has {len(pixels)} image; expected at least {MIN_IMAGES}, better 5 to 20")
    run.require_finished("diffusion")
    pipeline = load_pipeline(run, device, guided=False)
    asked = Enrolment(str(Path(images_dir).resolve()), digests(pixels), pipeline.weights_hash, training)
    check_same_enrolment(folder, Enrolment.read(folder), asked)
    if distributed.is_main():
        asked.write(folder)
    learnt = torch.from_numpy(canvases(pixels.numpy(), data.columns)) if data.columns else pixels
    task = EmbeddingTask(pipeline, name, to_floats(learnt), device)
    if training.gradient_checkpointing:
        checkpoint_blocks(task.unet)   # which is no part of what is trained
    train(task, training, folder.parent, seed=run.config.seed, device=device, bound_to=asked.weights)
    return name


def check_same_enrolment(folder: Path, existing: Enrolment | None, asked: Enrolment) -> None:
    """RequestError where a person would go on being enrolled from something else."""
    if existing is None:
        return
    for what, before, now in (("other images", existing.images, asked.images),
                              ("other settings", existing.training, asked.training),
                              ("other weights of the run", existing.weights, asked.weights)):
        if before != now:
            raise RequestError(f"{folder.name} was enrolled before, with {what} (see {folder / 'enrolment.json'}); "
                               f"delete {folder} to enrol anew, or give another --user NAME")
