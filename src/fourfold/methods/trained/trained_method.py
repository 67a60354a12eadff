"""The base of all trained methods: weights, coil maps, scale, and data consistency."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Self

import torch
from pydantic import PositiveFloat
from torch import Tensor

from fourfold.coils.calibration import central_calibration, estimate_maps
from fourfold.errors import InputError
from fourfold.kspace.intensity_scale import intensity_scale
from fourfold.methods.coil_map_settings import CoilMapSettings
from fourfold.methods.method import Family, Method, Progress, Solution
from fourfold.methods.sense_problem import CoilCombination, measured_image
from fourfold.networks.layers.precision import Precision, computing
from fourfold.networks.reconstructor import Reconstructor
from fourfold.operators.sense_encoding import Encoding
from fourfold.scan import Scan
from fourfold.weights.find import choose_weights
from fourfold.weights.load_network import load_reconstructor
from fourfold.weights.manifest import Manifest
from fourfold.weights.out_of_distribution import out_of_distribution_notes, training_subject_notes
from fourfold.weights.training_noise import training_noise_notes

__all__ = ["TrainedMethod"]

# A sensitivity network needs some detail to distinguish the coils; published networks use 12 lines and more.
_FEWEST_LINES = 8


class TrainedMethod(CoilMapSettings, Method):
    """A network with fixed weights, between the measured k-space and the image.

    A subclass says which network, by its `name`. The k-space is divided by a scale that is computed from it, as in
    training; nothing is fitted to the scan.
    """

    family: ClassVar[Family] = "trained"
    checked: ClassVar[bool] = True

    numbers_per_channel: ClassVar[int] = 0
    """Real numbers that the network holds at once, for a pixel of a frame and a channel, roughly."""
    numbers_per_coil: ClassVar[int] = 0
    """The same for a pixel and a coil."""
    numbers_per_coil_channel: ClassVar[int] = 0
    """The same for a pixel, a coil, and a channel that the network has for each coil."""

    weights: str = "auto"
    """A name that `fourfold weights list` shows, a folder, or hf://owner/name[@revision]; auto takes the first
    that ship for this network."""
    coil_combination: CoilCombination = "rss"
    """rss: measured samples put back in every coil, root-sum-of-squares; maps: the network's own image."""
    precision: Precision = "float32"
    """Numbers that the network's convolutions compute with; auto takes bfloat16 where the device multiplies it in
    hardware: faster, and no longer the same image on every machine."""
    gpu_memory: PositiveFloat = 4.0
    """On a GPU: gigabytes that frames reconstructed together may take. A CPU is as fast with one after the other."""

    @classmethod
    def numbers(cls, settings: Mapping[str, Any], coils: int) -> int:
        """Return roughly how many real numbers a pixel of a frame the network holds at once.

        Parameters
        ----------
        settings
            Of the network, complete.
        coils
            Of the scan.
        """
        per_channel = cls.numbers_per_channel + cls.numbers_per_coil_channel * coils
        return int(per_channel * settings["channels"] + cls.numbers_per_coil * coils)

    @classmethod
    def from_pretrained(cls, weights: str, **settings: Any) -> Self:
        """Return the method with weights that are loaded, and checked, at once.

        Parameters
        ----------
        weights
            A name of weights that ship, a folder, or ``hf://owner/name[@revision]``.
        settings
            Further settings of the method.

        Raises
        ------
        InputError
            When there are no such weights, their hash is not the manifest's, or they belong to another network.
        """
        method = cls(weights=weights, **settings)
        method.loaded  # noqa: B018  # reads the files
        return method

    @classmethod
    def ready(cls) -> bool:
        """Return whether weights for the network ship with fourfold."""
        return choose_weights(cls.name) is not None

    @cached_property
    def loaded(self) -> tuple[Reconstructor, Manifest]:
        """The network, on the CPU, and the manifest of its weights; read once."""
        weights = choose_weights(self.name) if self.weights == "auto" else self.weights
        if weights is None:
            raise InputError(
                f"No weights for '{self.name}' ship with this fourfold; train some with 'fourfold train' and give "
                "their folder as weights, or name some on the hub as hf://owner/name."
            )
        return load_reconstructor(weights, self.name)

    def frames_at_once(self, scan: Scan) -> int:
        """Return how many frames fit into `gpu_memory` on a GPU; one on a CPU."""
        if scan.kspace.device.type == "cpu":
            return 1
        # Beside the network: k-space twice, maps, and images of all coils for the measured samples.
        numbers = self.numbers(self.loaded[1].settings, scan.coils) + 10 * scan.coils
        return max(1, int(self.gpu_memory * 1e9 / (4 * numbers * math.prod(scan.shape))))

    def solve(self, scan: Scan, progress: Progress) -> Solution:
        """Reconstruct one frame, or several at once."""
        network, manifest = self.loaded
        device = scan.kspace.device
        network = network.to(device)
        progress(0.0, "coil maps")
        scales = torch.tensor([intensity_scale(scan.frame(index)) for index in range(scan.frames)], device=device)
        if not bool(scales.all()):
            raise InputError("A frame's k-space centre is zero, so that it has no image; leave that frame out.")
        calibration = _calibration(scan)
        maps, map_notes = self._maps(network, scan, calibration)
        progress(0.2, manifest.name)
        unit = scales[:, None, None]
        lines = None if calibration is None else calibration / unit[..., None]
        with computing(self.precision, device):
            image = network(scan.kspace / unit[..., None], scan.mask, maps, lines) * unit
        return Solution(
            self._measured(image, maps, scan) if self.coil_combination == "rss" else image,
            scale=float(scales.mean()),
            notes=(
                *map_notes,
                *training_subject_notes(scan, manifest.training_data),
                *out_of_distribution_notes(scan, manifest.scan_statistics),
                *training_noise_notes(scan, manifest.training),
            ),
            details={"weights": manifest.summary()},
            before_data_consistency=image if self.coil_combination == "rss" else None,
        )

    def _maps(self, network: Reconstructor, scan: Scan, calibration: Tensor | None) -> tuple[Tensor, tuple[str, ...]]:
        """Return coil maps (frame or 1, coil, y, x) and what a reader must know of them."""
        estimated_by_network = (
            network.estimates_maps and self.coil_map_method == "auto" and scan.coil_maps is None and scan.coils > 1
        )
        if estimated_by_network and calibration is not None:
            return network.coil_maps(calibration, scan.shape), ()
        scan, map_notes = self.with_coil_maps(scan, scan)
        maps = estimate_maps(scan, sets="auto", threshold=self.coil_map_threshold)
        if maps.shape[1] > 1:
            map_notes = (*map_notes, _FOLDED)
        return maps[:, 0], map_notes

    @staticmethod
    def _measured(image: Tensor, maps: Tensor, scan: Scan) -> Tensor:
        encoding = Encoding(scan.mask, maps[:, None])
        frames = [
            measured_image(encoding, image[index, None], scan.kspace[index], image[index], index)
            for index in range(scan.frames)
        ]
        return torch.stack(frames)


def _calibration(scan: Scan) -> Tensor | None:
    """Return the calibration k-space (frame or 1, coil, ky, kx); None where it has too few lines for a network."""
    calibration = central_calibration(scan, minimum=0, size=None)
    return calibration if min(calibration.shape[-2:]) >= _FEWEST_LINES else None


_FOLDED = (
    "The object folds over in the field of view; networks see one set of coil maps, so that the fold-over may stay: "
    "compare with a method that uses several, such as 'wavelet'."
)
