"""The noise of a scan: its covariance between coils and its level."""
