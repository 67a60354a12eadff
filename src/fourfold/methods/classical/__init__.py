"""Methods without learned parts; every module here holds one and is found by `fourfold.methods.registry`."""
