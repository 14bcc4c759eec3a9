"""Metrics: arrays in, numbers out. They know nothing of files, runs or networks."""
