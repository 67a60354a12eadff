"""Losses: they compare a network's image with its reference in training."""
