"""The command lines of train.py, sample.py and evaluate.py: they read arguments and call the library."""
