"""Settings chosen from the measured data: part of it is held out, and candidates are judged by it."""
