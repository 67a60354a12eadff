"""Untrained methods: a network is fitted to each scan."""
