"""Generative methods: images are drawn from a prior and the measured data."""
