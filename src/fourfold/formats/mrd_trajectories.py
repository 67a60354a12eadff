"""MRD (ISMRMRD) files with trajectories: radial, spiral and other scans are read."""

from fourfold.formats.mrd.trajectory_file import MRDTrajectoryFile
from fourfold.formats.registry import FileFormat

__all__ = ["FORMAT"]

FORMAT = FileFormat("MRD with trajectories", MRDTrajectoryFile, order=19)
