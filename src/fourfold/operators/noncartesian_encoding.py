"""The encoding operator of non-Cartesian MRI: density · Fourier at the trajectory's points · coil maps."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from fourfold.errors import InputError
from fourfold.operators.axes import Axes, own_frames
from fourfold.operators.density_compensation import density_weights
from fourfold.operators.linear_operator import LinearOperator
from fourfold.operators.nufft import Nufft
from fourfold.operators.sense_encoding import CoilMaps
from fourfold.operators.toeplitz import Toeplitz
from fourfold.scan import Trajectory

__all__ = ["NonCartesianEncoding"]

# Images that one call transforms: one stays in a CPU's cache, a GPU wants many.
_BLOCK_BYTES = {"cpu": 1 << 19, "cuda": 1 << 28}
# So many power iterations find the norm to within 2 %, from below.
_POWER_ITERATIONS, _MARGIN = 30, 1.02


class NonCartesianEncoding(LinearOperator):
    """A = √W · Fourier · coil maps: image (frame, set, y, x) to weighted samples (frame, coil, shot, sample).

    W is the density compensation, by which AᴴA is close to a multiple of the identity where sampling is dense, so that
    solvers need few iterations (Pruessmann 2001, MRM 46:638). It is scaled so that the norm of A is at most 1, which
    proximal solvers ask for; compare `forward` with `weighted` samples.

    Parameters
    ----------
    trajectory
        The points.
    mask
        bool, (frame or 1, shot, sample): the samples that count.
    coil_maps
        complex64, (frame or 1, set, coil, y, x), of unit root-sum-of-squares.

    Raises
    ------
    InputError
        When trajectory and maps differ in size, or finufft is not installed.
    """

    torch_differentiates: ClassVar[bool] = True

    def __init__(self, trajectory: Trajectory, mask: Tensor, coil_maps: Tensor) -> None:
        if trajectory.matrix != tuple(coil_maps.shape[-2:]):
            raise InputError(
                f"The trajectory's matrix is {trajectory.matrix} but the coil maps are {tuple(coil_maps.shape[-2:])}; "
                "both must have the image's size."
            )
        self.mask, self.coil_maps = mask, coil_maps
        self._fourier, self._coils = Nufft(trajectory, mask), CoilMaps(coil_maps)
        weights = density_weights(trajectory, mask)
        self._toeplitz = Toeplitz(trajectory, weights)
        largest = _MARGIN * _largest_eigenvalue(self._toeplitz, coil_maps.any(dim=2).any(dim=1, keepdim=True))
        self._toeplitz.spectra /= largest
        self._roots = (weights / largest).sqrt_()[:, None]
        frames = own_frames(trajectory.frames, mask.shape[0], coil_maps.shape[0])
        sets, coils, ny, nx = coil_maps.shape[1:]
        self.domain = Axes(frame=frames, set=sets, y=ny, x=nx)
        self.codomain = Axes(frame=frames, coil=coils, shot=mask.shape[1], sample=mask.shape[2])

    def weighted(self, kspace: Tensor) -> Tensor:
        """Return measured samples (frame, coil, shot, sample) as `forward` gives them: times √W."""
        return kspace * self._roots

    def _forward(self, x: Tensor) -> Tensor:
        return self._fourier.forward(self._coils.forward(x)).mul_(self._roots)

    def _adjoint(self, y: Tensor) -> Tensor:
        return self._coils.adjoint(self._fourier.adjoint(y * self._roots))

    def _normal(self, x: Tensor) -> Tensor:
        """Return AᴴA x by FFTs, block by block of coils unless a gradient is asked for."""
        if torch.is_grad_enabled() and (x.requires_grad or self.coil_maps.requires_grad):
            return self._coils.adjoint(self._toeplitz.forward(self._coils.forward(x)))
        return self._normal_in_blocks(x)

    def _normal_in_blocks(self, x: Tensor) -> Tensor:
        """Return AᴴA x, block by block of coils."""
        result = torch.zeros_like(x)
        block = max(1, _BLOCK_BYTES.get(x.device.type, 1 << 19) // (x[0, 0].numel() * x.element_size()))
        for frame, image in enumerate(x):
            frame_maps = self.coil_maps[frame % self.coil_maps.shape[0]]
            for start in range(0, frame_maps.shape[1], block):
                maps = frame_maps[:, start : start + block]
                coils = self._toeplitz.convolve((maps * image[:, None]).sum(dim=0), frame)
                result[frame] += (maps.conj() * coils).sum(dim=1)
        return result

    @torch.no_grad()
    def consistent_coils(self, x: Tensor, y: Tensor, frame: int) -> Tensor:
        """Return the coil images of one frame moved towards the measured samples.

        One gradient step from S x: on a Cartesian grid it would put the measured samples in.

        Parameters
        ----------
        x, y, frame
            As in `fourfold.operators.sense_encoding.Encoding.consistent_coils`; `y` is (coil, shot, sample).

        Returns
        -------
        Tensor
            complex64, (coil, y, x): S x − Fᴴ W F S x + Fᴴ W y.
        """
        maps = self.coil_maps[frame % self.coil_maps.shape[0]]
        coils = (maps * x[:, None]).sum(dim=0)
        weights = self._roots[frame % self._roots.shape[0]] ** 2
        measured = self._fourier.frame_images(y * weights, frame)
        return measured.add_(coils).sub_(self._toeplitz.convolve(coils, frame))


def _largest_eigenvalue(toeplitz: Toeplitz, support: Tensor) -> float:
    """Return the norm of the convolution on images within `support`, bool (frame or 1, 1, y, x).

    Coil maps of unit root-sum-of-squares cannot raise it, and one image is transformed instead of all coils'.
    """
    frames = max(toeplitz.spectra.shape[0], support.shape[0])
    like = torch.empty((frames, 1, *support.shape[-2:]), dtype=torch.complex64, device=support.device)
    inside = CoilMaps(support[:, None].to(like))
    return (inside @ toeplitz @ inside).norm(like, iterations=_POWER_ITERATIONS)
