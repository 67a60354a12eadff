"""Patches that resemble one another, denoised together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from fourfold.denoisers.dictionary import kept_part
from fourfold.denoisers.patches import PatchTransform, cosine_atoms

__all__ = ["BlockMatching"]

# Within a solve stacks are searched anew each time the noise level has fallen by this factor.
_MATCH_BELOW = 0.5
# From this part of a stack on, patches count the less the farther they are; the last of all would count nothing.
_FULL = 0.5
# They lose their share over this part of distance and noise at least, so that rounding errors decide nothing.
_SHARPEST = 1e-2
# So many groups at once bound the memory and stay near the cache.
_GROUPS = 1024


@dataclass(frozen=True, eq=False)
class _Stacks:
    """Patches that resemble one another."""

    places: Tensor
    """int64, (member, group): the member's first pixel, line by line. The first member is the reference patch."""
    shares: Tensor
    """float32, (member, group): how much it counts, from 0 to 1."""

    def blocks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield places and shares of some groups at a time."""
        return zip(torch.split(self.places, _GROUPS, dim=1), torch.split(self.shares, _GROUPS, dim=1), strict=True)


class BlockMatching:
    """Patches that are alike are denoised together, after block matching (Dabov et al. 2007, IEEE TIP 16:2080).

    Every reference patch is stacked with the patches of its neighbourhood that are most like it and cosine transformed.
    Coefficients of small modulus are removed from the stack's mean and from each patch's difference from it, and
    all patches of all stacks are averaged, those of stacks with few coefficients counting most. Complex images;
    patches wrap round the borders.

    A patch's share in its stack falls to zero before another patch takes its place, and the members' order does not
    matter, unlike in Dabov's third transform. The result is therefore a continuous function of the image: a rounding
    error that exchanges two patches changes it by a rounding error.

    Parameters
    ----------
    patch
        Width of a patch in pixels.
    group
        Patches in a stack.
    reach
        Neighbours are at most so many pixels away along either axis.
    step
        Pixels from reference patch to reference patch.
    """

    name: ClassVar[str] = "block-matching"

    def __init__(self, patch: int = 4, group: int = 16, reach: int = 10, step: int = 3) -> None:
        self.patch, self.group, self.reach, self.step = patch, group, reach, step

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """Return images `x`, complex64 (…, y, x), without noise of standard deviation `sigma`."""
        return self.warm()(x, sigma)

    def warm(self) -> BlockMatching:
        """Return the denoiser for one solve, which keeps its stacks until the noise level has fallen."""
        return _KeptMatching(self.patch, self.group, self.reach, self.step)

    def _match(self, image: Tensor, sigma: float) -> _Stacks:
        """Return the stack of each reference patch."""
        ny, nx = image.shape
        offsets = [(dy, dx) for dy in range(-self.reach, self.reach + 1) for dx in range(-self.reach, self.reach + 1)]
        distances = torch.stack([self._distances(image, offset) for offset in offsets])
        distances[offsets.index((0, 0))] = -1
        nearest, chosen = distances.topk(self.group + 1, dim=0, largest=False)
        moves = torch.tensor(offsets, device=image.device)[chosen[:-1]]
        rows = torch.arange(0, ny, self.step, device=image.device)[:, None]
        columns = torch.arange(0, nx, self.step, device=image.device)
        places = (rows + moves[..., 0]) % ny * nx + (columns + moves[..., 1]) % nx
        return _Stacks(places.flatten(1), self._shares(nearest, sigma**2).flatten(1))

    def _shares(self, distances: Tensor, noise: float) -> Tensor:
        """Return how much patches count, by their ascending `distances`; the last one only says where that is zero."""
        limit, full = distances[-1], distances[round(_FULL * self.group)]
        width = torch.maximum(limit - full, _SHARPEST * (limit + noise))
        return ((limit - distances[:-1]) / width).clamp_(0, 1)

    def _distances(self, image: Tensor, offset: tuple[int, int]) -> Tensor:
        """Return the mean squared distances (row, column) of all reference patches from those `offset` away."""
        apart = torch.view_as_real(image - image.roll((-offset[0], -offset[1]), (0, 1))).square().sum(dim=-1)
        beyond = self.patch - 1
        wrapped = functional.pad(apart[None, None], (0, beyond, 0, beyond), mode="circular")
        return functional.avg_pool2d(wrapped, self.patch, self.step)[0, 0]


class _KeptMatching(BlockMatching):
    """Block matching for one solve: the stacks are kept for the next call."""

    _stacks: Sequence[_Stacks] = ()
    _matched_at = float("inf")

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """Return images `x`, complex64 (…, y, x), without noise of standard deviation `sigma`."""
        if sigma == 0:
            return x
        images = x.flatten(0, -3)
        transform = PatchTransform(cosine_atoms(self.patch, x.device))
        if sigma < _MATCH_BELOW * self._matched_at:
            self._stacks = [self._match(image, sigma) for image in images]
            self._matched_at = sigma
        pairs = zip(images, self._stacks, strict=True)
        return torch.stack([_filtered(transform, image, stacks, sigma) for image, stacks in pairs]).view(x.shape)


def _filtered(transform: PatchTransform, image: Tensor, stacks: _Stacks, sigma: float) -> Tensor:
    ny, nx = image.shape
    codes = transform.forward(image).permute(2, 3, 0, 1).reshape(ny * nx, -1)
    total, weights = torch.zeros_like(codes), codes.new_zeros(ny * nx)
    for places, shares in stacks.blocks():
        patches = codes[places].view(*places.shape, 2, -1)
        whole = shares.sum(dim=0)
        mean = torch.einsum("mg,mgpc->gpc", shares / whole, patches)
        patches -= mean
        # As many equal shares would leave the mean as much noise.
        count = whole.square() / shares.square().sum(dim=0)
        kept_mean = kept_part(mean.square().sum(dim=1) * count[:, None], sigma)
        kept_mean[:, 0] = 1
        kept = kept_part(patches.square().sum(dim=2), sigma)
        weight = shares / (kept_mean.sum(dim=1) + (shares * kept.sum(dim=2)).sum(dim=0))
        patches.mul_(kept[:, :, None]).add_(mean * kept_mean[:, None]).mul_(weight[..., None, None])
        total.index_add_(0, places.flatten(), patches.view(places.numel(), -1))
        weights.index_add_(0, places.flatten(), weight.flatten())
    coefficients = total.view(ny, nx, 2, -1).permute(2, 3, 0, 1).contiguous()
    return transform.mean(coefficients, weights.view(1, 1, ny, nx))
