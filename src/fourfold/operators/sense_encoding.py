"""The encoding operator of Cartesian MRI: mask · Fourier · coil maps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from fourfold.errors import InputError
from fourfold.operators.axes import Axes, own_frames
from fourfold.operators.fourier import Fourier, centring_phases, ifft
from fourfold.operators.linear_operator import LinearOperator

__all__ = ["CoilMaps", "Encoding", "Mask"]

# On CPUs the normal operator is fastest on blocks of coils, or strips of one, that stay in a core's second-level cache.
_CACHE_BYTES = 1 << 20


class Mask(LinearOperator):
    """Keeps the acquired samples of k-space (…, frame, coil, ky, kx) and zeroes the others; self-adjoint.

    Parameters
    ----------
    mask
        bool, (frame or 1, ky, kx).
    """

    torch_differentiates: ClassVar[bool] = True

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask[:, None]
        frames, ny, nx = mask.shape
        self.domain = self.codomain = Axes(batch=..., frame=own_frames(frames), coil=None, ky=ny, kx=nx)

    def _forward(self, x: Tensor) -> Tensor:
        return torch.where(self.mask, x, 0)

    def _adjoint(self, y: Tensor) -> Tensor:
        return self._forward(y)

    def _normal(self, x: Tensor) -> Tensor:
        return self._forward(x)


class CoilMaps(LinearOperator):
    """Weights an image by the coils' sensitivities: (frame, set, y, x) to (frame, coil, y, x), summed over sets.

    Parameters
    ----------
    maps
        complex64, (frame or 1, set, coil, y, x).
    """

    torch_differentiates: ClassVar[bool] = True

    def __init__(self, maps: Tensor) -> None:
        self.maps = maps
        frames, sets, coils, ny, nx = maps.shape
        self.domain = Axes(frame=own_frames(frames), set=sets, y=ny, x=nx)
        self.codomain = Axes(frame=own_frames(frames), coil=coils, y=ny, x=nx)

    def _forward(self, x: Tensor) -> Tensor:
        return (self.maps * x[:, :, None]).sum(dim=1)

    def _adjoint(self, y: Tensor) -> Tensor:
        return (self.maps.conj() * y[:, None]).sum(dim=2)


class Encoding(LinearOperator):
    """A = mask · Fourier · coil maps: image (frame, set, y, x) to k-space (frame, coil, ky, kx).

    The normal operator works along the undersampled axes alone. Along a fully sampled readout the Fourier transform
    and its inverse cancel, and so do the shifts that centre the others (a shift is a phase, which commutes with
    the mask); solvers that need only ``AᴴA x`` and ``Aᴴ y`` therefore transform the readout once. Gradients of
    `normal` are not differentiable again.

    Parameters
    ----------
    mask
        bool, (frame or 1, ky, kx).
    coil_maps
        complex64, (frame or 1, set, coil, y, x).

    Raises
    ------
    InputError
        When mask and maps differ in size.
    """

    torch_differentiates: ClassVar[bool] = True

    def __init__(self, mask: Tensor, coil_maps: Tensor) -> None:
        if mask.shape[-2:] != coil_maps.shape[-2:]:
            raise InputError(
                f"The mask is {tuple(mask.shape[-2:])} but the coil maps are {tuple(coil_maps.shape[-2:])}; "
                "both must have the k-space's size."
            )
        self.mask, self.coil_maps = mask, coil_maps
        self._operator = Mask(mask) @ Fourier() @ CoilMaps(coil_maps)
        self._plan: _NormalPlan | None = None
        frames, (sets, coils, ny, nx) = own_frames(mask.shape[0], coil_maps.shape[0]), coil_maps.shape[1:]
        self.domain = Axes(frame=frames, set=sets, y=ny, x=nx)
        self.codomain = Axes(frame=frames, coil=coils, ky=ny, kx=nx)

    def to(self, device: torch.device | str) -> Self:
        """Return the encoding with mask and maps on `device`; what AᴴA needs is laid out there anew."""
        moved = super().to(device)
        moved._plan = None
        return moved

    def _forward(self, x: Tensor) -> Tensor:
        return self._operator.forward(x)

    def _adjoint(self, y: Tensor) -> Tensor:
        """Return the matched combination of the zero-filled coil images of k-space `y`, one coil after the other."""
        (before_y, after_y), (before_x, after_x) = (centring_phases(size, y) for size in y.shape[-2:])
        sampled = self.mask * (before_y[:, None] * before_x)
        image = y.new_zeros((y.shape[0], self.coil_maps.shape[1], *y.shape[2:]))
        for coil in range(y.shape[1]):
            coil_image = torch.fft.ifft2(sampled * y[:, coil], norm="ortho")
            # Conjugated before and after: conjugate maps would be copied.
            image.addcmul_(self.coil_maps[:, :, coil], coil_image.conj_physical_()[:, None])
        return image.conj_physical_().mul_(after_y[:, None] * after_x)

    def _normal(self, x: Tensor) -> Tensor:
        """Return AᴴA x without transforming the readout.

        The derivative transforms the coils again rather than keep them, so that it needs no memory of their size
        beyond that of the maps' own derivative.
        """
        result: Tensor = _Normal.apply(x, self.coil_maps, self._normal_plan)  # type: ignore[no-untyped-call]
        return result

    @torch.no_grad()
    def consistent_coils(self, x: Tensor, y: Tensor, frame: int) -> Tensor:
        """Return the coil images of one frame in whose k-space the acquired samples are those measured.

        Parameters
        ----------
        x
            complex64, (set, y, x): image of that frame.
        y
            complex64, (coil, ky, kx): its measured k-space.
        frame
            Which frame's mask and maps.

        Returns
        -------
        Tensor
            complex64, (coil, y, x): S x − Fᴴ mask F S x + Fᴴ mask y.
        """
        maps = self.coil_maps[frame % self.coil_maps.shape[0]]
        measured = ifft(torch.where(self.mask[frame % self.mask.shape[0]], y, 0))
        for one, coil_maps in zip(measured, maps.transpose(0, 1), strict=True):
            one += self._normal_plan.without_acquired((coil_maps * x).sum(dim=0), frame)
        return measured

    @property
    def _normal_plan(self) -> _NormalPlan:
        if self._plan is None:
            self._plan = _NormalPlan(self.mask, self.coil_maps.detach())
        return self._plan


class _NormalPlan:
    """Everything that AᴴA needs again and again, laid out so that what is transformed at once stays in the cache.

    Where one axis is transformed the rows have nothing to do with one another, and large images are taken strip by
    strip; small ones several coils at once.
    """

    def __init__(self, mask: Tensor, coil_maps: Tensor) -> None:
        varies_y = bool((mask != mask[:, :1]).any())
        varies_x = bool((mask != mask[:, :, :1]).any())
        # A single transformed axis goes last, where it is contiguous.
        self.swap = varies_y and not varies_x
        self.axes = (-2, -1) if varies_y and varies_x else (-1,)
        self.identity = bool(mask.all())
        spectrum = torch.fft.ifftshift(mask, dim=(-2, -1)).to(coil_maps.real.dtype)
        if not (varies_y and varies_x):
            spectrum = spectrum.amax(dim=-1 if self.swap else -2, keepdim=True)
        self.spectrum = self._lay_out(spectrum)
        self.maps = self._lay_out(coil_maps)
        coils, rows = self.maps.shape[2:4]
        in_cache = max(1, _CACHE_BYTES // (self.maps.shape[-1] * self.maps.element_size()))
        strips = 1 if len(self.axes) > 1 else math.ceil(rows / in_cache)
        self.rows = math.ceil(rows / strips)
        self.block = min(max(1, in_cache // self.rows), coils)

    def _lay_out(self, array: Tensor) -> Tensor:
        return (array.mT if self.swap else array).contiguous()

    def __call__(self, x: Tensor) -> Tensor:
        x = self._lay_out(x)
        result = self._at_once(x) if x.device.type != "cpu" else self._in_blocks(x)
        return result.mT.contiguous() if self.swap else result

    def _at_once(self, x: Tensor) -> Tensor:
        """Return AᴴA of laid-out images: all coils of all frames in a few large operations, which a GPU is made for."""
        return (self.maps.conj() * self._all_acquired_coils(x)[:, None]).sum(dim=2)

    def _all_acquired_coils(self, x: Tensor) -> Tensor:
        """Return F⁻¹ mask F (maps · x), (frame, coil, y, x)."""
        coils = self.maps[:, 0] * x[:, 0, None]
        for extra in range(1, self.maps.shape[1]):
            coils.addcmul_(self.maps[:, extra], x[:, extra, None])
        return coils if self.identity else self._filter(coils, self.spectrum[:, None])

    def _parts(self) -> Iterator[tuple[slice, slice]]:
        """Yield the coils and the rows of laid-out images that are transformed at once on a CPU."""
        for start in range(0, self.maps.shape[-2], self.rows):
            for first in range(0, self.maps.shape[2], self.block):
                yield slice(first, first + self.block), slice(start, start + self.rows)

    def _in_blocks(self, x: Tensor) -> Tensor:
        """Return AᴴA of laid-out images, a part after the other."""
        result = torch.zeros_like(x)
        for frame in range(x.shape[0]):
            maps = self.maps[frame % self.maps.shape[0]]
            spectrum = self.spectrum[frame % self.spectrum.shape[0]]
            for block, rows in self._parts():
                self._add_part(x[frame, :, rows], maps[:, block, rows], spectrum, result[frame, :, rows])
        return result.conj_physical_()

    def maps_gradient(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Return the derivative with respect to the maps where `gradient` is the one with respect to AᴴA x.

        The maps stand at both ends of AᴴA, which is self-adjoint: it is the sum of conj(g) · F⁻¹ mask F (maps · x) and
        the same with x and g exchanged.
        """
        x, gradient = self._lay_out(x), self._lay_out(gradient)
        in_blocks = x.device.type == "cpu"
        result = self._maps_gradient_in_blocks(x, gradient) if in_blocks else self._maps_gradient_at_once(x, gradient)
        return result.mT.contiguous() if self.swap else result

    def _maps_gradient_at_once(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Return the derivative for laid-out images, see `maps_gradient`, in a few large operations."""
        pairs = ((x, gradient), (gradient, x))
        parts = [other.conj()[:, :, None] * self._all_acquired_coils(one)[:, None] for one, other in pairs]
        total = parts[0].add_(parts[1])
        return total if self.maps.shape[0] == total.shape[0] else total.sum(dim=0, keepdim=True)

    def _maps_gradient_in_blocks(self, x: Tensor, gradient: Tensor) -> Tensor:
        """Return the derivative for laid-out images, see `maps_gradient`, a part after the other."""
        result = torch.zeros_like(self.maps)
        for frame in range(x.shape[0]):
            maps = self.maps[frame % self.maps.shape[0]]
            total = result[frame % self.maps.shape[0]]
            spectrum = self.spectrum[frame % self.spectrum.shape[0]]
            for block, rows in self._parts():
                pair = x[frame, :, rows], gradient[frame, :, rows]
                for one, other in (pair, pair[::-1]):
                    coils = self._acquired_coils(one, maps[:, block, rows], spectrum)
                    total[:, block, rows].addcmul_(other.conj()[:, None], coils)
        return result

    def without_acquired(self, image: Tensor, frame: int) -> Tensor:
        """Return an image (y, x) without what its acquired samples contribute: (1 − F⁻¹ mask F) image."""
        others = self._filter(self._lay_out(image), 1 - self.spectrum[frame % self.spectrum.shape[0]])
        return others.mT if self.swap else others

    def _filter(self, images: Tensor, spectrum: Tensor) -> Tensor:
        """Return laid-out images whose spectra along the undersampled axes are multiplied by `spectrum`.

        On CPUs torch transforms into new memory even where it is told where to put the result, and then copies.
        """
        filtered: Tensor = torch.fft.ifftn(torch.fft.fftn(images, dim=self.axes).mul_(spectrum), dim=self.axes)
        return filtered

    def _add_part(self, x: Tensor, maps: Tensor, spectrum: Tensor, result: Tensor) -> None:
        """Add the conjugate of Σ over the part's coils of conj(maps) · F⁻¹ mask F (maps · x) to `result`, in place.

        Conjugating the coils while they are in the cache spares a second copy of the maps.
        """
        coils = self._acquired_coils(x, maps, spectrum).conj_physical_()
        for index in range(maps.shape[0]):
            for coil in range(coils.shape[0]):
                result[index].addcmul_(maps[index, coil], coils[coil])

    def _acquired_coils(self, x: Tensor, maps: Tensor, spectrum: Tensor) -> Tensor:
        """Return F⁻¹ mask F (maps · x) of a part of the coils and rows."""
        coils = maps[0] * x[0]
        for extra in range(1, maps.shape[0]):
            coils.addcmul_(maps[extra], x[extra])
        return coils if self.identity else self._filter(coils, spectrum)


class _Normal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, coil_maps: Tensor, plan: _NormalPlan) -> Tensor:  # noqa: ARG004  # for its derivative
        ctx.plan = plan
        ctx.save_for_backward(x)
        return plan(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (x,) = ctx.saved_tensors
        for_x, for_maps, _ = ctx.needs_input_grad
        return (
            ctx.plan(gradient) if for_x else None,
            ctx.plan.maps_gradient(x, gradient) if for_maps else None,
            None,
        )
