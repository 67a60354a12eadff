"""Untrained networks fitted to the samples of one scan."""
