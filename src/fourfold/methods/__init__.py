"""Reconstruction methods: the base, the registry, what they share, and one folder a family."""
