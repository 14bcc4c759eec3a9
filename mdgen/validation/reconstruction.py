"""How well an autoencoder preserves held-out images: pixels, structure, outline, texture, identity."""

import copy

import numpy as np
import torch

from mdgen.data.image_io import to_floats, to_uint8
from mdgen.training.user_classifier import outputs
from mdgen.validation.judges.user_classifier import recognition
from mdgen.validation.metrics.image_quality import WINDOW, envelope_error, psnr, squared_error, ssim
from mdgen.validation.metrics.per_user import known_mean, ratios, user_means
from mdgen.validation.metrics.spectral_texture import user_fine_power


def reconstructed(network, folders, indices, device):
    """The tree with the images at indices [M] int64 replaced by their reconstructions, rounded to uint8."""
    shown = copy.copy(folders)
    shown.images = folders.images.clone()
    shown.images[indices] = outputs(lambda x: to_uint8(network.decode(network.encode(x)[0])), folders, indices, device)
    return shown


@torch.inference_mode()
def distances(distance, original, other, device, batch_size: int = 32):
    """distance(x, y) of every pair of uint8 images [N, C, H, W], float64 [N]; x, y are handed over in [-1, 1]."""
    pairs = zip(*(torch.from_numpy(images).split(batch_size) for images in (original, other)))
    found = [distance(*(to_floats(images.to(device)) for images in pair)) for pair in pairs]
    return torch.cat(found).double().cpu().numpy()


def reconstruction_quality(original, other, num_users: int) -> dict:
    """Reconstructions against their originals, two JudgedSets of the same images in the same order.

    Returns psnr_db, ssim, envelope_rows, envelope_missed (see image_quality) and fine_power (over that of the
    originals), each {"overall", "per_user"}; psnr_of_mean_error_db, as the training log has it; identical, how many
    images came back unchanged, whose PSNR is infinite; recognition. NaN where nothing can be said.
    """
    def averages(values):
        return per_user(values, original.users, num_users)

    x, y = original.images, other.images
    rows, missed = envelope_error(x, y)
    fine = [user_fine_power(s.images, s.users, num_users) for s in (other, original)]
    error = squared_error(x, y)
    with np.errstate(divide="ignore"):
        of_mean_error = float(10 * np.log10(255.0**2 / error.mean()))
    structure = ssim(x, y) if min(x.shape[2:]) >= WINDOW else np.full(len(x), np.nan)
    return {"psnr_db": averages(psnr(x, y)), "psnr_of_mean_error_db": of_mean_error,
            "identical": int((error == 0).sum()), "ssim": averages(structure), "envelope_rows": averages(rows),
            "envelope_missed": averages(missed), "fine_power": ratios(*fine),
            "recognition": recognition(other.probabilities, other.users)}


def per_user(values, users, num_users: int) -> dict:
    """Means over all images and over each user's: values [N], NaN left out -> {"overall", "per_user"}."""
    return {"overall": known_mean(values), "per_user": user_means(values, users, num_users)}
