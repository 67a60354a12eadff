"""Simulated acquisitions and the sample that ships."""
