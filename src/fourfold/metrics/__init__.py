"""Image quality as named metrics: a score always goes with its window, data range and averaging."""

from fourfold.metrics.metric import Metric, check_magnitude
from fourfold.metrics.registry import METRICS, find_metric, score, score_frames

__all__ = ["METRICS", "Metric", "check_magnitude", "find_metric", "score", "score_frames"]
