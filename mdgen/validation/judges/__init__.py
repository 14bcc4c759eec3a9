"""Networks that judge images, and what they say. None of them has taken part in the training of what it judges."""
