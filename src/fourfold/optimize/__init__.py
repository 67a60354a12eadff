"""Solvers: they know operators and proximal maps, not MRI."""
