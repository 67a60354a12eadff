"""Image quality as named protocols: a score always goes with its window, data range and averaging."""

from fourfold.metrics.protocol import Protocol, check_magnitude
from fourfold.metrics.protocols import PROTOCOLS, find_protocol, score, score_frames

__all__ = ["PROTOCOLS", "Protocol", "check_magnitude", "find_protocol", "score", "score_frames"]
