"""Planted copies are counted, whatever their gain and moment; the rest of the rule is tested where a report uses it."""

from types import SimpleNamespace

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from mdgen.data.copies import CopyRate
from mdgen.data.windows import window_places

USERS, TRAIN, HELD_OUT = 3, 20, 8


def images_of(rng, count):
    """uint8 [USERS count, 1, 24, 32], user by user: speckle under a line that belongs to the user."""
    images = gaussian_filter(rng.normal(size=(USERS, count, 24, 32)), (0, 0, 1, 1)) * 100 + 60
    for user in range(USERS):
        images[user, :, 5 + 6 * user:8 + 6 * user] += 100
    return images.clip(0, 255).astype(np.uint8).reshape(-1, 1, 24, 32)


def split_of(held_out=HELD_OUT):
    rng = np.random.default_rng(0)
    images = np.concatenate([images_of(rng, TRAIN), images_of(rng, held_out)])
    users = np.concatenate([np.repeat(np.arange(USERS), count) for count in (TRAIN, held_out)])
    rows = torch.arange(len(images)).split([USERS * TRAIN, USERS * held_out])
    return SimpleNamespace(folders=SimpleNamespace(images=torch.from_numpy(images)), train=rows[0], validation=rows[1],
                           windows=window_places(users, 3), train_users=torch.from_numpy(users)[rows[0]],
                           validation_users=torch.from_numpy(users)[rows[1]])


def test_planted_copies_and_no_others_are_counted():
    split, users = split_of(), np.repeat(np.arange(USERS), 5)
    generated = images_of(np.random.default_rng(1), 5) / 127.5 - 1        # new images, in the contract's range
    copies = CopyRate(split)
    assert copies.rate(generated, users) == 0.0
    for place, source in ((1, 7), (8, 25), (14, 59)):
        generated[place] = np.roll(split.folders.images[source].numpy() / 127.5 - 1, 3, axis=-1) * 0.6
    assert copies.rate(generated, users) == 3 / 15


def test_too_few_held_out_images_say_nothing():
    assert CopyRate(split_of(held_out=4)).rate(images_of(np.random.default_rng(1), 2), np.arange(6) // 2) is None
