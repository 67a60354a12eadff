"""What the sampling methods make of a scan: its measurement with a noise level, and groups of members."""
