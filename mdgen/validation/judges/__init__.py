"""Networks that judge images, and what they say. None of them took part in training the model that it judges."""
