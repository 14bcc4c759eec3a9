"""Losses that teach an embedding to tell users apart: they act on distances and angles, not on class logits."""

import torch
from torch.nn import functional as F


def contrastive_loss(distance, same, margin: float = 1.0):
    """Pull equal users together, push others `margin` apart (Hadsell et al. 2006, eq. 4); mean over pairs.

    distance [B] >= 0, as SiameseNetwork returns it; same [B]: true where both images are of one user.
    Embeddings of unit length are at most 2 apart, so a margin beyond 2 cannot be met.
    """
    same = same.to(distance.dtype)
    pull, push = distance**2, (margin - distance).clamp_min(0) ** 2
    return 0.5 * (same * pull + (1 - same) * push).mean()


def batch_pairs(embeddings, users):
    """All pairs of a batch: embeddings [B, D], users [B] -> (distance [P], same [P] bool), P = B(B-1)/2."""
    first, second = torch.triu_indices(len(users), len(users), offset=1, device=users.device)
    distance = torch.linalg.vector_norm(embeddings[first] - embeddings[second], dim=1)
    return distance, users[first] == users[second]


def semi_hard_triplets(embeddings, users):
    """Semi-hard mining (Schroff et al. 2015, eq. 4): embeddings [B, D], users [B] -> anchor, positive, negative.

    Every ordered pair of one user is an anchor and its positive. The negative is the nearest image of another user
    that is farther from the anchor than the positive, or the farthest of all where there is none. Returns three
    [T, D]. With the hardest negatives instead, all embeddings may collapse into one point.
    Raises ValueError unless the batch holds two users or more.
    """
    if len(users.unique()) < 2:
        raise ValueError("a batch of one user has no negatives; give it 2 users or more")
    with torch.no_grad():
        distance, same = torch.cdist(embeddings, embeddings), users[:, None] == users            # [B, B]
        anchor, positive = (same & ~torch.eye(len(users), dtype=torch.bool, device=users.device)).nonzero().T
        others = distance[anchor].masked_fill(same[anchor], -1)                                  # [T, B]
        farther = others.masked_fill(others <= distance[anchor, positive][:, None], torch.inf)
        nearest, negative = farther.min(dim=1)
        negative = torch.where(nearest.isinf(), others.argmax(dim=1), negative)
    return embeddings[anchor], embeddings[positive], embeddings[negative]


def triplet_loss(anchor, positive, negative, margin: float = 0.2):
    """An anchor must be nearer to its own user than to another, by `margin` (Schroff et al. 2015, eq. 3).

    anchor, positive, negative: [B, D] of unit length; margin in squared distance. Mean over the triplets.
    """
    near = ((anchor - positive) ** 2).sum(dim=1)
    far = ((anchor - negative) ** 2).sum(dim=1)
    return (near - far + margin).clamp_min(0).mean()


def supervised_contrastive_loss(embeddings, users, temperature: float = 0.1):
    """Each image must find its user's other images among the whole batch (Khosla et al. 2020, eq. 2).

    embeddings [B, D] of unit length, users [B] int64. With two images of every user it is NT-Xent (Chen
    et al. 2020, eq. 1). The only image of a user serves as a negative alone; a batch without any pair gives 0.
    """
    others = ~torch.eye(len(users), dtype=torch.bool, device=users.device)
    positives = (users[:, None] == users) & others                      # [B, B]
    similarity = embeddings @ embeddings.T / temperature                # [B, B]
    log_share = F.log_softmax(similarity.masked_fill(~others, torch.finfo(similarity.dtype).min), dim=1)
    count = positives.sum(dim=1)                                        # [B]
    per_anchor = -log_share.masked_fill(~positives, 0).sum(dim=1) / count.clamp_min(1)
    return per_anchor.sum() / (count > 0).sum().clamp_min(1)
