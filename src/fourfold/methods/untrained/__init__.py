"""Untrained methods: a network is fitted to the one scan at hand."""
