"""Settings chosen from the measured data: part of it is held back, and candidates are judged by it."""
