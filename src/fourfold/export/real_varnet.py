"""VarNet in real arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from fourfold.errors import InputError
from fourfold.export.real_arithmetic import Fourier, RealEncoding, as_channels, from_channels, inner, modulus
from fourfold.export.real_denoiser import denoised, turned_kernels
from fourfold.export.total_variation import total_variation_image
from fourfold.networks.denoising_steps import DENOISING_STEP_ITERATIONS, is_undersampled_along_x
from fourfold.networks.initial_image import INITIAL_ITERATIONS, INITIAL_WEIGHT
from fourfold.networks.normalised_unet import NormalisedUNet
from fourfold.networks.varnet import ITERATIONS, VarNet
from fourfold.optimize.conjugate_gradient_steps import conjugate_gradient_steps

__all__ = ["estimated_maps", "require_exportable", "varnet_image"]


def require_exportable(network: VarNet) -> None:
    """Raise InputError for a VarNet that estimates coil maps on the small grid of the calibration lines."""
    if network.sensitivity is not None and network.sensitivity.grid != "full":
        raise InputError(
            "This VarNet estimates coil maps on the small grid of the calibration lines, which exported networks "
            "cannot; export weights with sensitivity_grid 'full' or without sensitivity estimation."
        )


def varnet_image(network: VarNet, encoding: RealEncoding, kspace: Tensor, noise_std: Tensor | None) -> Tensor:
    """Return the images, (frame, y, x, 2); only the denoising form takes the noise level, (frame,)."""
    if network.form == "denoising":
        assert noise_std is not None
        return _denoising(network, encoding, kspace, noise_std)
    return _FORMS[network.form](network, encoding, kspace)


def estimated_maps(network: VarNet, fourier: Fourier, calibration: Tensor) -> Tensor:
    """Return the coil maps that the network estimates from the k-space of the calibration lines."""
    assert network.sensitivity is not None
    images = fourier.inverse(calibration).flatten(0, 1)
    maps = _regularised(network.sensitivity.unet, images).reshape(calibration.shape)
    rss = maps.square().sum(dim=(1, 4), keepdim=True).sqrt()
    return maps / rss.clamp_min(torch.finfo(maps.dtype).tiny)


def _regularised(regulariser: nn.Module, image: Tensor) -> Tensor:
    assert isinstance(regulariser, NormalisedUNet)
    return from_channels(regulariser.on_channels(as_channels(image)))


def _in_image(network: VarNet, encoding: RealEncoding, kspace: Tensor) -> Tensor:
    image = start = encoding.adjoint(kspace)
    for step, regulariser in zip(network.steps, network.regularisers, strict=True):
        image = image - step * (encoding.normal(image) - start) - _regularised(regulariser, image)
    return image


def _in_kspace(network: VarNet, encoding: RealEncoding, kspace: Tensor) -> Tensor:
    """Return the images of `VarNet`'s k-space form, computed with the two images v and w as there."""
    image = start = encoding.adjoint(kspace)
    power = encoding.maps.square().sum(dim=(1, 4))[..., None]
    v = w = torch.zeros_like(start)
    for step, regulariser in zip(network.steps, network.regularisers, strict=True):
        update = _regularised(regulariser, image)
        v, w = v + update, (1 - step) * w + update
        image = start - power * v + encoding.normal(v - w)
    coil_images = encoding.fourier.inverse(kspace + encoding.forward(v - w)) - encoding.coil_images(v)
    energy = coil_images.square().sum(dim=(1, 4)).sqrt()
    return energy[..., None] * image / modulus(image).clamp_min(torch.finfo(image.dtype).tiny)[..., None]


def _proximal(network: VarNet, encoding: RealEncoding, kspace: Tensor) -> Tensor:
    rhs = encoding.adjoint(kspace)
    weights = list(network.steps.exp())
    if network.total_variation:
        image = total_variation_image(encoding, rhs, network.total_variation)
    else:
        image = _least_squares_image(encoding, rhs, weights.pop(0))
    for weight, regulariser in zip(weights, network.regularisers, strict=True):
        regularised = image - _regularised(regulariser, image)
        image = conjugate_gradient_steps(encoding.normal, inner, rhs, regularised, weight, ITERATIONS)
    return image


def _denoising(network: VarNet, encoding: RealEncoding, kspace: Tensor, noise_std: Tensor) -> Tensor:
    """Return the images of `fourfold.networks.denoising_steps.DenoisingSteps`.

    Where that transposes the images, this exchanges rows and columns of the denoiser's kernels: the sizes of arrays
    must not depend on the data.
    """
    steps, rhs = network.denoising, encoding.adjoint(kspace)
    kernels = turned_kernels(steps.denoiser, is_undersampled_along_x(encoding.acquired[:, 0, :, :, 0]))
    if network.total_variation:
        image = total_variation_image(encoding, rhs, network.total_variation)
    else:
        image = _least_squares_image(encoding, rhs, rhs.new_tensor(INITIAL_WEIGHT))
    for level, weight in steps.schedule(noise_std):
        near = denoised(steps.denoiser, kernels, image, level)
        weight = weight[:, None, None, None]
        image = conjugate_gradient_steps(encoding.normal, inner, rhs, near, weight, DENOISING_STEP_ITERATIONS)
    return image


def _least_squares_image(encoding: RealEncoding, rhs: Tensor, weight: Tensor) -> Tensor:
    return conjugate_gradient_steps(encoding.normal, inner, rhs, torch.zeros_like(rhs), weight, INITIAL_ITERATIONS)


_FORMS: Mapping[str, Callable[[VarNet, RealEncoding, Tensor], Tensor]] = {
    "image": _in_image,
    "kspace": _in_kspace,
    "proximal": _proximal,
}
