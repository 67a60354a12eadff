"""Networks that are fitted to one scan."""
