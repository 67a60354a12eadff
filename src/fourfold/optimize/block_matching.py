"""Patches that resemble one another, denoised together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from fourfold.optimize.dictionary import kept_part
from fourfold.optimize.patches import PatchTransform, cosine_atoms, cosine_basis

__all__ = ["BlockMatching"]

# Within a solve stacks are searched anew each time the noise level has fallen by this factor.
_MATCH_BELOW = 0.5
# So many groups at once bound the memory and stay near the cache.
_GROUPS = 1024


class BlockMatching:
    """Block matching and three-dimensional filtering by thresholds (Dabov et al. 2007, IEEE TIP 16:2080).

    Every reference patch is stacked with the patches of its neighbourhood that are most like it, the stack is cosine
    transformed in all three directions, coefficients of small modulus are removed, and all patches of all stacks
    are averaged, those of stacks with few coefficients counting most. Complex images; patches wrap round the borders.

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

    def __init__(self, patch: int = 4, group: int = 16, reach: int = 10, step: int = 3) -> None:
        self.patch, self.group, self.reach, self.step = patch, group, reach, step

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """Return images `x`, complex64 (…, y, x), without noise of standard deviation `sigma`."""
        return self.warm()(x, sigma)

    def warm(self) -> BlockMatching:
        """Return the denoiser for one solve, which keeps its stacks until the noise level has fallen."""
        return _KeptMatching(self.patch, self.group, self.reach, self.step)

    def _match(self, image: Tensor) -> Tensor:
        """Return the places (member, group) of the patches most like each reference patch, itself first."""
        ny, nx = image.shape
        offsets = [(dy, dx) for dy in range(-self.reach, self.reach + 1) for dx in range(-self.reach, self.reach + 1)]
        distances = torch.stack([self._distances(image, offset) for offset in offsets])
        distances[offsets.index((0, 0))] = -1
        nearest = distances.topk(self.group, dim=0, largest=False).indices
        moves = torch.tensor(offsets, device=image.device)[nearest]
        rows = torch.arange(0, ny, self.step, device=image.device)[:, None]
        columns = torch.arange(0, nx, self.step, device=image.device)
        return ((rows + moves[..., 0]) % ny * nx + (columns + moves[..., 1]) % nx).flatten(1)

    def _distances(self, image: Tensor, offset: tuple[int, int]) -> Tensor:
        """Return the mean squared distances (row, column) of all reference patches from those `offset` away."""
        apart = torch.view_as_real(image - image.roll((-offset[0], -offset[1]), (0, 1))).square().sum(dim=-1)
        beyond = self.patch - 1
        wrapped = functional.pad(apart[None, None], (0, beyond, 0, beyond), mode="circular")
        return functional.avg_pool2d(wrapped, self.patch, self.step)[0, 0]

    def _filtered(self, transform: PatchTransform, image: Tensor, matches: Tensor, sigma: float) -> Tensor:
        ny, nx = image.shape
        codes = transform.forward(image).permute(2, 3, 0, 1).reshape(ny * nx, -1)
        total, weights = torch.zeros_like(codes), codes.new_zeros(ny * nx)
        basis = cosine_basis(matches.shape[0], image.device)
        for group in torch.split(matches, _GROUPS, dim=1):
            stacks = (basis @ codes[group].flatten(1)).view(*group.shape, 2, -1)
            kept = kept_part(stacks.square().sum(dim=2, keepdim=True), sigma)
            kept[0, ..., 0] = 1
            weight = kept.sum(dim=(0, 2, 3)).reciprocal_()
            stacks.mul_(kept).mul_(weight[:, None, None])
            total.index_add_(0, group.flatten(), (basis.mT @ stacks.flatten(1)).view(group.numel(), -1))
            weights.index_add_(0, group.flatten(), weight.repeat(group.shape[0]))
        coefficients = total.view(ny, nx, 2, -1).permute(2, 3, 0, 1).contiguous()
        return transform.mean(coefficients, weights.view(1, 1, ny, nx))


class _KeptMatching(BlockMatching):
    """Block matching for one solve: the stacks are kept for the next call."""

    _matches: Sequence[Tensor] = ()
    _matched_at = float("inf")

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """Return images `x`, complex64 (…, y, x), without noise of standard deviation `sigma`."""
        if sigma == 0:
            return x
        images = x.flatten(0, -3)
        transform = PatchTransform(cosine_atoms(self.patch, x.device))
        if sigma < _MATCH_BELOW * self._matched_at:
            self._matches = [self._match(image) for image in images]
            self._matched_at = sigma
        pairs = zip(images, self._matches, strict=True)
        return torch.stack([self._filtered(transform, image, found, sigma) for image, found in pairs]).view(x.shape)
