"""Intervals of stated coverage around images, learned from fully sampled scans, and bounds of their quality."""
