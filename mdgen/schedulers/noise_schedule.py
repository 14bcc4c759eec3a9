"""Variance-preserving noise schedules and the conversions between what a network may predict.

x_t = sqrt(alpha-bar_t) x_0 + sqrt(1 - alpha-bar_t) eps for t = 0 … T-1; t = -1 means the clean image,
alpha-bar 1.
"""

import math

import torch

from mdgen.errors import RequestError

PREDICTIONS = ("eps", "x0", "v")


class NoiseSchedule:
    """A table of alpha-bar and every formula that needs nothing but it.

    `alphas_cumprod`: [T] float32 on the CPU, strictly falling; 0 at T-1 under zero terminal SNR. In all
    methods images are [B, ...] (any rank, normally [B, C, H, W]) and t is [B] int64 on any device. Results
    have the images' device and dtype, at least float32.
    """

    def __init__(self, alphas_cumprod):
        """alphas_cumprod: [T], 1 > alpha-bar_0 > … > alpha-bar_{T-1} >= 0. RequestError otherwise."""
        table = torch.cat([torch.ones(1, dtype=torch.float32), alphas_cumprod.to("cpu", torch.float32)])
        if len(table) < 2 or not bool((table.diff() < 0).all()) or table[-1] < 0:
            raise RequestError(f"alpha-bar of {len(table) - 1} timesteps must fall strictly from below 1 to 0 "
                               "or above in float32; take at least 1 timestep, or fewer, or other betas")
        self._table = table  # [T + 1]; entry t + 1 belongs to t, so that t = -1 finds its 1
        self._copies = {}     # of it, by device and dtype
        self.alphas_cumprod = table[1:]
        self.num_timesteps = len(self.alphas_cumprod)
        self.zero_terminal_snr = bool(table[-1] == 0)

    @classmethod
    def linear(cls, num_timesteps: int = 1000, beta_start: float = 1e-4, beta_end: float = 0.02,
               zero_terminal_snr: bool = False):
        """Betas evenly spaced (Ho et al. 2020, sec. 4)."""
        _check_betas(beta_start, beta_end)
        betas = torch.linspace(beta_start, beta_end, num_timesteps, dtype=torch.float32)
        return cls._from_betas(betas, zero_terminal_snr)

    @classmethod
    def scaled_linear(cls, num_timesteps: int = 1000, beta_start: float = 0.00085, beta_end: float = 0.012,
                      zero_terminal_snr: bool = False):
        """Square roots of the betas evenly spaced (Rombach et al. 2022, the latent diffusion schedule)."""
        _check_betas(beta_start, beta_end)
        roots = torch.linspace(beta_start**0.5, beta_end**0.5, num_timesteps, dtype=torch.float32)
        return cls._from_betas(roots**2, zero_terminal_snr)

    @classmethod
    def cosine(cls, num_timesteps: int = 1000, zero_terminal_snr: bool = False):
        """alpha-bar a squared cosine, betas capped at 0.999 (Nichol & Dhariwal 2021, eq. 17)."""
        time = torch.linspace(0, 1, num_timesteps + 1, dtype=torch.float64)
        curve = ((time + 0.008) / 1.008 * math.pi / 2).cos() ** 2
        return cls._from_betas((1 - curve[1:] / curve[:-1]).clamp_max(0.999), zero_terminal_snr)

    @classmethod
    def _from_betas(cls, betas, zero_terminal_snr):
        alphas_cumprod = (1 - betas.float()).cumprod(0)  # float32, as others' trained models have it
        return cls(_rescale_to_zero_terminal_snr(alphas_cumprod) if zero_terminal_snr else alphas_cumprod)

    def alpha_bar(self, t, like):
        """alpha-bar of t [B] in -1 … T-1, as [B, 1, 1, 1] to multiply `like` [B, C, H, W]; on its device."""
        dtype = torch.promote_types(like.dtype, torch.float32)  # half precision cannot hold 1 - alpha-bar
        a = self._table_on(like.device, dtype).gather(0, t.to(like.device) + 1)
        return a.reshape(-1, *[1] * (like.ndim - 1))

    def snr(self, t):
        """Signal-to-noise ratio alpha-bar / (1 - alpha-bar) of t [B]: [B] float32, on t's device."""
        a = self._table_on(t.device, torch.float32).gather(0, t + 1)
        return a / (1 - a)

    def _table_on(self, device, dtype):
        if (device, dtype) not in self._copies:   # copied at every call, it would make a GPU wait at every step
            self._copies[device, dtype] = self._table.to(device, dtype)
        return self._copies[device, dtype]

    def add_noise(self, x0, noise, t):
        """x_t of the clean x0 under unit normal noise (Ho et al. 2020, eq. 4)."""
        a = self.alpha_bar(t, x0)
        return a.sqrt() * x0 + (1 - a).sqrt() * noise

    def velocity(self, x0, noise, t):
        """v = sqrt(alpha-bar) eps - sqrt(1 - alpha-bar) x0 (Salimans & Ho 2022, sec. 4 and app. D)."""
        a = self.alpha_bar(t, x0)
        return a.sqrt() * noise - (1 - a).sqrt() * x0

    def to_x0(self, output, x_t, t, prediction: str):
        """The clean image that a network's output at x_t implies; t in 0 … T-1.

        RequestError (a ValueError) for "eps" where alpha-bar is 0: there x_t is noise alone.
        """
        _check_prediction(prediction)
        if prediction == "x0":
            return output
        a = self.alpha_bar(t, x_t)
        if prediction == "v":
            return a.sqrt() * x_t - (1 - a).sqrt() * output
        if self.zero_terminal_snr and bool((t == self.num_timesteps - 1).any()):
            raise RequestError(f"prediction 'eps' cannot give x0 at t = {self.num_timesteps - 1}, where zero "
                               "terminal SNR makes alpha-bar 0; predict 'v' or 'x0', or turn it off")
        return (x_t - (1 - a).sqrt() * output) / a.sqrt()

    def to_eps(self, output, x_t, t, prediction: str):
        """The noise that a network's output at x_t implies; t in 0 … T-1, for there is none to find at -1."""
        _check_prediction(prediction)
        if prediction == "eps":
            return output
        a = self.alpha_bar(t, x_t)
        if prediction == "v":
            return a.sqrt() * output + (1 - a).sqrt() * x_t
        return (x_t - a.sqrt() * output) / (1 - a).sqrt()


def _rescale_to_zero_terminal_snr(alphas_cumprod):
    """Shift and stretch sqrt(alpha-bar) to end at 0 and start where it did (Lin et al. 2024, alg. 1)."""
    if len(alphas_cumprod) < 2:
        raise RequestError("zero terminal SNR needs 2 timesteps or more, not 1; raise num_timesteps")
    root = alphas_cumprod.sqrt()
    rescaled = ((root - root[-1]) * (root[0] / (root[0] - root[-1]))) ** 2
    betas = 1 - torch.cat([rescaled[:1], rescaled[1:] / rescaled[:-1]])
    return (1 - betas).cumprod(0)  # by way of the betas, as in the paper: in float32 the way shows


def _check_betas(beta_start, beta_end):
    if not (0 < beta_start < 1 and 0 < beta_end < 1):
        raise RequestError(f"beta_start is {beta_start} and beta_end {beta_end}; expected numbers above 0 and below 1")


def _check_prediction(prediction):
    if prediction not in PREDICTIONS:
        raise ValueError(f"prediction is {prediction!r}; expected one of {', '.join(PREDICTIONS)}")
