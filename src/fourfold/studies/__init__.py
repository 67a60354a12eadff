"""Comparisons of methods, and studies of many scans and of trained networks."""

from fourfold.studies.compare import Comparison, Entry, compare
from fourfold.studies.gfactor import gfactor

__all__ = ["Comparison", "Entry", "compare", "gfactor"]
