"""What is trained, in which order: one file per stage, and what several of them share."""
