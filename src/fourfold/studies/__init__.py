"""Studies: what is asked of several methods or many scans at once."""

from fourfold.studies.compare import Comparison, Entry, compare
from fourfold.studies.gfactor import gfactor

__all__ = ["Comparison", "Entry", "compare", "gfactor"]
