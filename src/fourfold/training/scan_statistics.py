"""Statistics of the training scans, for the manifest of the weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fourfold.datasets import Examples, training_set
from fourfold.methods.method import Progress
from fourfold.scan import Sampling, Scan
from fourfold.training.settings import TrainingSettings
from fourfold.weights.manifest import ScanStatistics
from fourfold.weights.out_of_distribution import measure_scan_statistics

__all__ = ["scan_statistics_of_examples", "scan_statistics_of_training"]


def scan_statistics_of_training(
    settings: TrainingSettings, examples: int = 400, progress: Progress | None = None
) -> ScanStatistics:
    """Return statistics of a training's examples, as `fourfold.weights.out_of_distribution` uses them.

    Parameters
    ----------
    settings
        Settings of the training.
    examples
        Largest number of examples; they are spread evenly over the training data.
    progress
        Called with the completed fraction and a short description.

    Raises
    ------
    InputError
        Where the data cannot be read, or are too few.
    """
    return scan_statistics_of_examples(training_set(settings.data, settings.seed), examples, progress)


def scan_statistics_of_examples(data: Examples, examples: int, progress: Progress | None = None) -> ScanStatistics:
    """Return statistics of at most `examples` examples of an open data set; see `scan_statistics_of_training`."""
    count = min(examples, len(data))
    indices = [number * len(data) // count for number in range(count)]
    return measure_scan_statistics(_scans(data, indices, progress), [data.subject(index) for index in indices])


def _scans(data: Examples, indices: Sequence[int], progress: Progress | None) -> Iterator[Scan]:
    for done, index in enumerate(indices):
        if progress is not None:
            progress(done / len(indices), "training examples")
        example = data[index]
        yield Scan(example.kspace[None], Sampling(example.mask[None]))
