"""Linear operators, calibration, noise and simulation: the physics of acquisition."""
