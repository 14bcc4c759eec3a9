"""From a data folder to a trained run: read, split, train the stages of everybody (enrolment has its own command)."""

from dataclasses import replace
from pathlib import Path

from mdgen import distributed
from mdgen.config import Config
from mdgen.data.source_files import FileFormat
from mdgen.data.splits import Split
from mdgen.data.user_folders import UserFolders, expect_users, list_users
from mdgen.diffusion.objective import make_schedule
from mdgen.errors import RequestError
from mdgen.files import refuse_file
from mdgen.runs.folder import RunFolder, Users, read_config
from mdgen.training.log import ShowProgress
from mdgen.training.stages.diffusion import train_diffusion
from mdgen.training.stages.image_loss import resolve_perceptual
from mdgen.training.stages.joint import train_joint
from mdgen.training.stages.levels import fit_levels
from mdgen.training.stages.noisy_classifier import train_noisy_classifier
from mdgen.training.stages.vae import train_vae
from mdgen.training.stages.warm_start import check_source

STAGES = {"vae": (train_vae,), "diffusion": (train_diffusion,), "joint": (train_joint,),
          "classifier": (train_noisy_classifier,), "all": (train_vae, train_diffusion)}


def resolve_data_dir(config: Config, data_dir: Path | None, output_dir: Path) -> Path:
    """The folder to train on; the demo preset without one simulates its users into the run folder."""
    if data_dir is not None:
        return Path(data_dir)
    if config.preset != "demo":
        raise RequestError(f"--data-dir is missing; --preset {config.preset} needs a folder with one folder of images "
                           "per user (only --preset demo simulates its own)")
    from mdgen.data.demo import write_demo_users  # the simulator loads only for those who need it

    folder = output_dir / "demo_users"
    if distributed.is_main():
        write_demo_users(folder, size=config.data.height, seed=config.seed, progress=ShowProgress("simulate users"))
    distributed.barrier()
    return folder


def read_users(config: Config, data_dir: Path, output_dir: Path | None, num_users: int | None = None) -> UserFolders:
    """Decode the tree as the configuration asks (once: decoded images are cached in the run folder)."""
    data = config.data
    if num_users is not None:
        expect_users(data_dir, list(list_users(data_dir)), num_users)   # before images are decoded
    cache = output_dir and output_dir / "cache"
    folders = UserFolders(data_dir, height=data.height, width=data.width, channels=data.channels,
                          colormap=data.colormap, crop=data.crop, cache_dir=cache, progress=ShowProgress("read images"))
    return folders.by_columns(data.columns, cache) if data.columns else folders


def refuse_place(data_dir: Path | None, output_dir: Path) -> None:
    """RequestError for a run folder that is a file, or lies among the users."""
    refuse_file(output_dir)
    if data_dir is not None and output_dir.resolve().is_relative_to(Path(data_dir).resolve()):
        raise RequestError(f"--output-dir {output_dir} lies in the data folder {data_dir}, where the run would be "
                           "taken for a user; give a folder outside it")


def open_run(config: Config, data_dir: Path | None, output_dir: Path, num_users: int | None = None,
             lpips_weights: Path | None = None):
    """Read the data and start or resume the run: (RunFolder, Split). Nothing is trained yet."""
    output_dir = Path(output_dir)
    refuse_place(data_dir, output_dir)
    check_source(config, output_dir)
    if config.sampling.autoguidance_scale != 1.0 and not config.diffusion_training.snapshot_at:
        raise RequestError("diffusion_training.snapshot_at is 0, so that there will be no early checkpoint for "
                           "autoguidance; set it to 0.2, or sampling.autoguidance_scale to 1")
    make_schedule(config.diffusion)   # refuses noise levels that float32 cannot tell apart
    config = with_held_out(with_perceptual(config, output_dir, lpips_weights), output_dir)
    folders = read_users(config, resolve_data_dir(config, data_dir, output_dir), output_dir, num_users)
    split = Split.of(folders, config.data)   # before anything is written: it may refuse the data
    files = FileFormat.of_most(folders.paths, config.data.crop)
    users = Users(folders.users, str(folders.root.resolve()), folders.channels, folders.colormap,
                  split.training_digests(), files and files.to_values())
    check_source(config, output_dir, users.channels)
    run = RunFolder.create_or_resume(output_dir, config, users)
    return replace(run, lpips_weights=lpips_weights), split


def with_perceptual(config: Config, output_dir: Path, lpips_weights: Path | None) -> Config:
    """The configuration with a name for "auto": what it stood for where the run began belongs to the run."""
    if not config.vae.perceptual_weight or config.vae.perceptual != "auto":
        return config
    begun = output_dir / "config.json"
    name = read_config(begun).vae.perceptual if begun.is_file() else resolve_perceptual(config.vae, lpips_weights)
    return replace(config, vae=replace(config.vae, perceptual=name))


def with_held_out(config: Config, output_dir: Path) -> Config:
    """The configuration with the held-out images of the run that it continues, if that is of an older version."""
    begun, data = output_dir / "config.json", config.data
    if data.held_out != "block" or data.held_out_names or not begun.is_file():
        return config
    return replace(config, data=replace(data, held_out="end")) if read_config(begun).data.held_out == "end" else config


def train_stages(run: RunFolder, split: Split, stages: str, device) -> None:
    """Train (or resume) the stages that a key of STAGES names; "all" ends with the joint one if the run says so.

    After the last stage that a run trains come the levels of its generated images.
    """
    joint = (train_joint,) if stages == "all" and run.config.joint.in_all else ()
    for train_stage in STAGES[stages] + joint:
        train_stage(run, split, device)
    last = "joint" if run.config.joint.in_all else "diffusion"
    if stages in ("all", "joint", last) and run.users.channels == "intensity":
        fit_levels(run, split, device)


def with_batch_size(config: Config, batch_size: int) -> Config:
    """Micro-batches of `batch_size` in every stage, accumulated to at least the preset's images per step."""
    if batch_size < 1:
        raise RequestError(f"--batch-size is {batch_size}; expected 1 or more")

    def resize(training):
        images = training.batch_size * training.accumulation
        return replace(training, batch_size=batch_size, accumulation=max(-(-images // batch_size), 1))

    stages = ("vae_training", "diffusion_training", "joint_training", "classifier_training")
    return replace(config, **{stage: resize(getattr(config, stage)) for stage in stages})
