"""Wavelet transforms for images of any size: orthonormal, and undecimated (all shifts at once)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pywt
import torch
from torch import Tensor

from fourfold.errors import InputError, nearest
from fourfold.operators.axes import Axes
from fourfold.operators.linear_operator import LinearOperator

__all__ = ["OrthogonalWavelet", "UndecimatedWavelet", "deepest_level"]


def deepest_level(shape: tuple[int, int], wavelet: str, levels: int) -> int:
    """Return `levels`, or fewer where the image (ny, nx) is too small for the filter to fit at the coarsest level.

    Raises
    ------
    InputError
        For a wavelet that PyWavelets does not know or that is not orthogonal.
    """
    taps = len(_low_pass(wavelet))
    fitting = int(math.log2(max(1, min(shape) / (taps - 1))))
    return max(1, min(levels, fitting))


def _low_pass(wavelet: str) -> list[float]:
    known = pywt.wavelist(kind="discrete")
    if wavelet not in known:
        raise InputError(
            f"There is no wavelet '{wavelet}'; give one such as db4, sym4 or haar.{nearest(wavelet, known)}"
        )
    filters = pywt.Wavelet(wavelet)
    if not filters.orthogonal:
        raise InputError(f"The wavelet '{wavelet}' is not orthogonal; give one such as db4, sym4 or haar.")
    return list(filters.dec_lo)


def _high_pass(low: list[float]) -> list[float]:
    """Return the quadrature mirror filter."""
    return [(-1) ** tap * value for tap, value in enumerate(reversed(low))]


class OrthogonalWavelet(LinearOperator):
    """The orthonormal, periodic wavelet transform (Mallat 1989): image (…, y, x) to coefficients of the same shape.

    Coefficients stand in the usual pyramid: approximation at the top left, details beside and below. Unlike in
    PyWavelets any size is exact: on an axis of odd size the last sample joins the approximation unchanged, so that
    the transform stays orthonormal.

    Parameters
    ----------
    shape
        Image size (ny, nx).
    wavelet
        PyWavelets' name of an orthogonal wavelet; ``db4`` has eight taps and four vanishing moments.
    levels
        Levels of the pyramid, cut to what the image holds.
    """

    def __init__(self, shape: tuple[int, int], wavelet: str = "db4", levels: int = 4) -> None:
        low = _low_pass(wavelet)
        self.filters = (low, _high_pass(low))
        self.shape = shape
        self.levels = deepest_level(shape, wavelet, levels)
        self.domain = self.codomain = Axes(batch=..., y=shape[0], x=shape[1])

    def _boxes(self) -> list[tuple[int, int]]:
        """Return the size of the approximation before each level."""
        boxes = [self.shape]
        for _ in range(self.levels - 1):
            ny, nx = boxes[-1]
            boxes.append((ny - ny // 2, nx - nx // 2))
        return boxes

    def _forward(self, x: Tensor) -> Tensor:
        result = x.clone()
        for ny, nx in self._boxes():
            box = result[..., :ny, :nx]
            along_x = self._analyse(box.mT.contiguous())
            box.copy_(self._analyse(along_x.mT.contiguous()))
        return result

    def _adjoint(self, y: Tensor) -> Tensor:
        """Return the inverse transform of coefficients `y`."""
        result = y.clone()
        for ny, nx in reversed(self._boxes()):
            box = result[..., :ny, :nx]
            along_y = self._synthesise(box)
            box.copy_(self._synthesise(along_y.mT.contiguous()).mT)
        return result

    def _normal(self, x: Tensor) -> Tensor:
        """Return a copy of `x`: the transform is orthonormal."""
        return x.clone()

    def details(self, y: Tensor) -> Iterator[Tensor]:
        """Yield views of the detail coefficients of `y`: everything but the coarsest approximation."""
        for ny, nx in self._boxes():
            half_y, half_x = ny - ny // 2, nx - nx // 2
            yield y[..., :half_y, half_x:nx]
            yield y[..., half_y:ny, :nx]

    def _analyse(self, x: Tensor) -> Tensor:
        """One level along the last axis but one: [approximation, details]. Whole rows are added, which is fast."""
        even = x.shape[-2] // 2 * 2
        half = even // 2
        if half == 0:
            return x.clone()
        taps = len(self.filters[0])
        wrapped = _periodic(x[..., :even, :], taps - 2)
        bands = []
        for filter_ in self.filters:
            band = filter_[0] * wrapped[..., 0:even:2, :]
            for tap in range(1, taps):
                band.add_(wrapped[..., tap : tap + 2 * half - 1 : 2, :], alpha=filter_[tap])
            bands.append(band)
        return torch.cat([bands[0], x[..., even:, :], bands[1]], dim=-2)

    def _synthesise(self, y: Tensor) -> Tensor:
        """Transpose of `_analyse`."""
        size = y.shape[-2]
        half = size // 2
        if half == 0:
            return y.clone()
        taps = len(self.filters[0])
        bands = (y[..., :half, :], y[..., size - half :, :])
        wrapped = y.new_zeros((*y.shape[:-2], 2 * half + taps - 2, y.shape[-1]))
        for filter_, band in zip(self.filters, bands, strict=True):
            for tap in range(taps):
                wrapped[..., tap : tap + 2 * half - 1 : 2, :].add_(band, alpha=filter_[tap])
        return torch.cat([_fold_periodic(wrapped, 2 * half), y[..., half : size - half, :]], dim=-2)


def _periodic(x: Tensor, extra: int) -> Tensor:
    """Return `x` continued periodically by `extra` rows, which may exceed its own."""
    repeats = 1 + -(-extra // x.shape[-2])
    return torch.cat([x] * repeats, dim=-2)[..., : x.shape[-2] + extra, :]


def _fold_periodic(x: Tensor, size: int) -> Tensor:
    """Transpose of `_periodic`: add all rows beyond `size` back to where they repeat."""
    result = x[..., :size, :].clone()
    for start in range(size, x.shape[-2], size):
        tail = x[..., start : start + size, :]
        result[..., : tail.shape[-2], :] += tail
    return result


class UndecimatedWavelet(LinearOperator):
    """The wavelet transform at every shift: image (…, y, x) to coefficients (band, …, y, x), a tight frame.

    Averaging the orthonormal transform's shrinkage over all shifts is the same as shrinking these coefficients
    (Coifman & Donoho 1995). It is computed with the filters' frequency responses, which are exact on a periodic
    grid of any size. Band 0 is the approximation; ``Wᴴ W`` is the identity.

    Parameters
    ----------
    shape
        Image size (ny, nx).
    wavelet
        PyWavelets' name of an orthogonal wavelet.
    levels
        Levels, cut to what the image holds.
    device
        Where the responses are kept.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        wavelet: str = "db4",
        levels: int = 4,
        device: torch.device | str = "cpu",
    ) -> None:
        low = _low_pass(wavelet)
        self.levels = deepest_level(shape, wavelet, levels)
        approximation, bands = [np.ones(size) for size in shape], []
        for level in range(self.levels):
            passes = [[_response(size, taps, level) for size in shape] for taps in (low, _high_pass(low))]
            lows, highs = (
                [previous * response for previous, response in zip(approximation, one, strict=True)] for one in passes
            )
            bands += [(lows[0], highs[1]), (highs[0], lows[1]), (highs[0], highs[1])]
            approximation = lows
        pairs = [(approximation[0], approximation[1]), *bands]
        self.responses = [
            torch.from_numpy(np.outer(along_y, along_x).astype(np.complex64)).to(device) for along_y, along_x in pairs
        ]
        self.domain = Axes(batch=..., y=shape[0], x=shape[1])
        self.codomain = Axes(band=len(pairs), batch=..., y=shape[0], x=shape[1])

    def scale(self, band: int) -> float:
        """Return the factor by which coefficients of `band` are smaller than those of the orthonormal transform."""
        level = self.levels if band == 0 else (band - 1) // 3 + 1
        return float(2**level)

    def _forward(self, x: Tensor) -> Tensor:
        spectrum = torch.fft.fft2(x)
        return torch.stack([torch.fft.ifft2(spectrum * response) for response in self.responses])

    def _adjoint(self, y: Tensor) -> Tensor:
        spectrum = torch.zeros_like(y[0])
        for band, response in zip(y, self.responses, strict=True):
            spectrum += torch.fft.fft2(band) * response.conj()
        image: Tensor = torch.fft.ifft2(spectrum)
        return image

    def _normal(self, x: Tensor) -> Tensor:
        """Return a copy of `x`: the frame is tight."""
        return x.clone()


def _response(size: int, taps: list[float], level: int) -> np.ndarray:
    """Return the frequency response of correlation with a filter dilated by 2**level on `size` samples, over √2."""
    positions = (np.arange(len(taps)) * 2**level) % size
    frequencies = np.arange(size)[:, None] * positions[None]
    response: np.ndarray = np.exp(2j * np.pi * frequencies / size) @ np.asarray(taps) / math.sqrt(2)
    return response
