"""Plain torch modules: no data, no training, no files."""
