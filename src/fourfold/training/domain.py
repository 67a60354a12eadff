"""The domain of what a network was trained on, for the manifest of its weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fourfold.datasets import Examples, training_set
from fourfold.methods.method import Progress
from fourfold.scan import Sampling, Scan
from fourfold.training.settings import TrainingSettings
from fourfold.weights.manifest import Domain
from fourfold.weights.out_of_distribution import domain_of

__all__ = ["examples_domain", "training_domain"]


def training_domain(settings: TrainingSettings, examples: int = 400, progress: Progress | None = None) -> Domain:
    """Return the range of the training examples' features (`fourfold.weights.out_of_distribution.domain_of`).

    Parameters
    ----------
    settings
        Of the training.
    examples
        At most so many, evenly spread over the training data.
    progress
        Called with the done fraction and a few words.

    Raises
    ------
    InputError
        Where the data cannot be read, or are too few.
    """
    return examples_domain(training_set(settings.data, settings.seed), examples, progress)


def examples_domain(data: Examples, examples: int, progress: Progress | None = None) -> Domain:
    """Return the domain of at most so many `examples` of a data set that is open; otherwise as `training_domain`."""
    count = min(examples, len(data))
    chosen = [index * len(data) // count for index in range(count)]
    return domain_of(_scans(data, chosen, progress), [data.subject(index) for index in chosen])


def _scans(data: Examples, chosen: Sequence[int], progress: Progress | None) -> Iterator[Scan]:
    for done, index in enumerate(chosen):
        if progress is not None:
            progress(done / len(chosen), "training examples")
        example = data[index]
        yield Scan(example.kspace[None], Sampling(example.mask[None]))
