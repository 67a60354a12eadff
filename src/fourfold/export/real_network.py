"""Trained networks in real arithmetic, for runtimes such as ONNX's without complex numbers and Fourier transforms.

Complex arrays have a last axis of two, real and imaginary part. The Fourier transform is a matrix product, which is
exact and, at image sizes, a small part of the computation. The networks' layers are used unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from fourfold.errors import InputError
from fourfold.kspace.data_consistency import DataConsistency
from fourfold.networks.cascade import Cascade
from fourfold.networks.image_network import ImageNetwork
from fourfold.networks.initial_image import INITIAL_ITERATIONS
from fourfold.networks.kspace_cnn import KspaceCnn
from fourfold.networks.normalised_unet import NormalisedUNet
from fourfold.networks.reconstructor import Reconstructor
from fourfold.networks.varnet import ITERATIONS, VarNet
from fourfold.optimize.conjugate_gradient_steps import conjugate_gradient_steps

__all__ = ["RealNetwork"]


class RealNetwork(nn.Module):
    """A trained network with real input and output.

    Parameters
    ----------
    network
        In evaluation mode.

    Raises
    ------
    InputError
        For a VarNet that estimates coil maps on the small grid of the calibration lines, starts from a total-variation
        image, or is conditioned on the noise level.
    """

    def __init__(self, network: Reconstructor) -> None:
        super().__init__()
        if isinstance(network, VarNet) and network.sensitivity is not None and network.sensitivity.grid != "full":
            raise InputError(
                "This VarNet estimates coil maps on the small grid of the calibration lines, which exported networks "
                "cannot; export weights with sensitivity_grid 'full' or without sensitivity estimation."
            )
        if isinstance(network, VarNet) and network.total_variation:
            raise InputError(
                "This VarNet starts from a total-variation image, which exported networks cannot compute; export "
                "weights with total_variation 0."
            )
        if isinstance(network, VarNet) and network.form == "denoising":
            raise InputError(
                "This VarNet is conditioned on the noise level, which exported networks cannot estimate; export "
                "weights of another form, such as 'proximal'."
            )
        self.network = network

    @property
    def takes_calibration(self) -> bool:
        """Whether the third input is the calibration k-space rather than coil maps."""
        return self.network.estimates_maps

    def forward(self, kspace: Tensor, mask: Tensor, coils: Tensor) -> Tensor:
        """Return the images, float32 (frame, y, x, 2).

        Parameters
        ----------
        kspace
            float32, (frame, coil, ky, kx, 2), centred, zero where not acquired, over the scan's intensity scale.
        mask
            bool, (frame, ky, kx).
        coils
            float32, (frame, coil, y, x, 2): coil maps, ones (1, 0) for a single coil; or, where `takes_calibration`,
            the k-space with zeros outside the fully sampled calibration lines.
        """
        network = self.network
        acquired = mask[:, None, :, :, None]
        if isinstance(network, ImageNetwork):
            return _image_network(network, kspace, acquired, coils)
        if isinstance(network, Cascade):
            return _cascade(network, kspace, acquired, coils)
        if isinstance(network, VarNet):
            maps = _estimated_maps(network, coils) if self.takes_calibration else coils
            return _FORMS[network.form](network, kspace, acquired, maps)
        assert isinstance(network, KspaceCnn)
        coil_images = _from_channels(network.stack(_channels(kspace.flatten(0, 1)))).reshape(kspace.shape)
        return _combined(coil_images, coils)


def _channels(image: Tensor) -> Tensor:
    """Return (frame, y, x, 2) as (frame, 2, y, x)."""
    return image.permute(0, 3, 1, 2)


def _from_channels(channels: Tensor) -> Tensor:
    return channels.permute(0, 2, 3, 1)


def _times(a: Tensor, b: Tensor) -> Tensor:
    (ar, ai), (br, bi) = a.unbind(-1), b.unbind(-1)
    return torch.stack([ar * br - ai * bi, ar * bi + ai * br], dim=-1)


def _conjugate_times(a: Tensor, b: Tensor) -> Tensor:
    """Return conj(a) · b."""
    (ar, ai), (br, bi) = a.unbind(-1), b.unbind(-1)
    return torch.stack([ar * br + ai * bi, ar * bi - ai * br], dim=-1)


def _combined(coil_images: Tensor, maps: Tensor) -> Tensor:
    """Return Σ conj(S) x over coils."""
    return _conjugate_times(maps, coil_images).sum(dim=1)


def _modulus(image: Tensor) -> Tensor:
    return image.square().sum(dim=-1).sqrt()


def _transform(x: Tensor, sign: int) -> Tensor:
    """Return the centred orthonormal Fourier transform of (…, y, x, 2), its inverse for a `sign` of 1."""
    (ry, iy), (rx, ix) = (_matrix(size, sign, x) for size in x.shape[-3:-1])
    real, imaginary = x.unbind(-1)
    real, imaginary = ry @ real - iy @ imaginary, ry @ imaginary + iy @ real
    return torch.stack([real @ rx - imaginary @ ix, real @ ix + imaginary @ rx], dim=-1)


def _matrix(size: int, sign: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return real and imaginary part of the symmetric matrix of the transform along an axis."""
    index = torch.arange(size, device=like.device)
    # A tensor, because a Python number would be fixed in the exported file.
    count = index[-1] + 1
    positions = index - torch.div(count, 2, rounding_mode="floor")
    # In integers, because single precision is too coarse for the large phases of outer samples.
    turns = torch.remainder(positions[:, None] * positions[None], count)
    angles = sign * 2 * math.pi * turns.to(like.dtype) / count
    scale = count.to(like.dtype).rsqrt()
    return angles.cos() * scale, angles.sin() * scale


def _fft(x: Tensor) -> Tensor:
    return _transform(x, -1)


def _ifft(x: Tensor) -> Tensor:
    return _transform(x, 1)


def _consistent(step: DataConsistency, coil_images: Tensor, kspace: Tensor, acquired: Tensor) -> Tensor:
    estimate = _fft(coil_images)
    weight = step.weight
    if isinstance(weight, float) and math.isinf(weight):
        return _ifft(torch.where(acquired, kspace, estimate))
    return _ifft(torch.where(acquired, (estimate + weight * kspace) / (1 + weight), estimate))


def _image_network(network: ImageNetwork, kspace: Tensor, acquired: Tensor, maps: Tensor) -> Tensor:
    image = _combined(_ifft(kspace), maps)
    if network.complex:
        image = _from_channels(network.refined_channels(_channels(image)))
    else:
        modulus = _modulus(image)
        phase = image / modulus.clamp_min(torch.finfo(image.dtype).tiny)[..., None]
        image = network.refined_magnitude(modulus)[..., None] * phase
    if network.consistency is None:
        return image
    return _combined(_consistent(network.consistency, _times(maps, image[:, None]), kspace, acquired), maps)


def _cascade(network: Cascade, kspace: Tensor, acquired: Tensor, maps: Tensor) -> Tensor:
    image = _combined(_ifft(kspace), maps)
    for subnetwork, consistency in zip(network.subnetworks, network.consistency, strict=True):
        assert isinstance(consistency, DataConsistency)
        refined = image + _from_channels(subnetwork(_channels(image)))
        image = _combined(_consistent(consistency, _times(maps, refined[:, None]), kspace, acquired), maps)
    return image


def _regularised(regulariser: nn.Module, image: Tensor) -> Tensor:
    assert isinstance(regulariser, NormalisedUNet)
    return _from_channels(regulariser.on_channels(_channels(image)))


def _normal(image: Tensor, acquired: Tensor, maps: Tensor) -> Tensor:
    """Return AᴴA x."""
    return _combined(_ifft(torch.where(acquired, _fft(_times(maps, image[:, None])), 0)), maps)


def _varnet_image(network: VarNet, kspace: Tensor, acquired: Tensor, maps: Tensor) -> Tensor:
    image = start = _combined(_ifft(kspace), maps)
    for step, regulariser in zip(network.steps, network.regularisers, strict=True):
        image = image - step * (_normal(image, acquired, maps) - start) - _regularised(regulariser, image)
    return image


def _varnet_kspace(network: VarNet, kspace: Tensor, acquired: Tensor, maps: Tensor) -> Tensor:
    """Return the images of `VarNet`'s k-space form, computed with the two images v and w as there."""
    image = start = _combined(_ifft(kspace), maps)
    power = maps.square().sum(dim=(1, 4))[..., None]
    v = w = torch.zeros_like(start)
    for step, regulariser in zip(network.steps, network.regularisers, strict=True):
        update = _regularised(regulariser, image)
        v, w = v + update, (1 - step) * w + update
        image = start - power * v + _normal(v - w, acquired, maps)
    added = torch.where(acquired, _fft(_times(maps, (v - w)[:, None])), 0)
    coil_images = _ifft(kspace + added) - _times(maps, v[:, None])
    energy = coil_images.square().sum(dim=(1, 4)).sqrt()
    return energy[..., None] * image / _modulus(image).clamp_min(torch.finfo(image.dtype).tiny)[..., None]


def _varnet_proximal(network: VarNet, kspace: Tensor, acquired: Tensor, maps: Tensor) -> Tensor:
    rhs = _combined(_ifft(kspace), maps)
    first, *weights = network.steps.exp()
    image = _data_consistency_step(rhs, torch.zeros_like(rhs), first, INITIAL_ITERATIONS, acquired, maps)
    for weight, regulariser in zip(weights, network.regularisers, strict=True):
        regularised = image - _regularised(regulariser, image)
        image = _data_consistency_step(rhs, regularised, weight, ITERATIONS, acquired, maps)
    return image


def _data_consistency_step(
    rhs: Tensor, near: Tensor, weight: Tensor, iterations: int, acquired: Tensor, maps: Tensor
) -> Tensor:
    """As `fourfold.networks.data_consistency_step.data_consistency_step`, in real arithmetic."""
    return conjugate_gradient_steps(
        lambda image: _normal(image, acquired, maps), _energy, rhs, near, weight, iterations
    )


def _energy(a: Tensor, b: Tensor) -> Tensor:
    """Return Re⟨a, b⟩ of each frame."""
    return (a * b).sum(dim=(1, 2, 3), keepdim=True)


_FORMS: Mapping[str, Callable[[VarNet, Tensor, Tensor, Tensor], Tensor]] = {
    "image": _varnet_image,
    "kspace": _varnet_kspace,
    "proximal": _varnet_proximal,
}


def _estimated_maps(network: VarNet, calibration: Tensor) -> Tensor:
    assert network.sensitivity is not None
    images = _ifft(calibration).flatten(0, 1)
    maps = _regularised(network.sensitivity.unet, images).reshape(calibration.shape)
    rss = maps.square().sum(dim=(1, 4), keepdim=True).sqrt()
    return maps / rss.clamp_min(torch.finfo(maps.dtype).tiny)
