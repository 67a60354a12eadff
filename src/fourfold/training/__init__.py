"""Training of networks: settings, stages, losses with or without a reference, checkpoints, and the weights written."""
