"""Noise of a scan: covariance between coils, prewhitening and noise level."""
