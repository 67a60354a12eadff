"""Images that a study scores methods and networks on."""

from __future__ import annotations

import dataclasses
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from fourfold.datasets import Batch, Example, Examples, collate
from fourfold.errors import InputError
from fourfold.methods.method import Method
from fourfold.metrics import Metric
from fourfold.networks.reconstructor import Reconstructor
from fourfold.result_cache import CacheKey
from fourfold.scan import Reconstruction, Record, Sampling, Scan, Source
from fourfold.studies.ensemble import ensemble_scores
from fourfold.studies.scores import Evaluation
from fourfold.weights.load_network import load_reconstructor

__all__ = ["ExampleSet", "TestImage", "TestSet"]

_BATCH = 8


@dataclass(frozen=True)
class TestImage:
    """A test image that is read: the undersampled scan, its reference, and what identifies both in the result cache.

    The reference is float32, (frame, y, x).
    """

    __test__ = False  # no test case
    scan: Scan
    reference: Tensor
    inputs: Mapping[str, Any]
    unsuitable: Mapping[str, str] = field(default_factory=dict)
    """Why metrics do not suit it, by their names."""


class TestSet(ABC):
    """Test images: the undersampled scans and their references.

    Parameters
    ----------
    name
        Name of the test set.
    metrics
        The scores.
    images
        Name and subject of each image.

    Attributes
    ----------
    unsuitable
        Why metrics do not suit an image that was read, by the metric's name; they are left out for it.
    """

    __test__ = False  # no test case

    def __init__(self, name: str, metrics: Sequence[Metric], images: Sequence[tuple[str, str]]) -> None:
        self.name, self.metrics, self.images = name, tuple(metrics), images
        self.unsuitable: dict[int, dict[str, str]] = {}
        self._last: tuple[int, TestImage] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def image_name(self, index: int) -> str:
        """Return the name of an image."""
        return self.images[index][0]

    def subject(self, index: int) -> str:
        """Return the subject of an image."""
        return self.images[index][1]

    @abstractmethod
    def cache_name(self, index: int) -> str:
        """Return the name of an image in the result cache, with that of the test set."""

    @abstractmethod
    def read(self, index: int) -> TestImage:
        """Read an image; InputError where it does not suit."""

    def __getitem__(self, index: int) -> TestImage:
        # The last one is kept, because all methods take it in turn.
        if self._last is None or self._last[0] != index:
            self._last = index, self.read(index)
        return self._last[1]

    def evaluate(self, reconstruction: Reconstruction, image: TestImage) -> Evaluation:
        """Return the scores of image, image before data consistency, and members; and the seconds.

        Parameters
        ----------
        reconstruction
            Of the image.
        image
            The image, of this set.
        """
        reference, before = image.reference.cpu(), reconstruction.before_data_consistency
        metrics = [metric for metric in self.metrics if metric.name not in image.unsuitable]
        members = reconstruction.members
        ensemble = None if members is None or len(members) == 1 else ensemble_scores(members.cpu(), reference, metrics)
        return {
            "image": _scores(reconstruction.magnitude, reference, metrics),
            "before_data_consistency": {} if before is None else _scores(before.abs(), reference, metrics),
            "ensemble": None if ensemble is None else dataclasses.asdict(ensemble),
            "seconds": reconstruction.record.seconds,
        }

    def key(self, method: Method, index: int) -> CacheKey:
        """Return the cache key of a method's reconstruction of an image."""
        inputs = {
            "method": method.name,
            "settings": method.model_dump(mode="json"),
            "metrics": [metric.name for metric in self.metrics],
        }
        return CacheKey(self.cache_name(index), method.name, {**inputs, **self[index].inputs})


class ExampleSet(TestSet):
    """Examples of a data set, of subjects that no network was trained on; the other parameters are a test set's.

    Parameters
    ----------
    examples
        The images.
    """

    def __init__(self, name: str, examples: Examples, metrics: Sequence[Metric]) -> None:
        super().__init__(name, metrics, [(examples.name(k), examples.subject(k)) for k in range(len(examples))])
        self.examples = examples

    def cache_name(self, index: int) -> str:
        """Return the names of test set and image."""
        return f"{self.name}-{self.image_name(index)}"

    def read(self, index: int) -> TestImage:
        """Read an image, its scan scaled as for networks; InputError without a reference."""
        example = self.examples[index]
        maps = None if example.maps is None or len(example.maps) == 1 else example.maps[None, None]
        source = Source(label=example.name, simulated=self._source["simulated"])
        scan = Scan(example.kspace[None], Sampling(example.mask[None]), coil_maps=maps, source=source)
        data = hashlib.sha256(_content(example)).hexdigest()
        return TestImage(scan, self._magnitude(example.reference, index), {"data": data})

    def network_key(self, name: str, sha256: str) -> CacheKey:
        """Return the cache key of the scores of a network on all images, from the hash of its weights."""
        inputs = {"metrics": [metric.name for metric in self.metrics], "data": self._hash, "weights": sha256}
        return CacheKey(self.name, name, inputs)

    def evaluate_network(self, network: Reconstructor, device: str) -> Iterator[tuple[int, Evaluation]]:
        """Yield the number of each image and its scores."""
        for indices in _equal_shapes(self.examples, _BATCH):
            batch = collate([self.examples[index] for index in indices])
            for position, (index, image) in enumerate(zip(indices, _images(network, batch.to(device)), strict=True)):
                reference = self._magnitude(None if batch.reference is None else batch.reference[position], index)
                yield index, {"image": _scores(image.abs()[None].float(), reference, self.metrics)}

    def network_image(self, weights: str, index: int, device: str) -> Reconstruction:
        """Return the reconstruction of an image by the network with these weights."""
        network, manifest = load_reconstructor(weights, device=device)
        image = _images(network, collate([self.examples[index]]).to(device)).to(torch.complex64).cpu()
        return Reconstruction(image, Record(manifest.network, {"weights": manifest.name}, source=self._source))

    def _magnitude(self, reference: Tensor | None, index: int) -> Tensor:
        if reference is None:
            raise InputError(
                f"'{self.image_name(index)}' has no fully sampled reference to score against; leave it out."
            )
        return reference.abs()[None].float().cpu()

    @cached_property
    def _hash(self) -> str:
        digest = hashlib.sha256()
        for index in range(len(self)):
            digest.update(_content(self.examples[index]))
        return digest.hexdigest()

    @property
    def _source(self) -> dict[str, Any]:
        settings = self.examples.settings
        simulated = any(source.kind == "images" for source in (*settings.sources, *settings.test))
        return {"label": self.name, "simulated": simulated}


def _scores(image: Tensor, reference: Tensor, metrics: Sequence[Metric]) -> dict[str, float]:
    return {metric.name: metric.evaluate(image.cpu(), reference)[0] for metric in metrics}


def _equal_shapes(examples: Examples, size: int) -> Iterator[list[int]]:
    """Yield batches of at most `size` indices of examples that have one shape; the last of each shape are smaller."""
    gathered: dict[tuple[int, int, int], list[int]] = {}
    for index in range(len(examples)):
        shape = examples.shape(index)
        gathered.setdefault(shape, []).append(index)
        if len(gathered[shape]) == size:
            yield gathered.pop(shape)
    yield from gathered.values()


def _content(example: Example) -> bytes:
    arrays = [example.kspace, example.reference]
    parts = [torch.view_as_real(each) if each.is_complex() else each for each in arrays if each is not None]
    return example.name.encode() + b"".join(part.contiguous().numpy().tobytes() for part in parts)


@torch.no_grad()
def _images(network: Reconstructor, batch: Batch) -> Tensor:
    maps = None if network.estimates_maps else batch.maps
    images: Tensor = network(batch.kspace, batch.mask, maps, batch.calibration)
    return images
