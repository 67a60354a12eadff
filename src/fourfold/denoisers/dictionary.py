"""Patches that are sparse in a dictionary learned from the image itself."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from fourfold.denoisers.patches import PatchTransform, cosine_atoms

__all__ = ["DictionaryDenoiser", "kept_part", "learn_atoms"]

# Coefficients below so many standard deviations of the noise are noise (Dabov et al. 2007, IEEE TIP 16:2080).
_THRESHOLD = 2.7

# The dictionary learns anew each time the noise level has fallen by this factor.
_LEARN_BELOW = 0.7
_ROUNDS = 2
# Atoms that no patch uses stay where they are.
_INERTIA = 1e-3


def learn_atoms(patches: Tensor, atoms: Tensor, threshold: float) -> Tensor:
    """Return better atoms W: one round on Σ‖W p − z‖² + threshold² ‖z‖₀ over orthonormal W and sparse codes z.

    Hard thresholding gives the codes and a Procrustes problem the atoms, so that a round never raises the objective
    (Bao, Cai & Ji 2013, ICCV; Cai et al. 2014, ACHA 37:89; Ravishankar & Bresler 2015, SIAM J. Imaging Sci. 8:2519).
    The first atom is constant, is used by all patches, and stays.

    Parameters
    ----------
    patches
        float32, (part, pixel, patch); a code's parts are zero together.
    atoms
        float32, (atom, pixel), orthonormal rows.
    threshold
        Codes below it are zero.
    """
    correlation = torch.zeros_like(atoms)
    for block in torch.split(patches, 1 << 14, dim=2):
        codes = atoms @ block
        kept = codes.square().sum(dim=0) > threshold**2
        correlation += torch.einsum("pan,pbn->ab", codes.mul_(kept), block)
    constant = atoms[:1]
    correlation += _INERTIA * torch.linalg.vector_norm(correlation) * atoms
    correlation -= (correlation @ constant.mT) * constant
    correlation[0] = torch.linalg.vector_norm(correlation) * constant[0]
    left, _, right = torch.linalg.svd(correlation)
    return left @ right


def kept_part(energy: Tensor, sigma: float) -> Tensor:
    """Return which part of coefficients to keep, from their `energy` |c|² and the noise's standard deviation; in place.

    Hard thresholding with a ramp, from 0 at half the threshold's energy to 1 at one and a half of it. A jump would
    make rounding errors visible, and the iteration around it take longer to settle.
    """
    return energy.mul_((_THRESHOLD * sigma) ** -2).sub_(0.5).clamp_(0, 1)


class DictionaryDenoiser:
    """Denoises by thresholding all overlapping patches in an orthonormal dictionary learned from them.

    A patch counts the more the fewer atoms it needs. An image's dictionary starts as the cosine transform. Within a
    solve it is learned while the noise level falls from call to call; then it stays, so that the solve settles.

    Parameters
    ----------
    patch_size
        Width of a patch in pixels.
    """

    name: ClassVar[str] = "dictionary"

    def __init__(self, patch_size: int = 6) -> None:
        self.patch_size = patch_size

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """Return images `x`, complex64 (…, y, x), without noise of standard deviation `sigma`."""
        return self.warm()(x, sigma)

    def warm(self) -> DictionaryDenoiser:
        """Return the denoiser for one solve, which goes on learning from call to call."""
        return _LearningDenoiser(self.patch_size)


class _LearningDenoiser(DictionaryDenoiser):
    """The denoiser for one solve: the dictionaries are kept for the next call."""

    def __init__(self, patch_size: int) -> None:
        super().__init__(patch_size)
        self._transforms: list[PatchTransform] = []
        self._learned_at = float("inf")

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """Return images `x`, complex64 (…, y, x), without noise of standard deviation `sigma`."""
        if sigma == 0:
            return x
        images = x.flatten(0, -3)
        if not self._transforms:
            self._transforms = [PatchTransform(cosine_atoms(self.patch_size, x.device))] * len(images)
        if sigma < _LEARN_BELOW * self._learned_at:
            pairs = zip(self._transforms, images, strict=True)
            self._transforms = [_learned(transform, image, sigma) for transform, image in pairs]
            self._learned_at = sigma
        pairs = zip(self._transforms, images, strict=True)
        return torch.stack([_thresholded(transform, image, sigma) for transform, image in pairs]).view(x.shape)


def _learned(transform: PatchTransform, image: Tensor, sigma: float) -> PatchTransform:
    patches, atoms = transform.patches(image), transform.atoms
    for _ in range(_ROUNDS):
        atoms = learn_atoms(patches, atoms, _THRESHOLD * sigma)
    return PatchTransform(atoms)


def _thresholded(transform: PatchTransform, image: Tensor, sigma: float) -> Tensor:
    codes = transform.forward(image)
    kept = kept_part(codes.square().sum(dim=0, keepdim=True), sigma)
    kept[:, 0] = 1
    weights = kept.sum(dim=1, keepdim=True).reciprocal_()
    return transform.mean(codes.mul_(kept).mul_(weights), weights)
