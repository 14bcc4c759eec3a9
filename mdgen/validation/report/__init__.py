"""What is said of the figures: the verdict, the pages, the files."""
