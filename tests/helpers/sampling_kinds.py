"""Kinds of sampling patterns by what they have in common."""

ACCELERATED_LINES = ("random", "equispaced", "gaussian", "kt-interleaved")
SEEDED = (*ACCELERATED_LINES, "poisson-disc")
