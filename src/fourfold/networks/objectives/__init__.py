"""Objectives: what a training minimises, one file each. A network names those that it can be trained by."""
