"""Our metrics beside those of pytorch-fid, torch-fidelity, clean-fid and prdc, on the same weights and images.

    pip install --target REF --no-deps pytorch-fid torch-fidelity clean-fid prdc tqdm requests urllib3 idna certifi \
        charset_normalizer scikit-learn joblib threadpoolctl cloudpickle narwhals "scipy<1.18"
    PYTHONPATH=REF python benchmarks/compare_reference_metrics.py [--images 40] [--rows 3000] [--weights FILE]

None of these packages is needed by mdgen; keep them in a folder of their own. SciPy is held below 1.18 there because
pytorch-fid 0.3.0 and clean-fid 0.1.35 call its sqrtm with `disp`, an argument that 1.18 has dropped. Prints ours,
theirs and the relative difference. Without --weights (the 2015 FID weights) the network is random, which tests the
arithmetic as well. clean-fid's network is a download of its own; its resize and scaling run here on pytorch-fid's
network, which has the same weights. Feature sets of --rows rows and 2048 columns, without images, test the metrics at
full rank.
"""

import argparse
import importlib.metadata
import importlib.util
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from mdgen import commandline
from mdgen.errors import RequestError

BATCH = 8
REFERENCES = {"pytorch-fid": "pytorch_fid", "torch-fidelity": "torch_fidelity", "clean-fid": "cleanfid", "prdc": "prdc"}


def parser():
    p = commandline.Parser(prog="compare_reference_metrics.py", description=__doc__,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--images", type=int, default=40, metavar="N", help="in each of the two sets (default: 40)")
    p.add_argument("--rows", type=int, default=3000, metavar="N",
                   help="of features without images, at least 2049 (default: 3000)")
    p.add_argument("--weights", type=Path, metavar="FILE", help="the FID weights (default: random ones)")
    return p


def clean_fid(network):
    """clean-fid's scaling and forward on pytorch-fid's network."""
    import torch
    from cleanfid.inception_torchscript import InceptionV3W

    class First(torch.nn.Module):
        def forward(self, outputs):
            return outputs[0]

    class CleanFID(InceptionV3W):
        def __init__(self):
            torch.nn.Module.__init__(self)
            self.layers, self.resize_inside = torch.nn.Sequential(network, First()), False

    return CleanFID()


def random_inception():
    """InceptionV3 with random weights and the batch-norm statistics of random images, so that features vary."""
    import torch
    from torch.nn import functional as F

    from mdgen.models.inception import InceptionV3

    generator = torch.Generator().manual_seed(0)
    model = InceptionV3()
    for name, parameter in model.named_parameters():
        centre = 1.0 if name.endswith("bn.weight") else 0.0
        scale = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.1
        parameter.data = centre + scale * torch.randn(parameter.shape, generator=generator)
    model.fc.weight.data *= 10      # else every softmax is flat and the Inception Score 1
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model.train()(F.interpolate(random_images(8, 1.0, seed=9).float() / 127.5 - 1, size=(299, 299)))
    return model.eval().requires_grad_(False)


def random_images(count: int, contrast: float, seed: int):
    """Smooth random images, uint8 [count, 3, 96, 128]."""
    import torch
    from torch.nn import functional as F

    coarse = torch.rand(count, 3, 12, 16, generator=torch.Generator().manual_seed(seed)) - 0.5
    fine = F.interpolate(coarse, size=(96, 128), mode="bicubic")
    return (128 + 200 * contrast * fine).clamp(0, 255).to(torch.uint8)


def in_batches(function, images):
    import torch

    with torch.no_grad():
        outputs = [function(batch) for batch in images.split(BATCH)]
    return [torch.cat(parts) for parts in zip(*outputs)]


def reference_extractors(weights: dict) -> dict:
    """Name of the resize -> images uint8 [N, 3, H, W] -> [features] or [features, logits], by their code."""
    import pytorch_fid.inception
    import torch
    from cleanfid.resize import build_resizer
    from torch_fidelity.utils import create_feature_extractor

    pytorch_fid.inception.load_state_dict_from_url = lambda *args, **options: weights
    plain = pytorch_fid.inception.InceptionV3().eval()
    layers = pytorch_fid.inception.InceptionV3(resize_input=False, normalize_input=False).eval()
    clean, resize = clean_fid(layers), build_resizer("clean")
    with tempfile.TemporaryDirectory() as folder:
        torch.save(weights, Path(folder) / "weights.pth")
        fidelity = create_feature_extractor("inception-v3-compat", ["2048", "logits_unbiased"], cuda=False,
                                            verbose=False, feature_extractor_weights_path=f"{folder}/weights.pth")

    def clean_features(batch):
        resized = np.stack([resize(image.permute(1, 2, 0).numpy()) for image in batch])
        return [clean(torch.from_numpy(resized).permute(0, 3, 1, 2))]

    return {"pytorch-fid": lambda batch: [plain(batch.float() / 255)[0].flatten(1)],
            "clean-fid": clean_features, "torch-fidelity": fidelity}


def reference_frechet(package: str, real, fake) -> float:
    """The Fréchet distance of features [N, 2048], tensors, by the package's code."""
    if package == "clean-fid":
        from cleanfid.fid import fid_from_feats

        return fid_from_feats(real.numpy(), fake.numpy())
    if package == "torch-fidelity":
        from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

        moments = fid_features_to_statistics(real), fid_features_to_statistics(fake)
        return fid_statistics_to_metric(*moments, verbose=False)["frechet_inception_distance"]
    from pytorch_fid.fid_score import calculate_frechet_distance

    from mdgen.validation.metrics.frechet import statistics

    return calculate_frechet_distance(*statistics(real), *statistics(fake))


def show(metric: str, ours: float, theirs: float) -> None:
    gap = abs(ours - theirs) / max(abs(theirs), 1e-12)
    print(f"{metric:48s} {ours:14.8g} {theirs:14.8g} {gap:10.1e}", flush=True)


def compare_metrics(label: str, x, y, real, fake, size: int) -> None:
    """x, y: our real and generated features; real, fake: theirs, tensors; all [N, 2048]."""
    from prdc import compute_prdc
    from torch_fidelity.metric_kid import kid_features_to_metric
    from torch_fidelity.metric_prc import prc_features_to_metric

    from mdgen.validation import density_coverage, kernel_distance, precision_recall

    quiet = {"verbose": False}
    theirs = kid_features_to_metric(fake, real, kid_subset_size=size, **quiet)
    mean, deviation = kernel_distance(y, x, subset_size=size, seed=2020)
    show(f"{label}: KID mean, torch-fidelity", mean, theirs["kernel_inception_distance_mean"])
    show(f"{label}: KID deviation, torch-fidelity", deviation, theirs["kernel_inception_distance_std"])
    theirs = prc_features_to_metric(fake, real, **quiet)
    for name, value in zip(("precision", "recall"), precision_recall(x, y)):
        show(f"{label}: {name}, torch-fidelity", value, theirs[name])
    theirs = compute_prdc(real.numpy(), fake.numpy(), 5)
    for name, value in zip(("density", "coverage"), density_coverage(x, y)):
        show(f"{label}: {name}, prdc", value, theirs[name])


def compare_scores(label: str, probabilities, logits) -> None:
    from torch_fidelity.metric_isc import isc_features_to_metric

    from mdgen.validation import inception_score

    score = isc_features_to_metric(logits)
    mean, deviation = inception_score(probabilities, shuffle_seed=2020)
    show(f"{label}: Inception Score mean", mean, score["inception_score_mean"])
    show(f"{label}: Inception Score deviation", deviation, score["inception_score_std"])


def compare_images(count: int, weights_path) -> None:
    """Each package from uint8 images to the Fréchet distance; torch-fidelity to all that it has."""
    import torch

    from mdgen.models.inception import load_inception
    from mdgen.validation import inception_features
    from mdgen.validation.metrics.frechet import frechet_between

    model = load_inception(weights_path) if weights_path else random_inception()
    images = torch.cat([random_images(count, 1.0, seed=0), random_images(count, 0.9, seed=1)])
    for resize, extract in reference_extractors(model.state_dict()).items():
        ours, probabilities = inception_features(model, images, resize=resize, batch_size=BATCH, device="cpu")
        features, *logits = in_batches(extract, images)
        theirs = features.double().numpy()
        gap, size, spread = (np.linalg.norm(a) for a in (ours - theirs, theirs, theirs - theirs.mean(axis=0)))
        print(f"{resize}: norm of the features' difference, over their norm {gap / size:.1e}, over the norm of their "
              f"spread between images {gap / spread:.1e}")
        distance = reference_frechet(resize, *features.split(count))
        show(f"{resize}: Fréchet distance of {count} + {count}", frechet_between(ours[:count], ours[count:]), distance)
    compare_metrics(resize, ours[:count], ours[count:], *features.split(count), size=count // 2)
    compare_scores(resize, probabilities, *logits)


def compare_features(rows: int) -> None:
    """Gamma-distributed features with a falling spectrum, more rows than columns, float64 for both sides.

    In float32, as it comes from images, torch-fidelity's kernel rounds a small KID at about 1e-4 of itself.
    """
    import torch

    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(2048, 2048)) * np.geomspace(1, 0.05, 2048)[:, None] / 32
    x, y = (centre + scale * (rng.gamma(1.0, size=(rows, 2048)) - 1) @ mixing
            for centre, scale in ((0.4, 1), (0.42, 0.98)))
    real, fake = torch.from_numpy(x), torch.from_numpy(y)
    ours = time_frechet(rows, x, y)
    theirs = reference_frechet("torch-fidelity", real, fake)
    show(f"{rows} rows: Fréchet distance, torch-fidelity", ours, theirs)
    compare_metrics(f"{rows} rows", x, y, real, fake, size=min(1000, rows // 2))
    logits = torch.from_numpy(3 * rng.normal(size=(rows, 1008)))
    compare_scores(f"{rows} rows", logits.softmax(dim=1).numpy(), logits)


def time_frechet(rows: int, x, y) -> float:
    """Our Fréchet distance of features x and y [rows, 2048], beside pytorch-fid's and the time that both take."""
    import torch
    from pytorch_fid.fid_score import calculate_frechet_distance

    from mdgen.validation import frechet_distance
    from mdgen.validation.metrics.frechet import statistics

    moments = (*statistics(x), *statistics(y))
    began = time.perf_counter()
    ours = frechet_distance(*moments)
    between = time.perf_counter()
    theirs = calculate_frechet_distance(*moments)
    ended = time.perf_counter()
    show(f"{rows} rows: Fréchet distance, pytorch-fid", ours, theirs)
    print(f"Fréchet distance of 2048 x 2048 covariances: ours {between - began:.1f} s, pytorch-fid "
          f"{ended - between:.1f} s, {torch.get_num_threads()} thread(s)")
    return ours


def main(argv) -> int:
    args = parser().parse_args(argv)
    if missing := [name for name, module in REFERENCES.items() if importlib.util.find_spec(module) is None]:
        raise RequestError(f"{', '.join(missing)} cannot be imported; expected all four packages. Install them as "
                           "--help shows")
    scipy = importlib.metadata.version("scipy")
    if tuple(map(int, scipy.split(".")[:2])) >= (1, 18):
        raise RequestError(f"SciPy is {scipy}; pytorch-fid and clean-fid need one below 1.18, whose sqrtm has `disp`. "
                           "Install it beside them as --help shows")
    if args.rows < 2049:
        raise RequestError(f"--rows is {args.rows}; expected at least 2049, one more than the columns")
    warnings.filterwarnings("ignore")      # scipy's, about arguments that pytorch-fid passes
    print(f"{'metric':48s} {'ours':>14s} {'theirs':>14s} {'relative':>10s}")
    compare_images(args.images, args.weights)
    compare_features(args.rows)
    return 0


if __name__ == "__main__":
    sys.exit(commandline.run(main))
