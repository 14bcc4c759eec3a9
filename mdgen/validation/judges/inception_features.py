"""Features and class probabilities of the 2015 Inception network, resized as the field's packages do it.

The resize decides the number: FID values are comparable only under one name of RESIZERS.
"""

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from mdgen.errors import RequestError
from mdgen.models.inception import InceptionV3
from mdgen.validation.metrics.checked_features import finite_features

SIZE = 299


def inception_features(model: InceptionV3, images, *, resize: str = "pytorch-fid", batch_size: int = 32, device,
                       progress=None):
    """The network's features [N, 2048] and class probabilities [N, 1008] of images, NumPy float64.

    model: in evaluation mode; moved to `device`, channels last. images: uint8 [N, 3, H, W], or [N, 1, H, W]
    whose channel stands for all three; array or tensor. resize: one of
      "pytorch-fid"     bilinear between half-pixel centres, no smoothing before shrinking; 2 x / 255 - 1
      "clean-fid"       Pillow's bicubic per channel, which smooths before shrinking, in floats, cut to
                        [0, 255] and not rounded (Parmar et al. 2022); (x - 128) / 128
      "torch-fidelity"  TensorFlow 1's bilinear, as in the first FID code: row i lies at i · H / 299 of the input,
                        half a pixel off, without smoothing; (x - 128) / 128
    progress: called with (done, total) images. Probabilities are the softmax of the logits without bias, as the
    Inception Score takes them. Raises RequestError for no images, another name, features that are not finite.
    """
    if resize not in RESIZERS:
        raise RequestError(f"resize is {resize!r}; expected one of {', '.join(RESIZERS)}.")
    images = torch.as_tensor(images)
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3) or model.training:
        raise ValueError(f"images {images.dtype} {tuple(images.shape)}, model.training {model.training}: "
                         "need uint8 [N, 1 or 3, H, W] and a model in evaluation mode")
    if not len(images):
        raise RequestError("no images to show to the Inception network; add images.")
    model = model.to(device, memory_format=torch.channels_last)
    features, logits = [], []
    # TensorFloat-32, the default of convolutions on recent cards, keeps only 10 bits of the mantissa.
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        for batch in images.split(batch_size):
            x = RESIZERS[resize](batch.to(device)).expand(-1, 3, -1, -1)        # [B, 3, 299, 299]
            for outputs, output in zip((features, logits), model(x.contiguous(memory_format=torch.channels_last))):
                outputs.append(output.double().cpu())
            if progress:
                progress(sum(map(len, features)), len(images))
    return finite_features(torch.cat(features).numpy()), torch.cat(logits).softmax(dim=1).numpy()


def _half_pixel_bilinear(x):
    x = F.interpolate(x.float() / 255, size=(SIZE, SIZE), mode="bilinear", align_corners=False)
    return 2 * x - 1                                                            # [B, C, 299, 299] in [-1, 1]


def _pillow_bicubic(x):
    planes = x.cpu().numpy().astype(np.float32).reshape(-1, *x.shape[2:])       # [B C, H, W]
    resized = [np.asarray(Image.fromarray(p).resize((SIZE, SIZE), Image.Resampling.BICUBIC)) for p in planes]
    return _scaled(torch.from_numpy(np.stack(resized).clip(0, 255)).to(x.device).unflatten(0, x.shape[:2]))


def _corner_bilinear(x):
    return _scaled(_corner_linear(_corner_linear(x.float(), dim=3), dim=2))


def _corner_linear(x, dim: int):
    """Resample one dimension linearly: output i lies at i · size / 299 of the input, without half a pixel."""
    size = x.shape[dim]
    place = torch.arange(SIZE, device=x.device) * torch.tensor(size / SIZE, dtype=torch.float32)
    low = place.long()
    weight = (place - low).view(-1, *[1] * (3 - dim))
    below, above = x.index_select(dim, low), x.index_select(dim, (low + 1).clamp(max=size - 1))
    return below + (above - below) * weight


def _scaled(x):
    return (x - 128) / 128                                                      # [-1, 1), as TensorFlow's graph


RESIZERS = {"pytorch-fid": _half_pixel_bilinear, "clean-fid": _pillow_bicubic, "torch-fidelity": _corner_bilinear}
