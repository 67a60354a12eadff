"""Colours of what is drawn on a dark ground, as images are judged on black."""

__all__ = ["ACCENT", "GROUND", "LINE", "MARK", "MEMBERS", "MUTED", "TEXT"]

GROUND, TEXT, MUTED, LINE = "#0c0f12", "#e8ecef", "#9aa6b0", "#333c44"
ACCENT, MARK = "#6cc3e4", "#ffd166"

MEMBERS = ("#6cc3e4", "#ffd166", "#f28e7f", "#8fd694", "#c7a6f0", "#f2b263", "#7fd1c7", "#e89ac7", "#b8c4ce", "#d9d26b")
"""Of the members of an ensemble, in turn."""
