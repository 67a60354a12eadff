"""Denoisers: from a noisy image and its noise level to an image."""
