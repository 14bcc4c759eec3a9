"""Three sets of images beside each other: how near the generated ones are to the real ones, and how sure that is."""
