"""What generated images add for who has few real ones: a generator for every size, trained on those few alone.

The report's usefulness curve lets one generator, which has seen all training images, help a classifier that sees few.
Here nobody sees more: the run's own settings train a generator on n neighbouring images of each user, and small
classifiers learn from these n, from the generated images, and from both. They are tested on the run's held-out images.
"""

import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from mdgen import distributed
from mdgen.config import Config
from mdgen.data.splits import Split, digests
from mdgen.errors import RequestError
from mdgen.files import digest, write_text
from mdgen.runs.draw import read_manifest, sample_users
from mdgen.runs.folder import RunFolder
from mdgen.runs.lock import only_writer
from mdgen.runs.pictures import as_learnt
from mdgen.training.log import duration
from mdgen.training.stages.dry_run import stage_tasks, step_seconds
from mdgen.training.stages.run_stages import train_stages
from mdgen.validation.cache import Cache
from mdgen.validation.comparisons.memorization import copy_rate
from mdgen.validation.image_sets import first_rows, read_real_sets, read_tree
from mdgen.validation.judges.features import JudgedSet, unjudged
from mdgen.validation.judges.usefulness import block_rng, block_starts, train_classifier, usefulness
from mdgen.validation.report.output import plain, report_folder, to_json

SIZES = (5, 10, 20, 50)   # real images per user, where nothing else is asked for
SAMPLES = 30              # generated images per user, where RUN/samples does not say
RESULT = "honest.json"    # in RUN/report
BOUND = ("training", "held_out")   # the sets that a result belongs to
ARMS = 3                  # trainings of a classifier per seed: real, both, generated


@dataclass(frozen=True)
class Few:
    """The generator of one size. split: what it is trained on, and the one image per user that watches."""

    per_user: int
    split: Split
    run: RunFolder


def honest_usefulness(run: RunFolder, real_dir: Path, *, device, held_out_dir: Path | None = None, sizes=None,
                      per_user: int | None = None, progress=None, say=None, command: str = "") -> dict:
    """Write RUN/report/honest.json; returns what it holds.

    real_dir, held_out_dir: as of `read_sets`. sizes: real images per user; default those of SIZES that every user has.
    per_user: generated images; default as many as RUN/samples has of every user, else SAMPLES. say(line) is called
    with the cost before anything is trained, and as every size begins; progress: as of `evaluate_samples`.
    The n images are those that seed 0 of the report's study takes; all seeds of the classifiers share them here, since
    the generator has seen no others. Runs lie in RUN/report/honest/n_<size>: an interrupted call goes on, and what is
    trained, generated and learnt is not done again.

    Returns {"preset", "seed", "seeds", "steps", "chance", "held_out", "hashes", "settings", "command", "curve":
    [{"per_user", "generated_per_user", "real", "both", "gain", "generated", "copy_rate"}]}: accuracies 0 to 1 as
    `usefulness` has them; copy_rate is that against the n images, in pixels, None with too few held-out images to say.
    Raises RequestError for sizes that a user does not have, and for a run that cannot be trained again.
    """
    progress, say = progress or (lambda *label: None), say or (lambda line: None)
    per_user = generated_per_user(run) if per_user is None else per_user
    refuse_untrainable(run, per_user)
    split, held_out_part = read_real_sets(run, Path(real_dir), held_out_dir, progress)
    split = replace(split, folders=as_learnt(run, split.folders))
    training, held_out = shown(split), unjudged(*held_out_part)
    sizes = chosen_sizes(sizes, split.train_users.bincount().tolist())
    folder = run.path / "report" / "honest"
    with only_writer(folder):
        todo = [begun(run, few_images(split, size), size, folder / f"n_{size}") for size in sizes]
        left = steps_left(todo)
        if left.total():
            refuse_seen_source(run, split)
        for line in cost(todo, left, training, per_user, device):
            say(line)
        curve = [one_size(few, held_out, per_user, Cache(run.path / "report" / "cache"), device, progress, say)
                 for few in todo]
    results = plain({
        "command": command, "preset": run.config.preset, "seed": run.config.seed, "settings": settings_hash(run),
        "hashes": {name: digest(s.images, s.users) for name, s in zip(BOUND, (training, held_out))},
        "held_out": len(held_out), "chance": 1 / len(run.users.names), "curve": curve,
        "seeds": run.config.evaluation.usefulness_seeds, "steps": run.config.evaluation.usefulness_steps})
    if distributed.is_main():
        with report_folder(run.path / "report"):
            write_text(run.path / "report" / RESULT, to_json(results))
    return results


def read_honest(run: RunFolder, hashes: dict) -> dict | None:
    """What RUN/report/honest.json holds; None unless it was made with the run's settings, for the same images.

    hashes: of the training and the held-out images, as in report.json.
    """
    try:
        found = json.loads((run.path / "report" / RESULT).read_text(encoding="utf-8"))
        asked = run.config.evaluation.usefulness_steps, run.config.evaluation.usefulness_seeds
        same = (found["settings"] == settings_hash(run) and all(found["hashes"][name] == hashes[name] for name in BOUND)
                and (found["steps"], found["seeds"]) == asked)
        return found if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def settings_hash(run: RunFolder) -> str:
    """16 hex digits of all settings that the generators depend on."""
    return digest({part: values for part, values in asdict(settings(run)).items() if part != "evaluation"})


def settings(run: RunFolder) -> Config:
    """Those of the generators: the run's, with the joint stage if the run has come to have one."""
    joint = replace(run.config.joint, in_all=run.config.joint.in_all or run.has("joint"))
    return replace(run.config, joint=joint)


def generated_per_user(run: RunFolder) -> int:
    """As many as RUN/samples lists of every user of the run."""
    counts = Counter(row.user for row in read_manifest(run.samples))
    return min(counts[name] for name in run.users.names) or SAMPLES


def chosen_sizes(asked, counts) -> list[int]:
    """The sizes in order; counts: training images of every user, of which one more than a size is needed."""
    most = min(counts) - 1
    if bad := [size for size in asked or () if not 1 <= size <= most]:
        raise RequestError(f"--sizes has {bad[0]}; expected 1 to {most}: a user has {most + 1} training images, and "
                           "one beside those trained on watches the training")
    if sizes := sorted({size for size in asked or SIZES if size <= most}):
        return sizes
    raise RequestError(f"a user has {most + 1} training images; expected more than {SIZES[0]}, or give smaller --sizes")


def refuse_untrainable(run: RunFolder, per_user: int) -> None:
    """RequestError where a generator like the run's, or what judges it, cannot be trained."""
    if run.config.retired:
        raise RequestError(f"{run.path} was trained with {', '.join(run.config.retired)}, which is gone since version "
                           "0.2.0, so no generator like it can be trained; train a new run")
    refuse_without_seeds(run)
    if per_user < 1:
        raise RequestError(f"--samples-per-user is {per_user}; expected 1 or more")


def refuse_without_seeds(run: RunFolder) -> None:
    if not run.config.evaluation.usefulness_seeds:
        raise RequestError("evaluation.usefulness_seeds is 0; expected 1 or more: run train.py again with --output-dir "
                           f"{run.path} --set evaluation.usefulness_seeds=3")


def refuse_seen_source(run: RunFolder, split: Split) -> None:
    """RequestError if the weights that the run started from have learnt real images which the generators must not."""
    if run.config.init_from.weights == "none":
        return
    real = {*split.training_digests(), *digests(split.folders.pictures[split.validation])}
    if seen := real & {*RunFolder.open(Path(run.config.init_from.run)).users.training_images}:
        raise RequestError(f"{run.path} started from {run.config.init_from.run}, which was trained on {len(seen)} of "
                           "the same real images; expected weights that have seen none of them")


def shown(split: Split) -> JudgedSet:
    """The training images of a split as files show them, whatever networks learn of them."""
    return replace(unjudged(split.folders, split.train, split.windows),
                   images=split.folders.pictures[split.train].numpy())


def few_images(split: Split, per_user: int) -> Split:
    """Seed 0's block of `per_user` training images of every user, and as validation the image next to each block.

    Every user needs per_user + 1 training images. The watching image is none of the held-out ones.
    """
    own = [split.train[split.train_users == user] for user in range(len(split.folders.users))]
    starts = block_starts(map(len, own), per_user, block_rng(0, per_user))
    ends = [start + per_user for start in starts]
    watching = [end if end < len(rows) else start - 1 for rows, start, end in zip(own, starts, ends)]
    return Split(split.folders, torch.cat([rows[start:end] for rows, start, end in zip(own, starts, ends)]),
                 torch.stack([rows[place] for rows, place in zip(own, watching)]), split.gap)


def begun(run: RunFolder, split: Split, per_user: int, folder: Path) -> Few:
    """The run folder of a size, begun or found; RequestError where it was begun with other settings or images."""
    users = replace(run.users, data_dir=str(split.folders.root.resolve()), training_images=split.training_digests())
    try:
        found = RunFolder.create_or_resume(folder, settings(run), users)
    except RequestError as problem:   # its remedy is one for train.py
        raise RequestError(f"{str(problem).partition(';')[0]}; delete {folder} to train it anew") from None
    return Few(per_user, split, replace(found, lpips_weights=run.lpips_weights))


def steps_left(todo: list[Few]) -> Counter:
    """Optimiser steps that are still to take, by stage, over all sizes."""
    left = Counter()
    for few in todo:
        config = few.run.config
        for stage in ("vae", "diffusion", "joint") if config.joint.in_all else ("vae", "diffusion"):
            steps, done = getattr(config, f"{stage}_training").steps, few.run.has(stage)
            left[stage] += max(steps - few.run.checkpoint(stage).step, 0) if done else steps
    return left


def cost(todo: list[Few], left: Counter, training: JudgedSet, per_user: int, device) -> list[str]:
    """Lines that say what is to be done and about how long that takes, by real steps timed on this device.

    left: of `steps_left`.
    """
    run, users = todo[0].run, len(todo[0].run.users.names)
    evaluation, images = run.config.evaluation, len(todo) * per_user * users
    models = len(todo) * evaluation.usefulness_seeds * ARMS
    sizes, steps = (", ".join(map(str, words)) for words in (
        [few.per_user for few in todo], [f"{stage} {count}" for stage, count in left.items()]))
    lines = [f"honest usefulness, trainings: {len(todo)}, on {sizes} real images of each of {users} users (steps left: "
             f"{steps}); images: {images}; classifiers: {models} of {evaluation.usefulness_steps} steps"]
    if not left.total():
        return lines + ["all generators are trained; what is kept is used again"]
    seconds = {task.name: step_seconds(task, config, device)[0] for task, config in stage_tasks(run, device)}
    total = sum(left[stage] * each for stage, each in seconds.items())
    total += images * image_seconds(run.config, seconds)
    total += models * evaluation.usefulness_steps * classifier_step_seconds(training, users, device)
    return lines + [f"about {duration(total)} on {device.type}, by steps timed now; an interrupted command goes on"]


def image_seconds(config: Config, step: dict) -> float:
    """About how long an image takes to generate, by the seconds of a training step: forward and backward, 3 passes."""
    sampling, training = config.sampling, config.diffusion_training
    passes = 1 + (sampling.cfg_scale != 1) + (sampling.autoguidance_scale != 1) + 3 * (sampling.classifier_scale != 0)
    return sampling.steps * passes * step.get("diffusion", 0.0) / (3 * training.batch_size * training.accumulation)


def classifier_step_seconds(training: JudgedSet, num_users: int, device, steps: int = 3) -> float:
    began = time.perf_counter()
    train_classifier([training], num_users, steps=steps, seed=0, device=device)
    return (time.perf_counter() - began) / steps


def one_size(few: Few, held_out: JudgedSet, per_user: int, cache: Cache, device, progress, say) -> dict:
    """Train, generate and judge one size: its row of the curve."""
    run, evaluation, label = few.run, few.run.config.evaluation, f"{few.per_user} real images per user"
    say(f"{label}: {run.path}")
    train_stages(run, few.split, "all", device)
    if run.config.sampling.classifier_scale:
        train_stages(run, few.split, "classifier", device)
    sample_users(run, run.samples, per_user=per_user, seed=run.config.seed, overwrite=True, device=device,
                 progress=progress(f"generate, {label}", "image"))
    tree = read_tree(run, run.samples, "--generated", progress("read generated images", "image"))
    real = shown(few.split)
    generated = unjudged(tree, first_rows(tree, per_user))
    asked = {"seeds": evaluation.usefulness_seeds, "steps": evaluation.usefulness_steps}
    sets = real, held_out, generated
    found = cache.values("honest", digest(asked, *(part for s in sets for part in (s.images, s.users))),
                         lambda: usefulness(*sets, len(run.users.names), sizes=(None,), **asked, device=device,
                                            progress=progress(f"train identification models, {label}", "model")))
    row = found["curve"][0]
    return {"per_user": few.per_user, "generated_per_user": per_user, **{arm: row[arm] for arm in
            ("real", "both", "gain")}, "generated": found["tstr"], "copy_rate": copy_rate(real, held_out, generated)}
