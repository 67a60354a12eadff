"""Images that a study scores methods and networks on."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, TypeAlias

import torch
from torch import Tensor

from fourfold.datasets import Batch, Example, Examples, collate
from fourfold.errors import InputError
from fourfold.methods.method import Method
from fourfold.metrics import score
from fourfold.networks.reconstructor import Reconstructor
from fourfold.result_cache import CacheKey
from fourfold.scan import Reconstruction, Record, Sampling, Scan, Source
from fourfold.weights.load_network import load_network

__all__ = ["Evaluation", "ExampleSet", "TestSet"]

_BATCH = 8

Evaluation: TypeAlias = Mapping[str, Any]
"""Scores of one image, JSON types: ``image`` holds a score by the metric's name."""


class TestSet(ABC):
    """Test images: the undersampled scans and their references.

    Attributes
    ----------
    name
        Name of the test set.
    """

    __test__ = False  # no test case
    name: str

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of images."""

    @abstractmethod
    def image_name(self, index: int) -> str:
        """Return the name of an image."""

    @abstractmethod
    def subject(self, index: int) -> str:
        """Return the subject of an image."""

    @abstractmethod
    def scan(self, index: int) -> Scan:
        """Return the undersampled scan of an image."""

    @abstractmethod
    def reference(self, index: int) -> Tensor:
        """Return the reference of an image, float32 (frame, y, x)."""

    @abstractmethod
    def evaluate(self, reconstruction: Reconstruction, index: int) -> Evaluation:
        """Return the scores of a method's reconstruction of an image."""

    @abstractmethod
    def key(self, method: Method, index: int) -> CacheKey:
        """Return the cache key of a method's reconstruction of an image."""


class ExampleSet(TestSet):
    """Examples of a data set, of subjects that no network was trained on.

    Parameters
    ----------
    name
        Name of the test set.
    examples
        The images.
    metrics
        Names of the metrics.
    """

    def __init__(self, name: str, examples: Examples, metrics: tuple[str, ...]) -> None:
        self.name, self.examples, self.metrics = name, examples, metrics
        self._last: tuple[int, Example] | None = None

    def __len__(self) -> int:
        return len(self.examples)

    def image_name(self, index: int) -> str:
        """Return the name of an image."""
        return self.examples.name(index)

    def subject(self, index: int) -> str:
        """Return the subject of an image."""
        return self.examples.subject(index)

    def scan(self, index: int) -> Scan:
        """Return the scan of an image, scaled as for networks."""
        example = self._example(index)
        maps = None if example.maps is None or len(example.maps) == 1 else example.maps[None, None]
        source = Source(label=example.name, simulated=self._source["simulated"])
        return Scan(example.kspace[None], Sampling(example.mask[None]), coil_maps=maps, source=source)

    def reference(self, index: int) -> Tensor:
        """Return the magnitude of the fully sampled image."""
        return self._magnitude(self._example(index).reference, index)

    def evaluate(self, reconstruction: Reconstruction, index: int) -> Evaluation:
        """Return the scores of a method's reconstruction of an image."""
        return self._scores(reconstruction.image[0], self._example(index).reference, index)

    def key(self, method: Method, index: int) -> CacheKey:
        """Return the cache key of a method's reconstruction of an image."""
        inputs = {
            "metrics": list(self.metrics),
            "data": hashlib.sha256(_content(self._example(index))).hexdigest(),
            "method": method.name,
            "settings": method.model_dump(mode="json"),
        }
        return CacheKey(f"{self.name}-{self.image_name(index)}", method.name, inputs)

    def network_key(self, name: str, sha256: str) -> CacheKey:
        """Return the cache key of the scores of a network on all images, from the hash of its weights."""
        return CacheKey(self.name, name, {"metrics": list(self.metrics), "data": self._hash, "weights": sha256})

    def evaluate_network(self, network: Reconstructor, device: str) -> Iterator[tuple[int, Evaluation]]:
        """Yield the number of each image and its scores."""
        for indices in _equal_shapes(self.examples, _BATCH):
            batch = collate([self.examples[index] for index in indices])
            for position, (index, image) in enumerate(zip(indices, _images(network, batch.to(device)), strict=True)):
                reference = None if batch.reference is None else batch.reference[position]
                yield index, self._scores(image, reference, index)

    def network_image(self, weights: str, index: int, device: str) -> Reconstruction:
        """Return the reconstruction of an image by the network with these weights."""
        network, manifest = load_network(weights, device=device)
        image = _images(network, collate([self.examples[index]]).to(device)).to(torch.complex64).cpu()
        return Reconstruction(image, Record(manifest.network, {"weights": manifest.name}, source=self._source))

    def _scores(self, image: Tensor, reference: Tensor | None, index: int) -> Evaluation:
        pair = image.abs()[None].float().cpu(), self._magnitude(reference, index).float().cpu()
        return {"image": {name: score(*pair, name) for name in self.metrics}}

    def _magnitude(self, reference: Tensor | None, index: int) -> Tensor:
        if reference is None:
            raise InputError(
                f"'{self.image_name(index)}' has no fully sampled reference to score against; leave it out."
            )
        return reference.abs()[None]

    def _example(self, index: int) -> Example:
        """Return an example; the last one is kept, because all methods use it in turn."""
        if self._last is None or self._last[0] != index:
            self._last = index, self.examples[index]
        return self._last[1]

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
