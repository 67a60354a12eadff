"""The fit of a generator to measured samples: in its latent variables, its layers and its weights."""
