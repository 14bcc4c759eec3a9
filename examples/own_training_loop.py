"""A training loop of your own from the library's parts: folders of images in, new images out.

    python examples/own_training_loop.py DATA new.png --steps 500

DATA holds one folder of images per user. The autoencoder is fitted in closed form alone, to keep the example short.
"""

import argparse
from pathlib import Path

import torch

from mdgen import EMA, VAE, MixedPrecision, NetworkDenoiser, NoiseSchedule, UNet, UserFolders, diffusion_loss, generate
from mdgen.config import DiffusionConfig, SamplingConfig
from mdgen.data.image_io import save_rows
from mdgen.data.latents import encode_latents


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data")
    p.add_argument("output", type=Path)
    p.add_argument("--steps", type=int, default=500)
    p.add_argument("--size", type=int, default=64, help="pixels of an image's side, a multiple of 8")
    args = p.parse_args()
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"

    folders = UserFolders(args.data, height=args.size, width=args.size, channels="auto")
    images, users = folders.floats(torch.arange(len(folders))), folders.labels          # [N, C, H, W] in [-1, 1]
    vae = VAE(images.shape[1], latent_channels=8, width=32, blocks=1).to(device).eval()
    vae.fit_patch_basis(images.to(device))
    latents = encode_latents(vae, lambda rows: images[rows], users, folders.users, vae_hash="")

    config, schedule = DiffusionConfig(), NoiseSchedule.cosine(zero_terminal_snr=True)
    unet = UNet(8, num_users=len(folders.users), channels=(32, 64), blocks=1, embedding_dim=128).to(device)
    optimizer = torch.optim.AdamW(unet.parameters(), lr=1e-3)
    average, precision = EMA(unet), MixedPrecision("auto", device)
    generator = torch.Generator(device).manual_seed(0)
    for step in range(args.steps):
        rows = torch.randint(len(users), (32,))
        with precision.autocast():
            x0 = latents.draw(rows, None).to(device)                                     # [B, c, h, w]
            loss, _ = diffusion_loss(unet, schedule, config, x0, users[rows].to(device), generator)
        precision.backward(loss)
        precision.step(optimizer, unet.parameters(), max_norm=1.0)
        optimizer.zero_grad()
        average.update()
        if step % 100 == 0 or step == args.steps - 1:
            print(f"step {step}: loss {loss.item():.3f}")

    denoiser = NetworkDenoiser(average.average, schedule, config.prediction)
    wanted = torch.arange(len(folders.users), device=device)                             # one image of every user
    rows = [generate(denoiser, vae, latents.statistics.to(device), SamplingConfig(steps=20), wanted,
                     [1000 * row + int(user) for user in wanted], latents.means[0].shape) for row in range(3)]
    save_rows(rows, args.output, folders.colormap)


if __name__ == "__main__":
    main()
