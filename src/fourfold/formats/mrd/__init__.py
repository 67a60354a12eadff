"""MRD (ISMRMRD) files."""
