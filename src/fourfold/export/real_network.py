"""Trained networks in real arithmetic; their layers are used unchanged."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from fourfold.errors import InputError
from fourfold.export.real_arithmetic import Fourier, RealEncoding, as_channels, combined, from_channels, modulus
from fourfold.export.real_denoiser import RealDenoiser
from fourfold.export.real_varnet import estimated_maps, require_exportable, varnet_image
from fourfold.kspace.data_consistency import DataConsistency
from fourfold.networks.cascade import Cascade
from fourfold.networks.denoising_unet import DenoisingUNet
from fourfold.networks.image_network import ImageNetwork
from fourfold.networks.kspace_cnn import KspaceCnn
from fourfold.networks.network import Network
from fourfold.networks.reconstructor import Reconstructor
from fourfold.networks.varnet import VarNet

__all__ = ["RealNetwork", "in_real_arithmetic"]


def in_real_arithmetic(network: Network) -> RealNetwork | RealDenoiser:
    """Return a network in evaluation mode with real input and output.

    Raises
    ------
    InputError
        As `RealNetwork` does, and for an autoencoder: it is of use by its derivative, which exported files do not have.
    """
    if isinstance(network, DenoisingUNet):
        return RealDenoiser(network)
    if not isinstance(network, Reconstructor):
        raise InputError(
            f"The network '{network.name}' is fitted to samples by its derivative, which an ONNX file does not have; "
            "export weights of another network."
        )
    return RealNetwork(network)


class RealNetwork(nn.Module):
    """A trained network that reconstructs, with real input and output.

    Parameters
    ----------
    network
        In evaluation mode.

    Raises
    ------
    InputError
        For a VarNet that estimates coil maps on the small grid of the calibration lines.
    """

    output = "image"
    unit = "k-space and image over the scan's intensity scale"

    def __init__(self, network: Reconstructor) -> None:
        super().__init__()
        if isinstance(network, VarNet):
            require_exportable(network)
        self.network = network

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, in order."""
        takes_noise = isinstance(self.network, VarNet) and self.network.form == "denoising"
        third = "calibration" if self.network.estimates_maps else "maps"
        return ("kspace", "mask", third, *(["noise_std"] if takes_noise else []))

    def forward(self, kspace: Tensor, mask: Tensor, coils: Tensor, noise_std: Tensor | None = None) -> Tensor:
        """Return the images, float32 (frame, y, x, 2).

        Parameters
        ----------
        kspace
            float32, (frame, coil, ky, kx, 2), centred, zero where not acquired, over the scan's intensity scale.
        mask
            bool, (frame, ky, kx).
        coils
            float32, (frame, coil, y, x, 2): coil maps, ones (1, 0) for a single coil; or the k-space with zeros
            outside the fully sampled calibration lines, where that is among the `inputs`.
        noise_std
            float32, (frame,): standard deviation of the complex noise of a sample, √E|n|², in the unit of the k-space;
            where that is among the `inputs`.
        """
        network, fourier = self.network, Fourier(kspace)
        maps = estimated_maps(network, fourier, coils) if isinstance(network, VarNet) and network.sensitivity else coils
        encoding = RealEncoding(fourier, mask[:, None, :, :, None], maps)
        if isinstance(network, ImageNetwork):
            return _image_network(network, encoding, kspace)
        if isinstance(network, Cascade):
            return _cascade(network, encoding, kspace)
        if isinstance(network, VarNet):
            return varnet_image(network, encoding, kspace, noise_std)
        assert isinstance(network, KspaceCnn)
        coil_images = from_channels(network.stack(as_channels(kspace.flatten(0, 1)))).reshape(kspace.shape)
        return combined(coil_images, maps)


def _image_network(network: ImageNetwork, encoding: RealEncoding, kspace: Tensor) -> Tensor:
    image = encoding.adjoint(kspace)
    if network.complex:
        image = from_channels(network.refined_channels(as_channels(image)))
    else:
        magnitude = modulus(image)
        phase = image / magnitude.clamp_min(torch.finfo(image.dtype).tiny)[..., None]
        image = network.refined_magnitude(magnitude)[..., None] * phase
    return image if network.consistency is None else _consistent(network.consistency, encoding, image, kspace)


def _cascade(network: Cascade, encoding: RealEncoding, kspace: Tensor) -> Tensor:
    image = encoding.adjoint(kspace)
    for subnetwork, consistency in zip(network.subnetworks, network.consistency, strict=True):
        assert isinstance(consistency, DataConsistency)
        refined = image + from_channels(subnetwork(as_channels(image)))
        image = _consistent(consistency, encoding, refined, kspace)
    return image


def _consistent(step: DataConsistency, encoding: RealEncoding, image: Tensor, kspace: Tensor) -> Tensor:
    estimate = encoding.fourier.forward(encoding.coil_images(image))
    weight = step.weight
    if isinstance(weight, float) and math.isinf(weight):
        measured = kspace
    else:
        measured = (estimate + weight * kspace) / (1 + weight)
    return encoding.adjoint(torch.where(encoding.acquired, measured, estimate))
