import numpy as np
import pytest
import torch
from PIL import Image

from mdgen.training.log import read_log
from mdgen.training.stages.vae import VAETask, vae_image_loss

CPU = torch.device("cpu")


def new_task(run, split, network):
    return VAETask(run, split, network, vae_image_loss(run, CPU), CPU)


def test_training_beats_the_principal_components_that_it_starts_from(run, split):
    fresh = run.new_vae()
    fresh.fit_patch_basis(split.train_images(torch.arange(len(split.train))))
    floor = new_task(run, split, fresh).validate(fresh)["psnr_db"]
    trained, _ = run.load_vae()
    assert new_task(run, split, trained).validate(trained)["psnr_db"] > floor + 0.1


def test_psnr_is_of_the_clipped_reconstruction_over_the_range_of_two(run, split):
    vae, _ = run.load_vae()
    images = split.validation_images()
    with torch.no_grad():
        error = vae.decode(vae.encode(images)[0]).clamp(-1, 1) - images
    expected = 10 * np.log10(4 / (error.numpy().astype(np.float64) ** 2).mean())
    found = new_task(run, split, vae).validate(vae)["psnr_db"]
    assert found == pytest.approx(expected, abs=1e-3)
    logged = [entry["validation_psnr_db"] for entry in read_log(run.path / "log.jsonl", "vae")
              if "validation_psnr_db" in entry]
    assert logged == [pytest.approx(expected, abs=1e-2)]


def test_the_loss_is_reconstruction_plus_weighted_kl_of_augmented_images(run, split):
    vae, _ = run.load_vae()
    task = new_task(run, split, vae)
    loss, metrics = task.loss(torch.tensor([0, 5]), torch.Generator().manual_seed(0))
    assert loss.item() == pytest.approx(metrics["reconstruction"].item() + 1e-5 * metrics["kl"].item(),
                                        rel=1e-5)
    others = [task.loss(torch.tensor([0, 5]), torch.Generator().manual_seed(k))[0].item() for k in (0, 1)]
    assert others[0] == loss.item() and others[1] != loss.item()


def test_the_preview_shows_real_images_above_their_reconstructions(run, split, tmp_path):
    vae, _ = run.load_vae()
    new_task(run, split, vae).preview(vae, tmp_path / "p.png")
    sheet = np.asarray(Image.open(tmp_path / "p.png"))
    assert sheet.shape == (2 * 66 + 2, 3 * 66 + 2, 3)
    files = [split.folders.paths[index] for index in split.validation[split.validation_users == 1].tolist()]
    real, below = sheet[2:66:2, 68:132:2].astype(int), sheet[68:132:2, 68:132:2].astype(int)
    assert min(abs(real - np.asarray(Image.open(file))).max() for file in files) <= 4
    assert 4 < abs(real - below).mean() < 60
