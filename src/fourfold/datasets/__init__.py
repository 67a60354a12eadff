"""Training data: examples from raw data, or simulated from images, split by subject."""

from fourfold.datasets.dataset import Examples
from fourfold.datasets.example import Batch, Example, collate
from fourfold.datasets.sets import every_set, test_set, training_set, validation_set
from fourfold.datasets.settings import DataSettings

__all__ = [
    "Batch",
    "DataSettings",
    "Example",
    "Examples",
    "collate",
    "every_set",
    "test_set",
    "training_set",
    "validation_set",
]
