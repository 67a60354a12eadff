"""Neural networks as plain torch modules, without data, training or files."""
