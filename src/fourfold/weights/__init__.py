"""Weights of trained networks on disk: the numbers, and what must be known beside them."""
