"""Networks and methods scored on images of subjects that nothing was trained on, each piece of work kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fourfold.datasets import Batch, Example, Examples, collate
from fourfold.errors import InputError
from fourfold.files.documents import plain
from fourfold.methods.method import Method, Progress
from fourfold.metrics import score
from fourfold.networks.reconstructor import Reconstructor
from fourfold.scan import Reconstruction, Record, Sampling, Scan, Source
from fourfold.studies.finished import Finished, Piece
from fourfold.studies.scores import Scores, keep_scores, kept_scores
from fourfold.weights.find import find_weights
from fourfold.weights.load_network import load_network
from fourfold.weights.weight_files import read_manifest

__all__ = ["Unseen", "classical_image", "classical_scores", "network_image", "network_scores"]

_AT_ONCE = 8


@dataclass(frozen=True, eq=False)
class Unseen:
    """Images for test.

    Attributes
    ----------
    domain
        What they are called.
    examples
        Of subjects that nothing was trained on.
    metrics
        Names of the scores.
    """

    domain: str
    examples: Examples
    metrics: tuple[str, ...]

    @cached_property
    def agreed(self) -> Mapping[str, Any]:
        """What decides on scores besides the method: version, metrics and a hash of all data."""
        digest = hashlib.sha256()
        for index in range(len(self.examples)):
            digest.update(_content(self.examples[index]))
        return {"fourfold": version("fourfold"), "metrics": list(self.metrics), "data": digest.hexdigest()}

    def scores(self, values: Sequence[Mapping[str, float]]) -> Scores:
        """Return the scores of all images, given in their order."""
        count = range(len(self.examples))
        return Scores(
            tuple(self.examples.name(index) for index in count),
            tuple(self.examples.subject(index) for index in count),
            {name: tuple(each[name] for each in values) for name in self.metrics},
        )

    def score(self, image: Tensor, reference: Tensor | None, index: int) -> dict[str, float]:
        """Return the scores of one image (y, x) against its reference."""
        if reference is None:
            raise InputError(
                f"'{self.examples.name(index)}' has no fully sampled reference to score against; leave it out."
            )
        pair = image.abs()[None].float().cpu(), reference.abs()[None].float().cpu()
        return {name: score(*pair, name) for name in self.metrics}

    def reference(self, index: int) -> Tensor:
        """Return the reference of one image, float32 (frame, y, x)."""
        found = self.examples[index].reference
        assert found is not None
        return found.abs()[None]


def _content(example: Example) -> bytes:
    arrays = [example.kspace, example.reference]
    parts = [torch.view_as_real(each) if each.is_complex() else each for each in arrays if each is not None]
    return example.name.encode() + b"".join(part.contiguous().numpy().tobytes() for part in parts)


def network_scores(weights: str, unseen: Unseen, folder: Path, device: str, progress: Progress) -> Scores:
    """Return the scores of a network, kept in a folder as ``scores-<domain>.json``.

    Parameters
    ----------
    weights
        Their folder, name, or place on the hub.
    unseen
        Images.
    folder
        Where the scores are kept; an existing one.
    device, progress
        Where to compute; what is told of it.
    """
    path = folder / f"scores-{unseen.domain}.json"
    agreed = _fingerprint({**unseen.agreed, "weights": read_manifest(find_weights(weights)).sha256})
    found = kept_scores(path, agreed)
    if found is None:
        found = _network_scores(load_network(weights, device=device)[0], unseen, device, progress)
        keep_scores(path, agreed, found)
    return found


def _network_scores(network: Reconstructor, unseen: Unseen, device: str, progress: Progress) -> Scores:
    values: list[dict[str, float]] = [{} for _ in range(len(unseen.examples))]
    done = 0
    for indices in _equal_shapes(unseen.examples, _AT_ONCE):
        batch = collate([unseen.examples[index] for index in indices])
        for place, image in enumerate(_images(network, batch.to(device))):
            index = int(batch.index[place])
            values[index] = unseen.score(image, None if batch.reference is None else batch.reference[place], index)
        done += len(batch)
        progress(done / len(values), f"tested on {done} of {len(values)} images of {unseen.domain}")
    return unseen.scores(values)


def _equal_shapes(examples: Examples, size: int) -> Iterator[list[int]]:
    """Yield batches of at most `size` indices of examples that have one shape; the last of each shape are smaller."""
    gathered: dict[tuple[int, int, int], list[int]] = {}
    for index in range(len(examples)):
        shape = examples.shape(index)
        gathered.setdefault(shape, []).append(index)
        if len(gathered[shape]) == size:
            yield gathered.pop(shape)
    yield from gathered.values()


@torch.no_grad()
def _images(network: Reconstructor, batch: Batch) -> Tensor:
    maps = None if network.estimates_maps else batch.maps
    images: Tensor = network(batch.kspace, batch.mask, maps, batch.calibration)
    return images


def network_image(weights: str, unseen: Unseen, index: int, device: str) -> Reconstruction:
    """Return the image that the network of some weights makes of one example."""
    network, manifest = load_network(weights, device=device)
    image = _images(network, collate([unseen.examples[index]]).to(device)).to(torch.complex64).cpu()
    return Reconstruction(image, Record(manifest.network, {"weights": manifest.name}, source=_source(unseen)))


def classical_scores(method: Method, unseen: Unseen, finished: Finished, device: str, progress: Progress) -> Scores:
    """Return the scores of a method, each image of which is kept when it is done.

    Raises
    ------
    InputError
        When the data does not suit the method.
    KeyboardInterrupt
        When the user ends it.
    """
    values = []
    count = len(unseen.examples)
    for index in range(count):
        example = unseen.examples[index]
        piece = _piece(method, unseen, index)
        known = finished.scores(piece)
        if known is None:
            made = method(_scan(example, unseen).to(device))
            if made.record.interrupted:
                raise KeyboardInterrupt
            known = unseen.score(made.image[0], example.reference, index)
            finished.keep(piece, made, known)
        values.append(known)
        progress((index + 1) / count, f"{method.name}, image {index + 1} of {count} of {unseen.domain}")
    return unseen.scores(values)


def classical_image(method: Method, unseen: Unseen, index: int, finished: Finished) -> Reconstruction:
    """Return the image that a method made of one example."""
    return finished.reconstruction(_piece(method, unseen, index))


def _piece(method: Method, unseen: Unseen, index: int) -> Piece:
    agreed = {
        **unseen.agreed,
        "data": hashlib.sha256(_content(unseen.examples[index])).hexdigest(),
        "method": method.name,
        "settings": method.model_dump(mode="json"),
    }
    return Piece(f"{unseen.domain}-{unseen.examples.name(index)}", method.name, agreed)


def _scan(example: Example, unseen: Unseen) -> Scan:
    """Return an example as methods see it: the intensities are those that networks see."""
    maps = None if example.maps is None or len(example.maps) == 1 else example.maps[None, None]
    source = Source(label=example.name, simulated=_source(unseen)["simulated"])
    return Scan(example.kspace[None], Sampling(example.mask[None]), coil_maps=maps, source=source)


def _source(unseen: Unseen) -> dict[str, Any]:
    settings = unseen.examples.settings
    simulated = any(source.kind == "images" for source in (*settings.sources, *settings.test))
    return {"label": unseen.domain, "simulated": simulated}


def _fingerprint(agreed: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(plain(agreed), sort_keys=True).encode()).hexdigest()
